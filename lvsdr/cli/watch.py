"""`lvsdr watch`: a line for each frame that speaks in a VIP's name and must not."""

from __future__ import annotations

import select
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lvsdr.cli.argument_types import NumberRange
from lvsdr.cli.options import (
    dip_option,
    netns_option,
    output_option,
    profile_argument,
    rate_option,
)
from lvsdr.cli.session import Session
from lvsdr.core import signals
from lvsdr.render.results import SegmentEvent

if TYPE_CHECKING:
    from lvsdr.model.address import IPAddress
    from lvsdr.model.watch_event import Event


@click.command()
@profile_argument()
@click.option(
    "--for",
    "seconds",
    metavar="SECONDS",
    type=NumberRange(0.1, 604800),
    help="End after so long; without it, at a signal.",
)
@click.option("--interface", metavar="LINK", help="The link to listen on.")
@click.option(
    "--ask-every",
    metavar="SECONDS",
    type=NumberRange(1, 86400),
    help="Also ask for the VIPs, so that those are heard who answer and are silent otherwise.",
)
@click.option(
    "--director-mac",
    "macs",
    metavar="MAC",
    multiple=True,
    callback=lambda _, __, values: frozenset(map(_mac, values)),
    help="This is the director; may be given more than once.",
)
@dip_option
@rate_option
@output_option(SegmentEvent)
@netns_option
@click.pass_obj
def watch(  # noqa: PLR0913 - as many options
    session: Session,
    *,
    profile: Path,
    seconds: float | None,
    interface: str | None,
    ask_every: float | None,
    macs: frozenset[str],
    dips: tuple[IPAddress, ...],
) -> int:
    """Tell of whoever but the director speaks in a VIP's name.

    Listens on the segment, from any host of it, until a signal ends it; exit 1 if there was an
    alarm.
    """
    from lvsdr.profile.reader import read
    from lvsdr.proof.watching import Wanted, Watch

    wanted = Wanted(read(profile), interface, seconds, ask_every, macs, dips)
    session.at_rest()
    with session.kernel() as kernel, signals.noted() as stopped:
        watching = Watch(
            wanted,
            kernel,
            tell=lambda event: _tell(session, event),
            begun=lambda link: session.tell([f"watching {link}"]),
            over=lambda: stopped() or session.lost or _unread(),
        )
        watching.run(session.ears, session.ask)
    return 1 if watching.alarmed else 0


def _tell(session: Session, event: Event) -> None:
    session.show_one(SegmentEvent(event, datetime.now(UTC)))


def _unread() -> bool:
    """Return whether nobody reads our output any longer: the other end of the pipe is closed."""
    poll = select.poll()
    try:
        poll.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError):
        # No file at all, as where lvsdr is a library.
        return False
    return any(happened & select.POLLERR for _, happened in poll.poll(0))


def _mac(text: str) -> str:
    from lvsdr.wire.frames.ethernet import FrameError, mac_bytes, mac_text

    try:
        return mac_text(mac_bytes(text))
    except FrameError as error:
        raise click.BadParameter(str(error)) from error
