"""The table of commands: what each is for, and where it is imported from once it is called.

All of them together take longer to import than most of them take to do their work.
"""

from __future__ import annotations

from collections.abc import Callable

import click

from lvsdr.cli.session import Session


class Later(click.Command):
    """A command that is imported once it is called; until then it is a name and a summary."""

    def __init__(self, name: str, summary: str, load: Callable[[], click.Command]) -> None:
        super().__init__(name, help=summary)
        self._load = load

    def loaded(self) -> click.Command:
        """Return the command itself."""
        from lvsdr.cli.timings_option import offer_timings

        command = self._load()
        offer_timings(command)
        return command


class Overview(click.Group):
    """A group whose commands are loaded once they are called: its help needs none of them."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the words ask for, loaded, and the words after it."""
        name, command, rest = super().resolve_command(ctx, args)
        found = command.loaded() if isinstance(command, Later) else command
        _print_help_as_a_result(found, ctx)
        return name, found, rest

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return the option that prints the help."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _show_help
        return option


def _print_help_as_a_result(command: click.Command | None, context: click.Context) -> None:
    """Let the help of a command, or of all in a group, be printed by the session.

    click's own way ends in a traceback where nobody can read it.
    """
    option = None if command is None else command.get_help_option(context)
    if option is not None:
        option.callback = _show_help
    if isinstance(command, click.Group):
        for each in command.commands.values():
            _print_help_as_a_result(each, context)


def _show_help(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        context.ensure_object(Session).write(context.get_help().splitlines())
        context.exit()


def _director() -> click.Command:
    from lvsdr.cli import announce_vips, director_commands, drain_command, keep, status, verify

    return click.Group(
        "director",
        help=TABLE["director"][0],
        commands=[
            *director_commands.of_a_director(),
            announce_vips.announce,
            drain_command.command,
            status.status_director,
            verify.verify_director,
            keep.of_a_director(),
        ],
    )


def _realserver() -> click.Command:
    from lvsdr.cli import keep, role_commands, status, verify

    return click.Group(
        "realserver",
        help=TABLE["realserver"][0],
        commands=[
            *role_commands.of_a_realserver(),
            status.status_realserver,
            verify.verify_realserver,
            keep.of_a_realserver(),
        ],
    )


def _status() -> click.Command:
    from lvsdr.cli.applied_profiles import status

    return status


def _check() -> click.Command:
    from lvsdr.cli.profile_commands import check

    return check


def _import() -> click.Command:
    from lvsdr.cli import import_others
    from lvsdr.cli.import_profiles import import_

    for command in (import_others.ipvsadm, import_others.ldirectord, import_others.running):
        import_.add_command(command)
    return import_


def _verify() -> click.Command:
    from lvsdr.cli.verify import verify_segment

    return verify_segment


def _watch() -> click.Command:
    from lvsdr.cli.watch import watch

    return watch


def _explain() -> click.Command:
    from lvsdr.cli.explain import explain

    return explain


def _metrics() -> click.Command:
    from lvsdr.cli.metrics import metrics

    return metrics


def _report() -> click.Command:
    from lvsdr.cli.report import report

    return report


def _schema() -> click.Command:
    from lvsdr.cli.profile_commands import schema

    return schema


def _rehearse() -> click.Command:
    from lvsdr.cli.rehearse import rehearse

    return rehearse


def _keepalived() -> click.Command:
    from lvsdr.cli import keepalived_conf, keepalived_config, keepalived_status
    from lvsdr.cli.keepalived import keepalived

    for command in (
        keepalived_config.config,
        keepalived_conf.check,
        keepalived_status.status,
    ):
        keepalived.add_command(command)
    return keepalived


def _export() -> click.Command:
    from lvsdr.cli.export_files import export

    return export


TABLE: dict[str, tuple[str, Callable[[], click.Command]]] = {
    "director": ("The host that answers for the VIPs and spreads the load.", _director),
    "realserver": ("A host that serves the VIPs, and never says so on ARP.", _realserver),
    "status": (
        "Show what is applied on this host; exit 1 if any differs.",
        _status,
    ),
    "check": ("Check profiles, alone and against each other.", _check),
    "import": ("Print the profiles that another tool's files mean.", _import),
    "verify": ("Ask the segment who answers for the VIPs, and who serves.", _verify),
    "watch": (
        "Tell of whoever but the director speaks in a VIP's name.",
        _watch,
    ),
    "explain": ("Explain what this host would answer on ARP, and why.", _explain),
    "metrics": (
        "Print where this host stands as Prometheus text.",
        _metrics,
    ),
    "report": ("Draw the cluster, as this host sees it, on one page of HTML.", _report),
    "schema": ("Print the JSON Schema (draft-07) of a role's profile.", _schema),
    "rehearse": ("Try two profiles on a throw-away cluster.", _rehearse),
    "keepalived": ("The hooks of keepalived, and its configuration.", _keepalived),
    "export": ("Write the files of other programs that do what profiles say.", _export),
}
