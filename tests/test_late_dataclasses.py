"""The dataclasses that compile their methods late are held against the standard's."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest

from lvsdr.model import late_dataclasses

ROOT = Path(__file__).parent.parent
# The same source, once with each decorator: what differs is what they make of it.
SOURCE = """
from __future__ import annotations
from typing import ClassVar

@dataclass(frozen=True, slots=True)
class Frozen:
    kind: ClassVar[str] = "frozen"
    number: int
    text: str = "text"
    hidden: list[int] = field(default_factory=list, compare=False, repr=False)

@dataclass(frozen=True, slots=True)
class Derived(Frozen):
    text: str = "other"
    more: int = field(default=4, metadata={"unit": "s"})

@dataclass(slots=True)
class Open:
    inner: Frozen
    items: list[int] = field(default_factory=list)

@dataclass(slots=True, eq=False)
class Identity:
    number: int

@dataclass(frozen=True, slots=True)
class Own:
    number: int

    def __repr__(self) -> str:
        return "own"

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 7

@dataclass(frozen=True, slots=True)
class Checked:
    number: int

    def __post_init__(self) -> None:
        if self.number > 1:
            raise TypeError("more than one")

@dataclass(frozen=True, slots=True)
class Empty:
    pass

class Plain(Derived):
    pass
"""
Classes = Mapping[str, Any]


class Pair(NamedTuple):
    """Tuples with names keep them."""

    first: Any
    second: Any


def classes(module: Any) -> Classes:
    names = {"dataclass": module.dataclass, "field": module.field, "__name__": __name__}
    exec(SOURCE, names)
    return names


STANDARD, LATE = classes(dataclasses), classes(late_dataclasses)
Frozen, Derived = LATE["Frozen"], LATE["Derived"]


def outcome(work: Callable[[Classes], object], made: Classes) -> object:
    try:
        return work(made)
    except (TypeError, AttributeError) as error:
        # In the standard's words a class is named by its code alone.
        return type(error), str(error)


def attempts() -> Mapping[str, Callable[[Classes], object]]:
    def assigned(name: str, attribute: str) -> Callable[[Classes], object]:
        return lambda made: setattr(made[name](1), attribute, 2)

    return {
        "repr": lambda made: repr(made["Derived"](1, hidden=[3])),
        "repr inside of itself": lambda made: repr(_itself(made)),
        "repr of none": lambda made: repr(made["Empty"]()),
        "own methods": lambda made: (repr(made["Own"](1)), hash(made["Own"](1))),
        "own eq": lambda made: made["Own"](1) == 3,
        "checked": lambda made: made["Checked"](2),
        "checked and good": lambda made: repr(made["Checked"](1)),
        "by position": lambda made: repr(made["Derived"](1, "a", [], 5)),
        "equal but for what is hidden": lambda made: (
            made["Frozen"](1) == made["Frozen"](1, "text", [2])
        ),
        "unequal": lambda made: made["Frozen"](1) == made["Frozen"](2),
        "of another class": lambda made: made["Frozen"](1, "x") == made["Derived"](1, "x"),
        "a plain subclass": lambda made: made["Plain"](1) == made["Derived"](1),
        "eq of strangers": lambda made: made["Frozen"](1).__eq__(1),
        "none are equal": lambda made: made["Empty"]() == made["Empty"](),
        "by identity": lambda made: made["Identity"](1) == made["Identity"](1),
        "hash": lambda made: hash(made["Derived"](1)),
        "hash of none": lambda made: hash(made["Empty"]()),
        "hash of one that changes": lambda made: hash(made["Open"](1)),
        "hash by identity": lambda made: hash(made["Identity"](1)) == object.__hash__(1),
        "nothing shared": lambda made: made["Open"](1).items is made["Open"](1).items,
        "set a field": assigned("Frozen", "number"),
        "set a field of a plain subclass": assigned("Plain", "more"),
        "set an open one": assigned("Open", "inner"),
        "set another of an open one": assigned("Open", "strange"),
        "delete": lambda made: delattr(made["Frozen"](1), "number"),
        "missing": lambda made: made["Frozen"](),
        "too many": lambda made: made["Frozen"](1, 2, 3, 4),
        "unknown": lambda made: made["Frozen"](1, strange=2),
        "slots": lambda made: (made["Derived"].__slots__, hasattr(made["Frozen"](1), "__dict__")),
        "match": lambda made: made["Derived"].__match_args__,
        "names": lambda made: (made["Derived"].__qualname__, made["Derived"].__module__),
        "class variables": lambda made: (made["Derived"].kind, made["Derived"](1).kind),
        "defaults are no attributes": lambda made: type(made["Frozen"].text).__name__,
        "is one": lambda made: dataclasses.is_dataclass(made["Derived"](1)),
        "asdict": lambda made: dataclasses.asdict(made["Open"](made["Derived"](1))),
        "fields": lambda made: [
            (each.name, each.type, each.compare, each.repr, dict(each.metadata))
            for each in dataclasses.fields(made["Derived"])
        ],
        "replace": lambda made: repr(dataclasses.replace(made["Derived"](1), more=5)),
        "copies": lambda made: repr(copy.deepcopy(made["Derived"](1, hidden=[3])).hidden),
    }


def _itself(made: Classes) -> Any:
    around = made["Open"](made["Frozen"](1))
    around.items.append(around)
    return around


@pytest.mark.parametrize("name", attempts())
def test_a_late_dataclass_does_what_a_standard_one_does(name: str) -> None:
    expected, found = (outcome(attempts()[name], made) for made in (STANDARD, LATE))

    assert found == expected


def test_an_attribute_that_is_no_field_is_for_subclasses() -> None:
    """The standard's of 3.11 raises a TypeError of super() in both cases."""
    item = LATE["Plain"](1)
    item.strange = 2

    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'strange'"):
        Derived(1).strange = 2

    assert item.strange == 2


