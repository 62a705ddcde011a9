"""`lvsdr director announce`: the segment told that the VIPs are here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lvsdr.cli.argument_types import NumberRange
from lvsdr.cli.options import (
    address_of,
    netns_option,
    output_option,
    profile_argument,
    trust_option,
)
from lvsdr.cli.role_verbs import read_profile
from lvsdr.cli.session import Session
from lvsdr.model.told_neighbour import ToldNeighbour
from lvsdr.render.results import Announced

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lvsdr.model.address import IPAddress
    from lvsdr.model.profile import DirectorProfile


@click.command()
@profile_argument("director")
@output_option(Announced)
@netns_option
@trust_option
@click.option(
    "--count",
    metavar="TIMES",
    type=click.IntRange(1, 100),
    default=3,
    show_default=True,
    help="How often to tell it.",
)
@click.option(
    "--interval",
    metavar="SECONDS",
    type=NumberRange(0, 3600),
    default=0.1,
    show_default=True,
    help="How long after one another.",
)
@click.option(
    "--to",
    "others",
    metavar="ADDRESS",
    multiple=True,
    callback=lambda _, __, values: tuple(map(address_of, values)),
    help="A neighbour to ask in the VIPs' name, besides the gateways.",
)
@click.pass_obj
def announce(
    session: Session, profile: Path, count: int, interval: float, others: tuple[IPAddress, ...]
) -> int:
    """Tell the segment that the VIPs are here.

    Sends gratuitous ARP in both forms, and unsolicited neighbour advertisements: what turns back
    the caches that a real server has poisoned. Routers may heed none of that: so each gateway of
    this host's routes is asked in the VIPs' name too, and whoever answers has learnt where they
    are. `apply` does the same by itself for a new VIP.
    """
    from lvsdr.core import workflow
    from lvsdr.model.profile import DirectorProfile

    wanted = read_profile(session, profile, "director")
    assert isinstance(wanted, DirectorProfile), "read() holds it to its role"
    with session.kernel() as kernel:
        session.doing = "announcing the VIPs"
        vips = workflow.announce(wanted, kernel, session.announcer, count, interval)
        neighbours = tuple(dict.fromkeys((*session.next_hops(wanted.interface), *others)))
    session.doing = "asking the gateways"
    session.show(Announced(vips, tuple(_told(session, wanted, neighbours))))
    return 0


def _told(
    session: Session, profile: DirectorProfile, neighbours: tuple[IPAddress, ...]
) -> Iterator[ToldNeighbour]:
    """Ask each neighbour in the VIPs' name; yield which of its family it has learnt of."""
    answers = session.told(profile.interface, profile.vips, neighbours)
    for each in neighbours:
        near = [vip for vip in profile.vips if vip.version == each.version]
        told = tuple(vip for vip in near if (each, vip) in answers)
        untold = tuple(vip for vip in near if (each, vip) not in answers)
        yield ToldNeighbour(each, told, untold)
