"""The netlink sockets of one namespace, opened when first needed and again after a failure."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from pyroute2.iproute.linux import IPRoute
from pyroute2.ipvs import IPVS, AsyncIPVS
from pyroute2.netlink.exceptions import NetlinkError

from lvsdr.errors import CannotRun
from lvsdr.kernel.errno import explained
from lvsdr.kernel.ipvs_messages import ControlSocket

# pyroute2 logs a missing family as well as raising it; ours is the one message.
AsyncIPVS.module_err_level = "debug"


class Sockets:
    """A route and two IPVS sockets; all belong to the namespace in which they were opened."""

    def __init__(self) -> None:
        self._route: Any = None
        self._ipvs: Any = None
        self._control: Any = None

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
            self._ipvs = _reached(IPVS)
        return self._ipvs

    @property
    def control(self) -> Any:
        """Return the open socket for what IPVS has besides its table; raises CannotRun."""
        if self._control is None:
            self._control = _reached(ControlSocket)
        return self._control

    def need_ipvs(self) -> None:
        """Have the kernel load IPVS; raises CannotRun where it has none."""
        if self._ipvs is None and self._control is None:
            self._control = _reached(ControlSocket)

    def close(self) -> None:
        """Close what is open; what is asked for next is opened anew."""
        for socket in (self._route, self._ipvs, self._control):
            if socket is not None:
                socket.close()
        self._route = self._ipvs = self._control = None


def _reached(made: Callable[[], Any]) -> Any:
    try:
        return made()
    except NetlinkError as error:
        raise CannotRun(
            "cannot reach IPVS: this kernel has no IPVS, or its module is not loaded",
            hints=["modprobe ip_vs", "echo ip_vs > /etc/modules-load.d/lvsdr.conf"],
        ) from error