def test_a_pickled_one_is_itself_again() -> None:
    before = Derived(1, "a", [3], 5)

    after = pickle.loads(pickle.dumps(before))

    assert (after, after.hidden) == (before, [3])


@pytest.mark.parametrize("made", [STANDARD, LATE], ids=["standard", "late"])
def test_fields_and_replace_take_both(made: Classes) -> None:
    item = made["Derived"](1, hidden=[3])

    changed = late_dataclasses.replace(item, number=2)

    names = [each.name for each in late_dataclasses.fields(made["Derived"])]
    assert names == ["number", "text", "hidden", "more"]
    assert (changed.number, changed.hidden, type(changed)) == (2, [3], made["Derived"])
    with pytest.raises(TypeError):
        late_dataclasses.replace(item, strange=1)


@pytest.mark.parametrize("made", [STANDARD, LATE], ids=["standard", "late"])
def test_asdict_goes_as_deep_as_the_standards(made: Classes) -> None:
    inner = made["Derived"](1, hidden=[3])
    around = made["Open"](inner, [inner, (1, [inner]), {"a": inner, 2: (Pair(inner, 2),)}])

    assert late_dataclasses.asdict(around) == dataclasses.asdict(around)


def test_a_standard_one_may_be_derived_of_a_late_one() -> None:
    @dataclasses.dataclass(frozen=True, slots=True)
    class Below(Derived):  # type: ignore[misc,valid-type]
        last: int = 9

    item = Below(1, hidden=[])

    assert repr(item).endswith("(number=1, text='other', more=4, last=9)")
    assert [each.name for each in late_dataclasses.fields(item)][-1] == "last"
    assert late_dataclasses.replace(item, last=3).last == 3


def test_a_default_that_changes_is_refused() -> None:
    with pytest.raises(ValueError, match="mutable default"):

        @late_dataclasses.dataclass(slots=True)
        class Mutable:
            kind: ClassVar[str] = "mutable"
            items: list[int] = []  # noqa: RUF012 - it is what is refused


def test_nothing_is_compiled_before_it_is_called() -> None:
    made = classes(late_dataclasses)["Frozen"]
    before = made.__init__

    made(1)

    assert made.__init__ is not before
    assert made.__init__.__qualname__ == "Frozen.__init__"
    # What is compared with nothing needs no comparison.
    assert made.__eq__.__code__.co_name == "first"
