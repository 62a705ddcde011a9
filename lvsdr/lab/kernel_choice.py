"""Choose the kernel of a rehearsal: this host's own, or a throw-away one."""

from __future__ import annotations

import os

from lvsdr.errors import CannotRun
from lvsdr.kernel.netlink.open_sockets import Sockets
from lvsdr.lab import uml


def this_kernel_fits() -> bool:
    """Return whether a cluster can be built on the running kernel: as root, with IPVS."""
    if os.environ.get("LVSDR_LAB") == "uml":
        return True
    return os.geteuid() == 0 and _has_ipvs()


def require_uml() -> None:
    """Raise CannotRun where the throw-away kernel cannot be started."""
    missing = uml.available()
    if missing is not None:
        raise CannotRun(
            f"cannot rehearse: no root with IPVS here, and {missing}",
            hints=["apt-get install user-mode-linux kmod iproute2"],
        )


def _has_ipvs() -> bool:
    with Sockets() as sockets:
        try:
            return sockets.ipvs is not None
        except CannotRun:
            return False
