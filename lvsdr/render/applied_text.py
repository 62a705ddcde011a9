"""What the record knows of the profiles of a host, as people read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lvsdr.model.health import moment
from lvsdr.model.printable import printable
from lvsdr.render.page_width import USUAL
from lvsdr.render.state_line import indented
from lvsdr.render.status_verify_text import status_lines

if TYPE_CHECKING:
    from lvsdr.model.last_apply import LastApply
    from lvsdr.render.object_rows import AppliedProfile


def last_apply_lines(last: LastApply | None) -> Iterator[str]:
    """Yield how the last apply failed; nothing where it went well."""
    if last is not None and last.exit_code:
        yield f"last apply {moment(last.at)} {printable(last.outcome)}"


def applied_lines(profile: AppliedProfile) -> Iterator[str]:
    """Yield what the record knows of a profile, and a line for each object that it holds."""
    yield f"{profile.role} {profile.name}" + (f", from {profile.file}" if profile.file else "")
    if profile.applied is not None:
        yield f"  applied {moment(profile.applied)}"
    yield from (f"  {line}" for line in last_apply_lines(profile.last_apply))
    if profile.cut_off:
        yield "  its last run was cut off: apply or withdraw it again"
    yield from (indented(line) for line in status_lines(profile.rows, USUAL - 2))
