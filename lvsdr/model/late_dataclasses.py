"""Frozen, slotted dataclasses whose methods are compiled once they are called.

A command makes a hundred kinds of nouns and uses a third of them. dataclasses compiles six methods
for each, and imports what inspects source text: more time than a plan takes for its work. These
have the same fields, methods, errors and views, as far as lvsdr uses them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from reprlib import recursive_repr
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lvsdr.model import late_methods
from lvsdr.model.late_methods import MISSING, compiled_later

__all__ = ["Field", "asdict", "dataclass", "field", "fields", "replace"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})
# What the classes themselves say: the fields by name, inherited ones first.
_FIELDS = "__late_fields__"
_STANDARD = ("__dataclass_fields__", "__dataclass_params__")


class _Field:
    """One field of a class; `default` and `default_factory` are MISSING where there is none."""

    __slots__ = ("compare", "default", "default_factory", "metadata", "name", "repr", "type")

    def __init__(
        self,
        *,
        default: Any = MISSING,
        default_factory: Any = MISSING,
        compare: bool = True,
        repr: bool = True,
        metadata: Mapping[str, Any] = _NOTHING,
    ) -> None:
        self.default = default
        self.default_factory = default_factory
        self.compare = compare
        self.repr = repr
        self.metadata = metadata
        self.name = self.type = ""


class _StandardView:
    """What dataclasses has to say of a class, made once somebody asks for it: tests, and asdict."""

    __slots__ = ("_frozen", "_made", "_name")

    def __init__(self, made: type, name: str, frozen: bool) -> None:
        self._made, self._name, self._frozen = made, name, frozen

    def __get__(self, _: object, __: type) -> Any:
        from dataclasses import field, make_dataclass  # noqa: PLC0415

        own = {"compare": "compare", "repr": "repr", "metadata": "metadata"}
        specified = []
        for each in vars(self._made)[_FIELDS].values():
            words = {name: getattr(each, name) for name in own}
            for name in ("default", "default_factory"):
                if (value := getattr(each, name)) is not MISSING:
                    words[name] = value
            specified.append((each.name, each.type, field(**words)))
        standard = make_dataclass(self._made.__name__, specified, frozen=self._frozen)
        for name in _STANDARD:
            setattr(self._made, name, getattr(standard, name))
        return getattr(standard, self._name)


def _dataclass(
    *, frozen: bool = False, slots: bool, eq: bool = True
) -> Callable[[type[Any]], type[Any]]:
    """Return what makes a dataclass of a class, whose annotations are texts."""
    assert slots, "every noun of lvsdr has slots"

    def dataclass_of(cls: type[Any]) -> type[Any]:
        known = _fields_of(cls)
        made = _slotted(cls, known)
        words = vars(made)
        compiled_later(made, "__init__", lambda: late_methods.init(made, known, frozen))
        if "__repr__" not in words:
            made.__repr__ = recursive_repr()(_repr)  # type: ignore[assignment]
        explicit = words.get("__hash__") is not None
        if eq and "__eq__" not in words:
            compiled_later(made, "__eq__", lambda: late_methods.eq(known))
        if eq and not explicit:
            if frozen:
                compiled_later(made, "__hash__", lambda: late_methods.hash_(known))
            else:
                made.__hash__ = None  # type: ignore[assignment]
        if frozen:
            _freeze(made, known)
        for name in _STANDARD:
            setattr(made, name, _StandardView(made, name, frozen))
        return made

    return dataclass_of


def _fields_of(cls: type[Any]) -> dict[str, _Field]:
    """Return the fields of a class, those of its bases first."""
    known: dict[str, _Field] = {}
    for base in cls.__mro__[-1:0:-1]:
        known.update(vars(base).get(_FIELDS, _NOTHING))
    for name, kind in vars(cls).get("__annotations__", {}).items():
        if kind.startswith("ClassVar"):
            continue
        default = vars(cls).get(name, MISSING)
        each = default if isinstance(default, _Field) else _Field(default=default)
        if each.default.__class__.__hash__ is None:
            raise ValueError(f"mutable default {type(each.default)} for field {name}")
        each.name, each.type = name, kind
        known[name] = each
    return known


def _slotted(cls: type[Any], known: Mapping[str, _Field]) -> type[Any]:
    """Return the class anew, with slots for its fields: a class that is there cannot get any."""
    taken = {slot for base in cls.__mro__[1:-1] for slot in vars(base).get("__slots__", ())}
    words = {
        name: value
        for name, value in vars(cls).items()
        if name not in known and name not in {"__dict__", "__weakref__"}
    }
    words["__slots__"] = tuple(name for name in known if name not in taken)
    words.setdefault("__match_args__", tuple(known))
    words[_FIELDS] = known
    kind: Callable[..., type[Any]] = type(cls)
    made = kind(cls.__name__, cls.__bases__, words)
    made.__qualname__ = cls.__qualname__
    return made


def _repr(self: Any) -> str:
    shown = (each.name for each in _fields(self) if each.repr)
    told = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
    return f"{type(self).__qualname__}({told})"


def _freeze(cls: Any, known: Mapping[str, _Field]) -> None:
    """Let the fields of a class be set by its own `__init__` alone."""

    def refuse(self: object, name: str, verb: str) -> None:
        if type(self) is cls or name in known:
            from dataclasses import FrozenInstanceError  # noqa: PLC0415

            raise FrozenInstanceError(f"cannot {verb} field {name!r}")

    def set_(self: object, name: str, value: Any) -> None:
        refuse(self, name, "assign to")
        super(cls, self).__setattr__(name, value)

    def delete(self: object, name: str) -> None:
        refuse(self, name, "delete")
        super(cls, self).__delattr__(name)

    cls.__setattr__, cls.__delattr__ = set_, delete
    cls.__getstate__, cls.__setstate__ = _state, _set_state


def _fields(item: Any) -> tuple[Any, ...]:
    """Return the fields of a dataclass, or of an instance of one; of the standard's as well."""
    found = vars(item if isinstance(item, type) else type(item)).get(_FIELDS)
    if found is None:
        # Not as it inherits them: the standard's own may have more.
        from dataclasses import fields as standard  # noqa: PLC0415

        return standard(item)
    return tuple(found.values())


def _replace(item: Any, /, **changes: Any) -> Any:
    """Return an instance like `item`, but for `changes`."""
    for each in _fields(item):
        if each.name not in changes:
            changes[each.name] = getattr(item, each.name)
    return type(item)(**changes)


def _asdict(item: Any) -> dict[str, Any]:
    """Return the values of a dataclass by their names, those of others inside of it as well."""
    return {each.name: _plain(getattr(item, each.name)) for each in _fields(item)}


def _plain(value: Any) -> Any:
    if hasattr(type(value), _FIELDS) or hasattr(type(value), _STANDARD[0]):
        return _asdict(value)
    if isinstance(value, list | tuple):
        plain = map(_plain, value)
        return type(value)(*plain) if hasattr(value, "_fields") else type(value)(plain)
    if isinstance(value, dict):
        return {_plain(key): _plain(each) for key, each in value.items()}
    return value


def _state(self: Any) -> list[Any]:
    return [getattr(self, each.name) for each in _fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for each, value in zip(_fields(self), state, strict=True):
        object.__setattr__(self, each.name, value)


# A type checker sees the standard's, and holds every use of these to it.
if TYPE_CHECKING:
    from dataclasses import Field, asdict, dataclass, field, fields, replace
else:
    Field, dataclass, field, fields = _Field, _dataclass, _Field, _fields
    asdict, replace = _asdict, _replace
