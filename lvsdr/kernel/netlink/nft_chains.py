"""nf_tables: dump the chains that packets meet (linux/netfilter/nf_tables.h)."""

from __future__ import annotations

import struct

from lvsdr.kernel.netlink.netlink_messages import (
    NOTHING,
    as_text,
    decode_message,
    each_message,
    unpack_attributes,
    unpack_message,
)
from lvsdr.kernel.netlink.netlink_socket import NetlinkSocket
from lvsdr.model.late_dataclasses import dataclass

NETLINK_NETFILTER, NFNL_SUBSYS_NFTABLES = 12, 10
NFT_MSG_NEWCHAIN, NFT_MSG_GETCHAIN = (NFNL_SUBSYS_NFTABLES << 8 | verb for verb in (3, 4))
# Family, version, resource.
NFGENMSG = struct.Struct("=BBH")
NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME, NFTA_CHAIN_HOOK, NFTA_CHAIN_POLICY = 1, 3, 4, 5
NFTA_CHAIN_USE, NFTA_CHAIN_TYPE, NFTA_HOOK_HOOKNUM, NF_DROP = 6, 7, 1, 0
FAMILIES = {1: "inet", 2: "ip", 5: "netdev", 7: "bridge", 10: "ip6"}
_HOOKS = ("prerouting", "input", "forward", "output", "postrouting")
_DEVICE_HOOKS = ("ingress", "egress")


@dataclass(frozen=True, slots=True)
class RawChain:
    """A chain; `hook` is where packets meet it, empty where only other chains lead there."""

    family: str
    table: str
    name: str
    hook: str = ""
    kind: str = ""
    rules: int = 0
    drops: bool = False


def dump() -> list[RawChain]:
    """Return every chain of the namespace; raises OSError."""
    wire = NetlinkSocket(NETLINK_NETFILTER)
    try:
        listing = wire.dump_chunks(NFT_MSG_GETCHAIN, NFGENMSG.pack(0, 0, 0), NFT_MSG_NEWCHAIN)
        return [decode_message(each, decode) for each in each_message(listing)]
    finally:
        wire.close()


def decode(message: memoryview) -> RawChain:
    """Return the chain in a message."""
    (family, _, _), found = unpack_message(message, NFGENMSG)
    hook = ""
    if NFTA_CHAIN_HOOK in found:
        number = _number(unpack_attributes(found[NFTA_CHAIN_HOOK]).get(NFTA_HOOK_HOOKNUM, NOTHING))
        names = _DEVICE_HOOKS if FAMILIES.get(family) == "netdev" else _HOOKS
        hook = names[number] if number < len(names) else str(number)
    return RawChain(
        family=FAMILIES.get(family, str(family)),
        table=as_text(found[NFTA_CHAIN_TABLE]),
        name=as_text(found[NFTA_CHAIN_NAME]),
        hook=hook,
        kind=as_text(found.get(NFTA_CHAIN_TYPE, NOTHING)),
        rules=_number(found.get(NFTA_CHAIN_USE, NOTHING)),
        drops=NFTA_CHAIN_POLICY in found and _number(found[NFTA_CHAIN_POLICY]) == NF_DROP,
    )


def _number(packed: memoryview) -> int:
    # Of all netlink's families this one speaks network byte order.
    return int.from_bytes(packed)
