"""keepalived.conf for a director's profile: the vrrp part, and virtual servers on request."""

from __future__ import annotations

from collections.abc import Iterator

from lvsdr.formats.keepalived.conf_words import block, plain, short
from lvsdr.formats.keepalived.instance_writer import Vrrp, vrrp_lines
from lvsdr.formats.keepalived.server_writer import server_lines
from lvsdr.formats.keepalived.vrrp_rules import refuse_unfit
from lvsdr.model.profile import DirectorProfile

__all__ = ["Vrrp", "conf_lines", "plain"]


def conf_lines(
    profile: DirectorProfile,
    vrrp: Vrrp,
    *,
    virtual_servers: bool = False,
    track_files: str | None = None,
) -> Iterator[str]:
    """Yield the lines of a configuration; raise ProfileError for what keepalived has no words.

    With `track_files`, a folder, each real server has a file in it as well, by which lvsdr says
    whether it serves.
    """
    refuse_unfit(profile, vrrp)
    yield from block("global_defs", global_lines(vrrp, checks=virtual_servers))
    yield from vrrp_lines(profile, vrrp)
    if virtual_servers:
        yield from short(server_lines(profile, track_files))


def global_lines(vrrp: Vrrp, *, checks: bool) -> Iterator[str]:
    """Yield what counts for all instances and virtual servers."""
    if vrrp.host:
        # Else keepalived asks the DNS what this host is called, and waits for it at each start.
        yield f"router_id {vrrp.host}"
    # Sub-second adverts need version 3.
    yield f"vrrp_version {vrrp.version}"
    # Else keepalived runs, as root, what others may have written.
    yield "enable_script_security"
    yield "script_user root"
    if vrrp.fifo:
        yield fifo_line(vrrp.fifo, checks=checks)


def fifo_line(path: str, *, checks: bool) -> str:
    """Return the line by which keepalived writes to a FIFO: of what its `checks` find, too."""
    return f"{'notify_fifo' if checks else 'vrrp_notify_fifo'} {plain(path)}"
