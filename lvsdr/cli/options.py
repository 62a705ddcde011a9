"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lvsdr.cli.argument_types import NumberRange
from lvsdr.cli.default_profile import default_profile
from lvsdr.cli.session import Session
from lvsdr.render import output_formats

if TYPE_CHECKING:
    from lvsdr.model.address import IPAddress
    from lvsdr.render.results import Result

Command = Callable[..., Any]
Option = Callable[[Command], Command]


def with_options(work: Command, *options: Option) -> Command:
    """Return what click makes a command of: `work`, which is given the session, and its options."""
    command: Command = click.pass_obj(work)
    for add in reversed(options):
        command = add(command)
    return command


def _into_session(name: str) -> Callable[[click.Context, click.Parameter, Any], Any]:
    def put(context: click.Context, _: click.Parameter, value: Any) -> Any:
        setattr(context.find_object(Session), name, value)
        return value

    return put


def _number_option(
    flag: str, metavar: str, kind: NumberRange | click.IntRange, default: float | None, text: str
) -> Callable[[Command], Command]:
    """Return an option with a number for the session, which has it under the option's name."""
    return click.option(
        flag,
        metavar=metavar,
        type=kind,
        default=default,
        show_default=True,
        expose_value=False,
        callback=_into_session(flag.removeprefix("--").replace("-", "_")),
        help=text,
    )


def profile_argument(role: str | None = None) -> Callable[[Command], Command]:
    """Add the argument PROFILE; it has a default where the command knows the role."""
    path = click.Path(path_type=Path)
    if role is None:
        # Not default=None: for click that is a value, and nothing is missing then.
        return click.argument("profile", type=path)
    return click.argument("profile", type=path, default=default_profile(role))


def output_option(result: type[Result]) -> Callable[[Command], Command]:
    """Add `--format`, with the formats that can show the command's result.

    The session is told before the command runs, so that errors follow it.
    """
    return click.option(
        "--format",
        type=click.Choice(output_formats.names(result)),
        default="text",
        show_default=True,
        expose_value=False,
        is_eager=True,
        callback=_into_session("output"),
        help="How to print the result.",
    )


netns_option = click.option(
    "--netns",
    metavar="NAME|PATH",
    expose_value=False,
    callback=lambda context, _, value: context.find_object(Session).enter(value),
    help="Work in this network namespace: one of `ip netns`, or a path.",
)


def trust_option(command: Command) -> Command:
    """Add `--allow-insecure-profile`."""
    return click.option(
        "--allow-insecure-profile",
        is_flag=True,
        expose_value=False,
        callback=_into_session("allow_insecure_profile"),
        help="As root, take a profile that others may write.",
    )(command)


def name_option(command: Command) -> Command:
    """Add `--name`: a profile whose file is gone is known by its name."""
    return click.option(
        "--name",
        metavar="NAME",
        help="Withdraw the profile of this name, as the record knows it; no file is read.",
    )(command)


def without_record_option(command: Command) -> Command:
    """Add `--without-record`."""
    return click.option(
        "--without-record",
        is_flag=True,
        help="Take away what is there as the profile says, though no record knows of it.",
    )(command)


seconds_option = _number_option(
    "--seconds",
    "SECONDS",
    NumberRange(0.1, 3600),
    1.6,
    "How long to listen for answers; a proxy answers up to 0.8 s late.",
)


rate_option = _number_option(
    "--rate",
    "FRAMES",
    NumberRange(1, 100000),
    None,
    "How many frames a second to send at most: 5000, and 10000 to ask for many addresses.",
)


requests_option = _number_option(
    "--requests",
    "NUMBER",
    click.IntRange(1, 1000),
    10,
    "How many connections to ask each service for, beyond the gateway.",
)


def nagios_option(command: Command) -> Command:
    """Add `--nagios`; a session that is told so before it fails says that as a plugin does."""
    return click.option(
        "--nagios",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_into_session("nagios"),
        help="Print a line, and end with a code, as a plugin of Nagios does.",
    )(command)


def dip_option(command: Command) -> Command:
    """Add `--dip`: by which of its addresses a director is known."""
    return click.option(
        "--dip",
        "dips",
        metavar="ADDRESS",
        multiple=True,
        callback=lambda _, __, values: tuple(map(address_of, values)),
        help="A director's own address: what answers for it is a director.",
    )(command)


def address_of(text: str) -> IPAddress:
    """Return the address that an option names; raises BadParameter."""
    try:
        return ip_address(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


lock_option = _number_option(
    "--lock-timeout",
    "SECONDS",
    NumberRange(0, 3600),
    10.0,
    "How long to wait for another lvsdr in this network namespace.",
)
