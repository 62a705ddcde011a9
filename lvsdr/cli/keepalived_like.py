"""`lvsdr keepalived config --like FILE`: the file, and the options that it takes the place of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from lvsdr.errors import ProfileError
from lvsdr.formats.keepalived.configuration import Configuration
from lvsdr.formats.keepalived.host_lines import own_name
from lvsdr.formats.keepalived.instance_writer import Vrrp
from lvsdr.formats.keepalived.like_writer import conf_lines_like
from lvsdr.formats.keepalived.reading import read_by
from lvsdr.model.printable import printable
from lvsdr.model.profile import DirectorProfile

TAKEN_FROM_FILE = (
    *("instance", "router", "priority", "advertise", "version", "nopreempt", "source", "peers"),
    *("group", "links", "password", "garp_repeat", "garp_refresh"),
)
"""The parameters of options that --like takes the place of."""


def lines_like(path: Path, profile: DirectorProfile, made: Vrrp, **how: Any) -> Iterator[str]:
    """Return the lines of a configuration like the one in a file; raise ProfileError if none is."""
    refuse_beside_like()
    return conf_lines_like(profile, conf_of(path), made, **how)


def refuse_beside_like() -> None:
    """Raise ProfileError for an option that says what --like takes from its file."""
    context = click.get_current_context()
    for name in TAKEN_FROM_FILE:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            given = next(each for each in context.command.params if each.name == name)
            raise ProfileError(
                f"cannot take {given.opts[0]} beside --like, which takes it from its file",
                hints=[f"leave out {given.opts[0]}, and edit the output where it is to change"],
            )


def conf_of(path: Path) -> Configuration:
    """Return what this host reads in a keepalived.conf; raise ProfileError if not all of it."""
    try:
        reading = read_by(path.absolute(), own_name())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ProfileError(f"cannot read {printable(str(path))}: {reason}") from error
    if reading.unread:
        raise ProfileError(
            f"cannot write one like {printable(str(path))}: {reading.unread[0]}",
            hints=["run it where keepalived reads that file"],
        )
    (conf,) = reading.confs
    return conf
