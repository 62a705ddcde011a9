"""`--adopt`: a director's apply that takes over what is there, and says what, and from whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lvsdr.core.adoption import plan_adoption, told
from lvsdr.core.one_table import refuse_what_others_have
from lvsdr.errors import CannotRun

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lvsdr.core.kernel_interface import Kernel
    from lvsdr.core.situation import Situation
    from lvsdr.model.change import Kept

__all__ = ["adopted", "plan_adoption", "refuse_what_others_have", "refused"]


def adopted(situation: Situation, kernel: Kernel) -> tuple[Kept, ...]:
    """Return what is adopted, and what else is kept."""
    return (*situation.kept, *told(situation, kernel))


def refused(planned: Situation, kernel: Kernel) -> Iterator[str]:
    """Yield why apply would refuse it: whoever plans may look before the former owner ends."""
    try:
        refuse_what_others_have(planned, kernel)
    except CannotRun as reason:
        yield "; ".join((f"apply --adopt will refuse: {reason.message}", *reason.hints))
