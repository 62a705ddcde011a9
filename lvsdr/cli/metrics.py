"""`lvsdr metrics`: what a monitoring system wants to know of this host."""

from __future__ import annotations

from pathlib import Path

import click

from lvsdr.cli.argument_types import ListenAddress, NumberRange
from lvsdr.cli.options import netns_option, output_option
from lvsdr.cli.session import Session
from lvsdr.render.results import Measured


@click.command("metrics")
@click.argument("profiles", metavar="[PROFILE ...]", nargs=-1, type=click.Path(path_type=Path))
@click.option("--verify", "proven", is_flag=True, help="Ask the wire as well, as verify does.")
@click.option(
    "--listen",
    metavar="ADDRESS:PORT",
    type=ListenAddress(),
    help="Answer Prometheus there, at /metrics, until SIGTERM.",
)
@click.option(
    "--verify-every",
    metavar="SECONDS",
    type=NumberRange(5, 86400),
    default=60.0,
    show_default=True,
    help="With --listen and --verify: how often to ask the wire.",
)
@click.option(
    "--out",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write it there, in place of what is there.",
)
@output_option(Measured)
@netns_option
@click.pass_obj
def metrics(  # noqa: PLR0913, PLR0917 - as many options
    session: Session,
    profiles: tuple[Path, ...],
    proven: bool,
    listen: tuple[str, int] | None,
    verify_every: float,
    file: Path | None,
) -> int:
    """Print where this host stands as Prometheus text.

    Of each PROFILE, or of those that are applied here: whether the host is as it says, who is out
    of service, how many clients got no answer, when it was applied; with --verify also who answers
    for the VIPs, when silence was proven, and which paths serve.
    """
    from lvsdr.cli.figures_of_host import host_figures
    from lvsdr.render.gauges_of_host import gauges

    if listen is not None:
        if file is not None:
            raise click.UsageError("--out and --listen exclude each other")
        from lvsdr.cli.metrics_server import serve

        return serve(session, profiles, listen, verify_every if proven else None)
    figures = host_figures(session, profiles, proven=proven)
    session.tell(each.unreadable for each in figures.profiles if each.unreadable)
    measured = Measured(tuple(gauges(figures)))
    if file is None:
        session.show(measured)
        return 0
    from lvsdr.cli.written_file import READABLE, write_result

    write_result(session, measured, file, READABLE)
    return 0
