"""The command that explains what this host would answer, and what a finding means."""

from __future__ import annotations

from ipaddress import IPv4Address

import click

from lvsdr.cli.address_types import IPv4Type
from lvsdr.cli.options import netns_option, output_option
from lvsdr.cli.session import Session
from lvsdr.errors import CannotRun


@click.command()
@click.argument("topic", type=click.Choice(["arp"]))
@click.argument("link", required=False)
@click.option(
    "--vip", "vips", metavar="ADDRESS", type=IPv4Type(), multiple=True, help="Explain it as well."
)
@output_option("text", "json")
@netns_option
@click.pass_obj
def explain(session: Session, topic: str, link: str | None, vips: tuple[IPv4Address, ...]) -> int:
    """Explain what this host would answer on ARP, and why.

    For one LINK or for all: the settings that count, what they mean, and for each IPv4 address of
    this host, and each VIP given, whether it would be answered for. Nothing is sent.
    """
    assert topic == "arp", "click knows no other"
    from lvsdr.render import json_documents, text
    from lvsdr.rules.host import explain_arp

    with session.kernel() as kernel:
        host = kernel.inspect(lambda seen: explain_arp.packets(link, vips, seen), table=False)
    if link is not None and link not in host.links:
        raise CannotRun(
            f"cannot explain link {link}: no such link",
            hints=[f"the links of this host: {', '.join(sorted(host.links))}"],
        )
    told = [explain_arp.explanation(name, vips, host) for name in explain_arp.links(link, host)]
    session.show(text=lambda: text.explained(told), json=lambda: json_documents.explained(told))
    return 0
