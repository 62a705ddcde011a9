"""Run a command in a throw-away kernel: `python -m lvsdr.lab [options] [--] CMD ARG...`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from lvsdr.errors import LvsdrError
from lvsdr.lab import uml


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code, or that of our own error where it did not run."""
    options = _parser().parse_args(arguments)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        _parser().error("no command given")
    try:
        return uml.run(
            command,
            environment=os.environ,
            out=options.out,
            timeout=options.timeout,
            memory=options.memory,
        )
    except LvsdrError as error:
        _explain(error)
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m lvsdr.lab", description=__doc__, allow_abbrev=False)
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds (%(default)g)")
    parser.add_argument("--memory", type=int, default=512, help="MiB (%(default)s)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the folder that reaches the host")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="CMD ARG...")
    return parser


def _explain(error: LvsdrError) -> None:
    lines = [f"lvsdr: {error.message}", *(f"  {note}" for note in error.notes)]
    lines += [f"  hint: {hint}" for hint in error.hints]
    print("\n".join(lines), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
