"""A line of a keeper: what it tells, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lvsdr.model.late_dataclasses import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from lvsdr.model.health_event import HealthEvent
    from lvsdr.model.keep_event import KeepEvent


@dataclass(frozen=True, slots=True)
class KeepLine:
    """What a keeper tells of its host; `when`, in UTC."""

    event: KeepEvent | HealthEvent
    when: datetime

    @property
    def title(self) -> str:
        """Return it in one line."""
        from lvsdr.render.utc_time import timestamp  # noqa: PLC0415 - a plan tells none

        item = self.event
        said = "; ".join(self._circumstances())
        told = f"{item.severity}: {item.kind}: {item.profile}: {item.message}"
        return f"{timestamp(self.when)} {told}" + (f" ({said})" if said else "")

    def _circumstances(self) -> Iterator[str]:
        from lvsdr.model.keep_event import KeepEvent  # noqa: PLC0415 - a plan tells none
        from lvsdr.render.utc_time import timestamp  # noqa: PLC0415

        item = self.event
        if not isinstance(item, KeepEvent):
            return
        if item.since is not None:
            yield f"{'since' if item.exactly else 'still right at'} {timestamp(item.since)}"
        if item.who:
            yield f"by {item.who}"
        if item.look:
            yield f"look: {item.look}"
