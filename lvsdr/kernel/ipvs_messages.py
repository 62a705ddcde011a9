"""The messages of IPVS that pyroute2 has no words for: timeouts and sync daemons."""

from __future__ import annotations

from typing import Any

from pyroute2.ipvs import IPVS, AsyncIPVS
from pyroute2.netlink import NLM_F_REQUEST, genlmsg, nla
from pyroute2.netlink.generic import ipvs


class ControlMessage(genlmsg):  # type: ignore[misc]
    """A message of IPVS whose attributes of daemons and timeouts have types (linux/ip_vs.h).

    Not derived from pyroute2's: a class would inherit the types that it has compiled by then.
    """

    __slots__ = ()
    prefix = "IPVS_CMD_ATTR_"
    nla_map = (
        ("IPVS_CMD_ATTR_UNSPEC", "none"),
        ("IPVS_CMD_ATTR_SERVICE", "hex"),
        ("IPVS_CMD_ATTR_DEST", "hex"),
        ("IPVS_CMD_ATTR_DAEMON", "daemon"),
        ("IPVS_CMD_ATTR_TIMEOUT_TCP", "uint32"),
        ("IPVS_CMD_ATTR_TIMEOUT_TCP_FIN", "uint32"),
        ("IPVS_CMD_ATTR_TIMEOUT_UDP", "uint32"),
    )

    # pyroute2 finds it by this name.
    class daemon(nla):  # type: ignore[misc]  # noqa: N801, D106
        __slots__ = ()
        nla_map = (
            ("IPVS_DAEMON_ATTR_UNSPEC", "none"),
            ("IPVS_DAEMON_ATTR_STATE", "uint32"),
            ("IPVS_DAEMON_ATTR_MCAST_IFN", "asciiz"),
            ("IPVS_DAEMON_ATTR_SYNC_ID", "uint32"),
            ("IPVS_DAEMON_ATTR_SYNC_MAXLEN", "uint16"),
            ("IPVS_DAEMON_ATTR_MCAST_GROUP", "ip4addr"),
            ("IPVS_DAEMON_ATTR_MCAST_GROUP6", "ip6addr"),
            # Unlike other ports of IPVS, in host byte order.
            ("IPVS_DAEMON_ATTR_MCAST_PORT", "uint16"),
            ("IPVS_DAEMON_ATTR_MCAST_TTL", "uint8"),
        )


class AsyncControl(AsyncIPVS):  # type: ignore[misc]
    """An IPVS socket that reads its answers as `ControlMessage`."""

    async def bind(self, proto: str, msg_class: type, *more: Any, **named: Any) -> None:
        """Bind as the socket does, but read with our own types."""
        await super().bind(proto, ControlMessage, *more, **named)


class ControlSocket(IPVS):  # type: ignore[misc]
    """The socket for what has no place in the table."""

    async_class = AsyncControl

    def ask(self, command: int, flags: int, *attributes: tuple[str, Any]) -> list[Any]:
        """Send one request; return the answers."""
        message = ControlMessage()
        message["cmd"], message["version"] = command, ipvs.GENL_VERSION
        message["attrs"] = list(attributes)
        answers: list[Any] = self._run_with_cleanup(
            self.asyncore._do_request, message, NLM_F_REQUEST | flags
        )
        return answers
