"""One kind of change, and the plan made of them."""

from __future__ import annotations

from lvsdr.model.late_dataclasses import dataclass
from lvsdr.model.objects import Key, Object, there


@dataclass(frozen=True, slots=True)
class Change:
    """Take one object from `before` to `after`; None means it is not there."""

    before: Object | None
    after: Object | None

    @property
    def subject(self) -> Object:
        """Return the object as it will be, or as it was where it goes."""
        before, after = self.before, self.after
        if after is None:
            assert before is not None, "a change has at least one side"
            return before
        return before if before is not None and there(before) and not there(after) else after

    @property
    def key(self) -> Key:
        return self.subject.key

    @property
    def sign(self) -> str:
        """Return + for what appears, - for what goes, ~ for what changes."""
        if self.before is None or not there(self.before):
            return "+"
        return "~" if there(self.after) else "-"

    @property
    def verb(self) -> str:
        """Return the verb of an error message about this change."""
        return {"+": "add", "-": "delete", "~": "change"}[self.sign]

    def inverse(self) -> Change:
        """Return the change that undoes this one."""
        return Change(before=self.after, after=self.before)


Plan = tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """An object that is let go of and does not become what it was before; `why` is a predicate.

    Where it may be `ours`, a person has to look at it: the record does not know.
    """

    item: Object
    why: str
    ours: bool = False

    def __str__(self) -> str:
        return f"{self.item.noun} {self.item} {self.why}"
