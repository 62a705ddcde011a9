"""How a virtual_server spreads connections, in the words of a profile."""

from __future__ import annotations

from ipaddress import IPv4Address

from lvsdr.formats.keepalived.conf_losses import Losses, shown
from lvsdr.formats.keepalived.conf_syntax import Block
from lvsdr.formats.keepalived.server_settings import USUAL_PERSISTENCE, ServerSettings
from lvsdr.formats.keepalived.server_words import number
from lvsdr.formats.keepalived.service_places import Place
from lvsdr.model.imported import Document
from lvsdr.model.scheduler_flags import SCHEDULER_FLAGS


def spread(read: ServerSettings, place: Place, six: bool, losses: Losses) -> Document:
    """Return the fields of a virtual server from its scheduler to one_packet."""
    known = {name: bit for name, (owner, bit) in SCHEDULER_FLAGS.items() if owner == read.scheduler}
    flags = [name for name, bit in known.items() if read.bits & bit]
    if read.bits & ~sum(known.values()):
        losses.warning(
            read.block,
            f"a flag that {read.scheduler} does not know is left out",
            "nothing: it means nothing to the kernel either",
        )
    persistence = _persistence(read, six)
    one_packet = read.one_packet and (place.vip is None or read.protocol == "udp")
    if one_packet and persistence is not None:
        losses.error(
            read.block,
            "ops with persistence: a profile has one of the two, here the persistence",
            'write "one_packet": true in place of "persistence" where that was meant',
        )
    return {
        **({"scheduler": read.scheduler} if read.scheduler != "wlc" else {}),
        **({"scheduler_flags": flags} if flags else {}),
        **({} if persistence is None else {"persistence": persistence}),
        **_prefix(read, six, losses),
        **_engine(read, place, persistence, losses),
        **({"one_packet": True} if one_packet and persistence is None else {}),
    }


def _persistence(read: ServerSettings, six: bool) -> int | None:
    if read.persistence is None and _mask(read.granularity, six) is not None:
        return USUAL_PERSISTENCE
    return read.persistence


def _mask(line: Block | None, six: bool) -> int | None:
    """Return the bits of a granularity, as the kernel is given them; None without a sound one.

    keepalived takes a plain number of IPv4 for the last byte of an address.
    """
    if line is None:
        return None
    if six:
        return number(line.word, 1, 128)
    plain = number(line.word, 0, 4294967295)
    try:
        return int(IPv4Address(line.word)) if plain is None else plain
    except ValueError:
        return None


def _prefix(read: ServerSettings, six: bool, losses: Losses) -> Document:
    mask = _mask(read.granularity, six)
    if mask is None or read.granularity is None:
        if read.granularity is not None:
            losses.warning(
                read.granularity,
                f"persistence_granularity {shown(read.granularity.word)} is none that keepalived"
                " takes",
                "write a netmask (IPv4), or a length (IPv6)",
            )
        return {}
    if six:
        return {} if mask == 128 else {"persistence_prefix": mask}
    length = bin(mask).count("1")
    if mask != (0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF or not length:
        losses.error(
            read.granularity,
            f"persistence_granularity {IPv4Address(mask)} is no prefix: each client is taken by"
            " itself",
            'write "persistence_prefix" in the profile: the length that was meant',
        )
        return {}
    return {} if length == 32 else {"persistence_prefix": length}


def _engine(
    read: ServerSettings, place: Place, persistence: int | None, losses: Losses
) -> Document:
    if not read.engine or persistence is None:
        return {}
    if read.engine == "sip" and (place.vip is None or read.protocol == "udp"):
        return {"persistence_engine": "sip"}
    losses.error(
        read.block,
        f"persistence_engine {shown(read.engine)} is not taken over: clients are told apart by"
        " their addresses",
        "sip is there, for UDP and marks",
    )
    return {}
