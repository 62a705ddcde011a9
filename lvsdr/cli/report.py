"""`lvsdr report`: one page that shows the cluster."""

from __future__ import annotations

from pathlib import Path

import click

from lvsdr.cli.options import netns_option, output_option, rate_option, seconds_option
from lvsdr.cli.session import Session
from lvsdr.render.report.report_result import Report


@click.command("report")
@click.argument(
    "profiles", metavar="PROFILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--out",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write it there, in place of what is there.",
)
@click.option("--svg", "picture", is_flag=True, help="Only the drawing, as SVG.")
@click.option("--no-wire", is_flag=True, help="Ask neither kernel nor wire: what profiles say.")
@click.option(
    "--history",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="What keep has printed with --format json.",
)
@output_option(Report)
@netns_option
@seconds_option
@rate_option
@click.pass_obj
def report(  # noqa: PLR0913, PLR0917 - as many options
    session: Session,
    profiles: tuple[Path, ...],
    file: Path | None,
    picture: bool,
    no_wire: bool,
    history: Path | None,
) -> int:
    """Draw the cluster, as this host sees it, on one page of HTML.

    Who holds the VIPs and who answers for them, which real servers serve, what is wrong and how to
    mend it, and on a director what passes through its table. One file: no script, nothing from the
    network.
    """
    from lvsdr.cli.report_facts import report_of
    from lvsdr.model.late_dataclasses import replace

    made = replace(report_of(session, profiles, history, asked=not no_wire), picture=picture)
    if file is None:
        session.show(made)
        return 0
    from lvsdr.cli.written_file import write_result

    write_result(session, made, file)
    return 0
