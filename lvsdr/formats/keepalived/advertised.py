"""What the instances of two directors have to agree in, as keepalived takes it from a file.

Measured with two keepaliveds 2.2.7: where one of these differs, each throws away what the other
says, and both are master; from 2.3.3 on addresses that differ are heard all the same. What does not
keep them from it is left out here: the password of version 3, what goes beyond its eighth
character, the interval of version 3, the order of addresses.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Interface

from lvsdr.formats.keepalived.conf_syntax import Block
from lvsdr.formats.keepalived.configuration import Configuration
from lvsdr.formats.keepalived.virtual_routers import Router, interface_of
from lvsdr.model.address import IPAddress
from lvsdr.model.late_dataclasses import dataclass

LONGEST_PASSWORD = 8
YES, NO = ("true", "on", "yes"), ("false", "off", "no")
USUAL_GROUPS = {"inet": "224.0.0.18", "inet6": "ff02::12"}


@dataclass(frozen=True, slots=True)
class Advertised:
    """What the adverts of an instance hold, and to whom they go.

    `interval` is in hundredths of a second. `addresses` are sorted, those that stand there twice
    twice. Without `peers` they go to the multicast `group`. `source` is the address that they come
    from, where the file says so.
    """

    router: Router
    conf: Configuration
    priority: int
    version: int
    interval: int
    strict: bool
    password: tuple[str, str] | None
    addresses: tuple[IPAddress, ...]
    excluded: frozenset[IPAddress]
    source: str
    peers: tuple[str, ...]
    group: str
    checksum: str

    @property
    def name(self) -> str:
        return self.router.name


def advertised(conf: Configuration) -> Iterator[Advertised]:
    """Yield what each instance of a configuration says in its adverts."""
    for router in conf.routers():
        strict = _is_strict(conf, router)
        version = effective_version(conf, router)
        six = router.family == "inet6"
        every = _addresses(router.block, "virtual_ipaddress")
        peers = tuple(each.name for part in router.block.all("unicast_peer") for each in part.inner)
        yield Advertised(
            router,
            conf,
            _priority(router.block),
            version,
            _interval(router.block, version),
            strict,
            None if strict or version != 2 else _password(router.block),
            tuple(sorted((ip for ip in every if (ip.version == 6) == six), key=int)),
            frozenset(
                [
                    *_addresses(router.block, "virtual_ipaddress_excluded"),
                    *(ip for ip in every if (ip.version == 6) != six),
                ]
            ),
            last_value(router.block, "unicast_src_ip", "mcast_src_ip"),
            peers,
            "" if peers else _group(conf, router),
            _checksum(router.block) if peers and version != 2 and not six else "",
        )


def last_value(block: Block, *names: str) -> str:
    """Return the value of the last line that has one of `names`: that one counts."""
    return next((each.words[1] for each in [*block.all(*names)][::-1] if each.words[1:]), "")


def _is_strict(conf: Configuration, router: Router) -> bool:
    own = [*router.block.all("strict_mode")]
    if own:
        return own[-1].word not in NO
    return any(conf.global_defs("vrrp_strict"))


def _priority(block: Block) -> int:
    said = last_value(block, "priority")
    if said.isascii() and said.isdigit() and 0 < int(said[:9]) < 256:
        return int(said[:9])
    return 255 if last_value(block, "state") == "MASTER" else 100


def effective_version(conf: Configuration, router: Router) -> int:
    """Return the version of VRRP: IPv6 has 3, unless the instance itself says 2."""
    own = last_value(router.block, "version")
    if own in ("2", "3"):
        return 3 if router.family == "inet6" and _is_strict(conf, router) else int(own)
    if router.family == "inet6":
        return 3
    every = [each.word for each in conf.global_defs("vrrp_version")]
    return next((int(each) for each in every[::-1] if each in ("2", "3")), 2)


def _interval(block: Block, version: int) -> int:
    """Return the interval in hundredths, rounded as the version wants it."""
    try:
        hundredths = round(float(last_value(block, "advert_int") or 1) * 100)
    except (OverflowError, ValueError):
        return 100
    if not 0 < hundredths < 100_000:
        return 100
    return max(1, (hundredths + 50) // 100) * 100 if version == 2 else hundredths


def _password(block: Block) -> tuple[str, str] | None:
    """Return the type and what is compared of the password; None where there is no such."""
    kind, word = "", ""
    for part in block.all("authentication"):
        kind = last_value(part, "auth_type") or kind
        word = last_value(part, "auth_pass") or word
    if not kind or not word:
        return None
    return ("AH" if kind.upper() == "AH" else kind.upper(), word[:LONGEST_PASSWORD])


def _addresses(block: Block, listed: str) -> list[IPAddress]:
    found = (interface_of(each.name) for part in block.all(listed) for each in part.inner)
    return [each.ip for each in found if each is not None]


def _group(conf: Configuration, router: Router) -> str:
    four = router.family == "inet"
    names = ("vrrp_mcast_group4",) if four else ("vrrp_mcast_group6",)
    own = last_value(router.block, "mcast_dst_ip")
    said = [each.words[1] for each in conf.global_defs(*names) if each.words[1:]]
    text = own or (said[-1] if said else USUAL_GROUPS[router.family])
    address = interface_of(text)
    return str(address.ip) if isinstance(address, IPv4Interface) or address else text


def _checksum(block: Block) -> str:
    """Return whether the old checksum of unicast is made, or refused; nothing where it is heard."""
    lines = [*block.all("old_unicast_checksum")]
    if not lines:
        return ""
    return "never" if lines[-1].word == "never" else "old"
