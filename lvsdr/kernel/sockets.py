"""The netlink sockets of one namespace, opened when first needed and again after a failure."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from pyroute2.iproute.linux import IPRoute
from pyroute2.ipvs import IPVS, AsyncIPVS
from pyroute2.netlink.exceptions import NetlinkError

from lvsdr.errors import CannotRun
from lvsdr.kernel.errno import explained

# pyroute2 logs a missing family as well as raising it; ours is the one message.
AsyncIPVS.module_err_level = "debug"


class Sockets:
    """A route and an IPVS socket; both belong to the namespace in which they were opened."""

    def __init__(self) -> None:
        self._route: Any = None
        self._ipvs: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def route(self) -> Any:
        """Return the open rtnetlink socket; raises KernelError."""
        if self._route is None:
            with explained("open a route socket"):
                # Strict checking lets the kernel filter dumps: a router's table may be large.
                self._route = IPRoute(strict_check=True)
        return self._route

    @property
    def ipvs(self) -> Any:
        """Return the open IPVS socket; raises CannotRun where the kernel has no IPVS."""
        if self._ipvs is None:
            try:
                self._ipvs = IPVS()
            except NetlinkError as error:
                raise CannotRun(
                    "cannot reach IPVS: this kernel has no IPVS, or its module is not loaded",
                    hints=["modprobe ip_vs", "echo ip_vs > /etc/modules-load.d/lvsdr.conf"],
                ) from error
        return self._ipvs

    def close(self) -> None:
        """Close what is open; what is asked for next is opened anew."""
        for socket in (self._route, self._ipvs):
            if socket is not None:
                socket.close()
        self._route = self._ipvs = None
