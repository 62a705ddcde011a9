"""`lvsdr keepalived status`: what keepalived said last, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from lvsdr.cli.options import netns_option, output_option
from lvsdr.cli.session import Session

if TYPE_CHECKING:
    from lvsdr.keepalived.checker_states import Server
    from lvsdr.keepalived.vrrp_states import Notice
    from lvsdr.render.json_documents import Document


@click.command()
@output_option("text", "json")
@netns_option
@click.pass_obj
def status(session: Session) -> int:
    """Show what keepalived said last.

    Of its instances, and whether that has been carried out; exit 1 if not. Of virtual and real
    servers, as its checks found them.
    """
    from dataclasses import asdict

    from lvsdr.keepalived.checker_states import Health
    from lvsdr.keepalived.ledger import Ledger
    from lvsdr.render import json_documents

    book = session.book()
    told, servers = Ledger(book).of_all_profiles(), Health(book).servers()
    session.show(
        text=lambda: [*_states(told), *_checks(servers)],
        json=lambda: json_documents.kept_alive(_plain(told), [asdict(each) for each in servers]),
    )
    return 0 if all(each.settled for each in told) else 1


def _plain(told: Sequence[Notice]) -> Iterator[Document]:
    for each in told:
        yield {
            "type": each.type,
            "name": each.name,
            "state": each.state,
            "done": each.settled,
        }


def _states(told: Sequence[Notice]) -> Iterator[str]:
    for each in told:
        yield f"{each.key}: {each.state}{'' if each.settled else ', not carried out'}"
    if not told:
        yield "keepalived has said nothing of an instance"


def _checks(servers: Iterable[Server]) -> Iterator[str]:
    from datetime import UTC, datetime

    for each in servers:
        since = datetime.fromtimestamp(each.since, UTC).isoformat()
        what = f"real server {each.real_server} of " if each.real_server else "virtual server "
        yield f"{what}{each.virtual_server}: {each.state} since {since}"
