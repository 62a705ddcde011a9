"""Foreign errors become ours, once: every refusal of the kernel says what was being done."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from lvsdr.errors import CannotRun, KernelError

Reasons = Mapping[int, tuple[str, tuple[str, ...]]]
"""An errno → what it means here, and hints."""


@contextmanager
def explained(doing: str, reasons: Reasons | None = None) -> Iterator[None]:
    """Raise kernel refusals inside the block as KernelError, saying `doing`.

    `doing` reads `VERB OBJECT`; `reasons` say what an errno means for this very request.
    """
    try:
        yield
    except _pyroute2("NetlinkDumpInterrupted") as error:
        raise refusal(doing, errno.EINTR, reasons) from error
    except _pyroute2("NetlinkError") as error:
        raise refusal(doing, getattr(error, "code", errno.EIO), reasons) from error
    except OSError as error:
        raise refusal(doing, error.errno or errno.EIO, reasons) from error


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Raise KernelError where `what` cannot be read, CannotRun where it may not be."""
    try:
        with explained(f"read {what}"):
            yield
    except KernelError as error:
        if error.errno in (errno.EPERM, errno.EACCES):
            raise CannotRun(error.message, hints=["run it as root, or with sudo"]) from error
        raise


def refusal(
    doing: str, number: int, reasons: Reasons | None = None, notes: Iterable[str] = ()
) -> KernelError:
    """Return the error that says that the kernel would not do `doing`."""
    reason, hints = (reasons or {}).get(number, (os.strerror(number).lower(), ()))
    name = errno.errorcode.get(number, str(number))
    return KernelError(f"cannot {doing}: {reason} ({name})", errno=number, notes=notes, hints=hints)


def _pyroute2(name: str) -> tuple[type[Exception], ...]:
    """Return pyroute2's error of that name; nothing where it is not loaded, and raised nothing.

    Loading it takes longer than all else that a director does.
    """
    loaded = sys.modules.get("pyroute2.netlink.exceptions")
    return () if loaded is None else (getattr(loaded, name),)
