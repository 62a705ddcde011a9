"""The netlink sockets of one namespace; each is opened when it is first needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lvsdr.errors import CannotRun
from lvsdr.kernel.kernel_errors import explained
from lvsdr.kernel.netlink.netlink_socket import GenericSocket
from lvsdr.kernel.netlink.route_socket import RouteSocket
from lvsdr.model.closed_on_exit import Closing


class Sockets(Closing):
    """Our netlink sockets and pyroute2's, of the namespace in which they are opened.

    `pause` is called before each request of ours.
    """

    def __init__(self, pause: Callable[[], None] | None = None) -> None:
        self._pause = pause
        self._rtnetlink: RouteSocket | None = None
        self._route: Any = None
        self._ipvs: GenericSocket | None = None

    @property
    def rtnetlink(self) -> RouteSocket:
        """Return our route socket; raises KernelError."""
        if self._rtnetlink is None:
            with explained("open a route socket"):
                self._rtnetlink = RouteSocket()
            self._rtnetlink.pause = self._pause
        return self._rtnetlink

    @property
    def route(self) -> Any:
        """Return pyroute2's route socket, for rare requests; raises KernelError."""
        if self._route is None:
            # Here and not above: loading it takes longer than a director's whole table.
            from pyroute2.iproute.linux import IPRoute  # noqa: PLC0415

            with explained("open a route socket"):
                # Strict checking lets the kernel filter dumps: a router's table may be large.
                self._route = IPRoute(strict_check=True)
        return self._route

    @property
    def ipvs(self) -> GenericSocket:
        """Return the IPVS socket; raises CannotRun where the kernel has no IPVS."""
        if self._ipvs is None:
            with explained("open an IPVS socket"):
                try:
                    self._ipvs = GenericSocket("IPVS")
                except FileNotFoundError as error:
                    raise _no_ipvs() from error
            self._ipvs.pause = self._pause
        return self._ipvs

    def need_ipvs(self) -> None:
        """Have the kernel load IPVS; raises CannotRun where it has none."""
        self.ipvs.fileno()

    def close(self) -> None:
        """Close the open sockets; a socket that is needed later is opened anew."""
        for socket in (self._rtnetlink, self._route, self._ipvs):
            if socket is not None:
                socket.close()
        self._rtnetlink = self._route = self._ipvs = None


def _no_ipvs() -> CannotRun:
    return CannotRun(
        "cannot reach IPVS: this kernel has no IPVS, or its module is not loaded",
        hints=["modprobe ip_vs", "echo ip_vs > /etc/modules-load.d/lvsdr.conf"],
    )
