"""A bug of lvsdr, told like any other error: one line, what is known of the host, exit code 7."""

from __future__ import annotations

import os

from lvsdr.errors import InternalError
from lvsdr.model.printable import printable

# With any value but the empty one, the traceback is printed as well.
DEBUG = "LVSDR_DEBUG"


def internal_error(bug: BaseException) -> InternalError:
    """Return what is told of an exception that nobody raised on purpose.

    Only who undid what was done has left a note of it at `bug`; without one nothing is claimed.
    """
    if os.environ.get(DEBUG):
        import traceback

        traceback.print_exception(bug)
    told = f"{type(bug).__name__}: {bug}".removesuffix(": ")
    return InternalError(
        printable(f"internal error: {told}"),
        notes=getattr(bug, "__notes__", ["what was changed is not known: plan shows what differs"]),
        hints=[f"this is a bug of lvsdr: report it with what {DEBUG}=1 prints"],
    )
