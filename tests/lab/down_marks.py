"""A keeper's change, as a run of its own that can be struck: real servers down, or up again."""

from __future__ import annotations

import json
import sys
from ipaddress import ip_address
from pathlib import Path

from lvsdr.cli.session import Session
from lvsdr.core import signals
from lvsdr.core.health_state import set_down
from lvsdr.errors import LvsdrError
from lvsdr.model.health import Down
from lvsdr.model.ipvs import RealServer
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.profile import DirectorProfile
from lvsdr.profile.reader import read

NAME = "set-down"


def arguments(profile: Path, ports: list[int], rips: list[str], action: str | None) -> list[str]:
    """Return what makes real servers down by `action`, or up where it is None."""
    return [NAME, str(profile), json.dumps([ports, rips, action])]


def with_sorry(profile: DirectorProfile, rip: str = "192.168.1.99") -> DirectorProfile:
    """Return the profile with a sorry server for each service."""
    services = [each.service for each in profile.virtual_servers]
    sorry = tuple(RealServer(each, ip_address(rip), each.port) for each in services)
    return replace(profile, sorry_servers=sorry)


def run(words: tuple[str, ...], session: Session) -> int:
    """Do what `arguments` says; return the exit code."""
    made = read(Path(words[1]), "director")
    assert isinstance(made, DirectorProfile)
    profile, (ports, rips, action) = with_sorry(made), json.loads(words[2])
    down = None if action is None else Down(1, "is silent", action=action)
    changes = {
        each.key: down
        for each in profile.real_servers
        if each.service.port in ports and str(each.rip) in rips
    }
    book = session.book()
    try:
        with signals.raising(), book.locked(1), session.kernel() as kernel:
            set_down(profile, changes, kernel, book)
    except LvsdrError as error:
        print(error.message, *error.notes, sep="\n", file=sys.stderr)
        return error.exit_code
    return 0
