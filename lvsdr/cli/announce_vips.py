"""`lvsdr director announce`: the segment told that the VIPs are here."""

from __future__ import annotations

from pathlib import Path

import click

from lvsdr.cli.argument_types import NumberRange
from lvsdr.cli.options import netns_option, output_option, profile_argument, trust_option
from lvsdr.cli.role_commands import read_profile
from lvsdr.cli.session import Session
from lvsdr.render.results import Announced


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
@click.pass_obj
def announce(session: Session, profile: Path, count: int, interval: float) -> int:
    """Tell the segment that the VIPs are here.

    Sends gratuitous ARP in both forms, and unsolicited neighbour advertisements: what turns back
    the caches that a real server has poisoned. `apply` does it by itself for a new VIP.
    """
    from lvsdr.core import workflow
    from lvsdr.model.profile import DirectorProfile

    wanted = read_profile(session, profile, "director")
    assert isinstance(wanted, DirectorProfile), "read() holds it to its role"
    with session.kernel() as kernel:
        vips = workflow.announce(wanted, kernel, session.announcer, count, interval)
    session.show(Announced(vips))
    return 0
