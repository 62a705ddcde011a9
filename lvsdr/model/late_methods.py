"""Methods of dataclasses, compiled once they are called; their text is made of names of fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

MISSING = object()

Source = tuple[str, dict[str, Any]]
"""A method as text, and the names that it needs."""


def compiled_later(cls: type, name: str, source: Callable[[], Source]) -> None:
    """Give a class a method that compiles itself once it is called."""

    def first(self: object, *words: Any, **named: Any) -> Any:
        text, names = source()
        # As dataclasses does it: what the text is made of are names of fields.
        exec(text, names)  # noqa: S102
        method = names[name]
        method.__qualname__ = f"{cls.__qualname__}.{name}"
        setattr(cls, name, method)
        return method(self, *words, **named)

    setattr(cls, name, first)


def init(cls: type, known: Mapping[str, Any], frozen: bool) -> Source:
    """Return the source of `__init__`."""
    names: dict[str, Any] = {"_MISSING": MISSING}
    words, body = ["self"], []
    for name, each in known.items():
        value = name
        if each.default is not MISSING:
            names[f"_default_{name}"] = each.default
            words.append(f"{name}=_default_{name}")
        elif each.default_factory is not MISSING:
            names[f"_factory_{name}"] = each.default_factory
            words.append(f"{name}=_MISSING")
            value = f"_factory_{name}() if {name} is _MISSING else {name}"
        else:
            words.append(name)
        if frozen:
            # By the slot itself: faster than to look for it by its name.
            names[f"_set_{name}"] = getattr(cls, name).__set__
            body.append(f" _set_{name}(self, {value})")
        else:
            body.append(f" self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        body.append(" self.__post_init__()")
    return f"def __init__({', '.join(words)}):\n" + "\n".join(body or [" pass"]), names


def eq(known: Mapping[str, Any]) -> Source:
    """Return the source of `__eq__`."""
    ours, others = _values("self", known), _values("other", known)
    test = " if other.__class__ is not self.__class__:\n  return NotImplemented\n"
    return f"def __eq__(self, other):\n{test} return {ours} == {others}", {}


def hash_(known: Mapping[str, Any]) -> Source:
    """Return the source of `__hash__`."""
    return f"def __hash__(self):\n return hash({_values('self', known)})", {}


def _values(owner: str, known: Mapping[str, Any]) -> str:
    """Return the source of the tuple of the values that make a difference."""
    told = "".join(f"{owner}.{name}," for name, each in known.items() if each.compare)
    return f"({told})"
