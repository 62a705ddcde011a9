"""The programs that keepalived is to run, named as every version of it runs them."""

from __future__ import annotations

from pathlib import Path

from lvsdr.model.health import CommandCheck, Health
from lvsdr.model.late_dataclasses import replace
from lvsdr.model.profile import DirectorProfile


def in_its_folder(program: str | Path) -> str:
    """Return the path of a program without links in its folder.

    From 2.3 on keepalived runs none behind such a link, as /bin is one where /usr is merged. The
    last part stays as it is: a link to the newest version, and what tells a virtual environment's
    Python which one that is.
    """
    path = Path(program).absolute()
    return str(path.parent.resolve() / path.name)


def checked_from_their_folders(profile: DirectorProfile) -> DirectorProfile:
    """Return the profile with the programs that check real servers in their own folders."""
    own = {service: _in_folder(each) for service, each in profile.own_health.items()}
    return replace(profile, health=_in_folder(profile.health), own_health=own)


def _in_folder(health: Health | None) -> Health | None:
    if health is None or not isinstance(health.check, CommandCheck):
        return health
    program, *words = health.check.words
    return replace(health, check=CommandCheck((in_its_folder(program), *words)))
