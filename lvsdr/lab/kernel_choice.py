"""Choose the kernel of a rehearsal: this host's own, or a throw-away one."""

from __future__ import annotations

import os

from lvsdr.errors import CannotRun
from lvsdr.kernel.netlink.open_sockets import Sockets
from lvsdr.lab import uml_kernel


def this_kernel_fits() -> bool:
    """Return whether to build a cluster on the running kernel: as root, with IPVS.

    Not where another kernel is asked for.
    """
    if os.environ.get("LVSDR_LAB") == "uml":
        return True
    return not uml_kernel.named() and os.geteuid() == 0 and _has_ipvs()


def require_uml() -> None:
    """Raise CannotRun where the throw-away kernel cannot be started."""
    why = "" if uml_kernel.named() else "no root with IPVS here, and "
    uml_kernel.chosen("rehearse", why)


def _has_ipvs() -> bool:
    with Sockets() as sockets:
        try:
            return sockets.ipvs is not None
        except CannotRun:
            return False
