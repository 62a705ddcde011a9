"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from lvsdr.cli.session import Session

Command = Callable[..., Any]


def profile_argument(role: str | None = None) -> Callable[[Command], Command]:
    """Add the argument PROFILE; it has a default where the command knows the role."""
    default = None if role is None else Path(f"/etc/lvsdr/{role}.json")
    return click.argument(
        "profile", type=click.Path(path_type=Path), required=default is None, default=default
    )


def output_option(*formats: str) -> Callable[[Command], Command]:
    """Add `--format`, and tell the session before the command runs, so that errors follow it."""
    return click.option(
        "--format",
        type=click.Choice(formats),
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


def seconds_option(command: Command) -> Command:
    """Add `--seconds`: how long to listen for answers."""
    return click.option(
        "--seconds",
        metavar="SECONDS",
        type=click.FloatRange(0.1, 3600),
        default=1.6,
        show_default=True,
        expose_value=False,
        callback=_into_session("seconds"),
        help="How long to listen for answers; a proxy answers up to 0.8 s late.",
    )(command)


def rate_option(command: Command) -> Command:
    """Add `--rate`: how many probes to send in a second."""
    return click.option(
        "--rate",
        metavar="PROBES",
        type=click.IntRange(1, 20_000),
        default=1000,
        show_default=True,
        expose_value=False,
        callback=_into_session("rate"),
        help="How many probes to send in a second, at the most.",
    )(command)


def lock_option(command: Command) -> Command:
    """Add `--lock-timeout`: how long to wait for another run to end."""
    return click.option(
        "--lock-timeout",
        metavar="SECONDS",
        type=click.FloatRange(0, 3600),
        default=10.0,
        show_default=True,
        expose_value=False,
        callback=_into_session("lock_timeout"),
        help="How long to wait for another lvsdr in this network namespace.",
    )(command)


def _into_session(name: str) -> Callable[[click.Context, click.Parameter, Any], Any]:
    def put(context: click.Context, _: click.Parameter, value: Any) -> Any:
        setattr(context.find_object(Session), name, value)
        return value

    return put
