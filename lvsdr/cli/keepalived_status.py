"""`lvsdr keepalived status`: what keepalived said last, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lvsdr.cli.options import netns_option, output_option
from lvsdr.cli.session import Session
from lvsdr.render.results import InstanceState, KeepalivedStatus, ServerState

if TYPE_CHECKING:
    from lvsdr.keepalived.ledger import Entry


@click.command()
@output_option(KeepalivedStatus)
@netns_option
@click.pass_obj
def status(session: Session) -> int:
    """Show what keepalived said last.

    Of its instances, and whether that has been carried out; exit 1 if not. Of virtual and real
    servers, as its checks found them.
    """
    from lvsdr.keepalived.checker_states import Health
    from lvsdr.keepalived.ledger import Ledger

    book = session.book()
    told, servers = Ledger(book).of_all_profiles(), Health(book).servers()
    session.show(
        KeepalivedStatus(
            [_instance(key, entry) for key, entry in told],
            [
                ServerState(each.virtual_server, each.real_server, each.state, each.since)
                for each in servers
            ],
        )
    )
    return 0 if all(each.settled for _, each in told) else 1


def _instance(key: str, entry: Entry) -> InstanceState:
    kind, _, name = key.partition(" ")
    return InstanceState(kind, name, entry.state, entry.settled)
