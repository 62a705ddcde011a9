"""Foreign errors become ours, once: every refusal of the kernel says what was being done."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pyroute2.netlink.exceptions import NetlinkDumpInterrupted, NetlinkError

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
    except NetlinkDumpInterrupted as error:
        raise refusal(doing, errno.EINTR, reasons) from error
    except NetlinkError as error:
        raise refusal(doing, error.code, reasons) from error
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


def refusal(doing: str, number: int, reasons: Reasons | None = None) -> KernelError:
    """Return the error that says that the kernel would not do `doing`."""
    reason, hints = (reasons or {}).get(number, (os.strerror(number).lower(), ()))
    name = errno.errorcode.get(number, str(number))
    return KernelError(f"cannot {doing}: {reason} ({name})", errno=number, hints=hints)
