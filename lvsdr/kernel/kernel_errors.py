"""Errors of the kernel and of pyroute2 become ours; each says what was being done."""

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
    """Turn refusals of the kernel inside the block into KernelError, with `doing` in the message.

    `doing` reads `VERB OBJECT`; `reasons` say what an errno means for this request.
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
    """Turn a failure to read `what` into KernelError, or CannotRun where privileges are missing."""
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
    """Return the error that says that the kernel refused `doing`, and why."""
    reason, hints = (reasons or {}).get(number, (os.strerror(number).lower(), ()))
    name = errno.errorcode.get(number, str(number))
    return KernelError(f"cannot {doing}: {reason} ({name})", errno=number, notes=notes, hints=hints)


def _pyroute2(name: str) -> tuple[type[Exception], ...]:
    """Return pyroute2's error `name`, as a tuple; it is empty while pyroute2 is not loaded.

    Without it nothing can raise its errors, and loading it takes longer than the rest of a command.
    """
    loaded = sys.modules.get("pyroute2.netlink.exceptions")
    return () if loaded is None else (getattr(loaded, name),)
