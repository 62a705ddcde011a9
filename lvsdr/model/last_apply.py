"""How the last apply of a profile ended: what is told after its output is gone."""

from __future__ import annotations

from lvsdr.model.late_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LastApply:
    """When an apply came to its end, seconds since 1970, and with which exit code; 0 is well.

    `message` says why it failed. `file` is where the profile came from; empty where nobody knows.
    """

    at: int
    exit_code: int = 0
    message: str = ""
    file: str = ""

    @property
    def outcome(self) -> str:
        """Return how it ended, and what became of the host, in words."""
        if not self.exit_code:
            return "the host was as the profile says"
        left = LEFT.get(self.exit_code, "nothing was changed")
        return f"failed (exit {self.exit_code}), {left}: {self.message}"


# How the host was left, by exit code; with any other it was not touched.
LEFT = {
    3: "all undone",
    4: "all undone",
    5: "undoing failed too",
    7: "what was changed is not known",
}
