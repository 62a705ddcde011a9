"""The command `lvsdr director drain`, as click has it: its options."""

from __future__ import annotations

import click

from lvsdr.cli.argument_types import NumberRange
from lvsdr.cli.drain import TIMEOUT, drain
from lvsdr.cli.options import (
    lock_option,
    netns_option,
    output_option,
    profile_argument,
    trust_option,
    with_options,
)
from lvsdr.render.results import Drained

OPTIONS = (
    click.option("--rip", metavar="RIP", required=True, help="The real server to drain."),
    click.option(
        "--vs",
        "services",
        metavar="SERVICE",
        multiple=True,
        help="Only in this virtual server: PROTOCOL:VIP:PORT or fwmark:N. Default: in all.",
    ),
    click.option(
        "--timeout",
        metavar="SECONDS",
        type=NumberRange(0, 604800),
        default=TIMEOUT,
        show_default=True,
        help="How long to wait for its connections to end.",
    ),
    click.option(
        "--persistent", is_flag=True, help="Wait for all inactive connections and templates, too."
    ),
    click.option(
        "--undo", is_flag=True, help="Give it back the weight of the profile, also if it is down."
    ),
    profile_argument("director"),
    output_option(Drained),
    netns_option,
    trust_option,
    lock_option,
)

command = click.command("drain")(with_options(drain, *OPTIONS))
