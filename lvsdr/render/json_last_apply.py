"""How the last apply of a profile ended, in the words of the JSON contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lvsdr.model.last_apply import LastApply


def last_apply(item: LastApply | None) -> dict[str, Any] | None:
    """Return how it ended; null where nothing is known of any."""
    if item is None:
        return None
    return {"at": item.at, "exit_code": item.exit_code, "message": item.message or None}
