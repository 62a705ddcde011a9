"""What keepalived has said, as people are shown it."""

from __future__ import annotations

from lvsdr.model.late_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InstanceState:
    """What keepalived said last of an instance or a group; `done` where it is carried out."""

    type: str
    name: str
    state: str
    done: bool


@dataclass(frozen=True, slots=True)
class ServerState:
    """What keepalived's checks found of a server last; `since` is time(2)."""

    virtual_server: str
    real_server: str | None
    state: str
    since: int
