"""`lvsdr keepalived status`: what keepalived said last, and what became of it."""

from __future__ import annotations

import click

from lvsdr.cli.options import netns_option, output_option
from lvsdr.cli.session import Session
from lvsdr.model.keepalived_states import InstanceState, ServerState
from lvsdr.render.keepalived_results import KeepalivedStatus


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
            [InstanceState(each.type, each.name, each.state, each.settled) for each in told],
            [
                ServerState(each.virtual_server, each.real_server, each.state, each.since)
                for each in servers
            ],
        )
    )
    return 0 if all(each.settled for each in told) else 1
