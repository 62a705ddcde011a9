"""Priorities of lines that go to the journal: a prefix that it takes off again (sd-daemon(3))."""

from __future__ import annotations

import os
from typing import TextIO

ERROR, WARNING, NOTICE, INFO = "error", "warning", "notice", "info"
# As syslog(3) has them.
_NUMBERS = {ERROR: 3, WARNING: 4, NOTICE: 5, INFO: 6}


def priority(severity: str, stream: TextIO) -> str:
    """Return what a line of `severity` begins with on `stream`; nothing but for the journal."""
    return f"<{_NUMBERS[severity]}>" if _is_journal(stream) else ""


def _is_journal(stream: TextIO) -> bool:
    """Return whether the service manager has connected `stream` to its journal.

    A program that we were started by may have JOURNAL_STREAM too, and have put another stream in
    the place of that one: so what it names is compared.
    """
    named = os.environ.get("JOURNAL_STREAM", "")
    if not named:
        return False
    try:
        seen = os.fstat(stream.fileno())
    except (OSError, AttributeError, ValueError):
        return False
    return named == f"{seen.st_dev}:{seen.st_ino}"
