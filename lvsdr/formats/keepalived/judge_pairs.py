"""The keepalived.conf of two directors judged together: what makes both of them master."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lvsdr.formats.keepalived.advertised import Advertised
from lvsdr.formats.keepalived.host_conf import HostConf, pairs_of
from lvsdr.model.finding import ERROR, WARNING, Finding

BOTH = "each throws away what the other says, and both are master"
# Measured with 2.3.3 and 2.3.4: they take an advert that lists other addresses, and log it.
BEFORE = "keepalived before 2.3.3 throws away what the other says, and both are master"
Pair = tuple[Advertised, Advertised]


def two_masters(hosts: Sequence[HostConf]) -> Iterator[Finding]:
    """Yield what keeps the instances of two directors from hearing one another.

    Their virtual_router_id is told elsewhere.
    """
    for one, other in pairs_of(hosts):
        for pair in paired(one.instances, other.instances):
            yield from _deaf(pair)
            yield from _unreached(pair)


def paired(one: Sequence[Advertised], other: Sequence[Advertised]) -> Iterator[Pair]:
    """Yield the instances that are one virtual router: of one name, or else of one number."""
    by_name = {each.name: each for each in one}
    by_number = {_number(each): each for each in one if each.router.number}
    named = {each.name for each in other}
    for each in other:
        same = by_name.get(each.name)
        if same is None:
            same = by_number.get(_number(each))
            same = None if same is None or same.name in named else same
        if same is not None:
            yield same, each


def _number(each: Advertised) -> tuple[str, int]:
    return each.router.family, each.router.number


def _deaf(pair: Pair) -> Iterator[Finding]:
    """Yield each difference by which a director takes no advert of the other."""
    one, other = pair
    if one.router.family != other.router.family:
        text = f"speaks over {_family(other)}, and over {_family(one)} in {one.conf.name}"
        yield _fault(pair, text, "let the first address of both be of one family")
        return
    if one.version != other.version:
        text = f"VRRP version {other.version}, and {one.version} in {one.conf.name}"
        yield _fault(pair, text, "write one vrrp_version for both")
        return
    yield from _unlike(pair)
    if bool(one.peers) != bool(other.peers):
        kinds = [f"unicast to {', '.join(each.peers)}" if each.peers else "multicast"
                 for each in (other, one)]  # fmt: skip
        text = f"{kinds[0]}, and {kinds[1]} in {one.conf.name}"
        yield _fault(pair, text, "write unicast_peer in both, or in neither")
    elif one.group != other.group:
        text = f"multicast to {other.group}, and to {one.group} in {one.conf.name}"
        yield _fault(pair, text, "write one group for both")


def _unlike(pair: Pair) -> Iterator[Finding]:
    """Yield what differs within the adverts."""
    one, other = pair
    there = one.conf.name
    if one.version == 2 and one.interval != other.interval:
        text = f"advert_int {other.interval // 100}, and {one.interval // 100} in {there}"
        yield _fault(pair, text, "write one advert_int for both")
    if one.password != other.password:
        text = _unlike_passwords(one, other)
        yield _fault(pair, text, "write the same authentication for both")
    if one.addresses != other.addresses:
        text = f"virtual_ipaddress {_listed(other, one)}, and {_listed(one, other)} in {there}"
        yield _fault(pair, text, "list the same addresses in both", BEFORE)
    if {one.checksum, other.checksum} == {"old", "never"}:
        text = f"old_unicast_checksum {'never ' * (other.checksum == 'never')}is said otherwise"
        yield _fault(pair, f"{text} in {there}", "write it in both, or in neither")


def _unlike_passwords(one: Advertised, other: Advertised) -> str:
    """Return how the authentication of two instances differs, without the words themselves."""
    there = one.conf.name
    if one.password is not None and other.password is not None:
        if one.password[0] == other.password[0]:
            return f"auth_pass is another than in {there}"
        return f"auth_type {other.password[0]}, and {one.password[0]} in {there}"
    with_it, without = (one, other) if other.password is None else (other, one)
    why = " (strict_mode takes none)" if without.strict else ""
    return f"authentication in {with_it.conf.name}, and none in {without.conf.name}{why}"


def _unreached(pair: Pair) -> Iterator[Finding]:
    """Yield where one director's unicast peers are not the other one."""
    one, other = pair
    if not (one.peers and other.peers) or one.version != other.version:
        return
    if one.source and one.source == other.source:
        # One of them is not there, or a condition that we do not see tells them apart.
        return
    if len(set(one.peers)) == 1 and set(one.peers) == set(other.peers):
        text = f"its one unicast_peer is {one.peers[0]} in both: one of them speaks to itself"
        yield _fault(pair, text, "name the other director in each")
        return
    for speaker, hearer in (pair, (other, one)):
        if not hearer.source or hearer.source in speaker.peers:
            continue
        text = f"{speaker.conf.name} has no unicast_peer {hearer.source}, which is"
        text += f" {hearer.conf.name}'s unicast_src_ip"
        look = f"add {hearer.source} to unicast_peer of {speaker.conf.name}"
        if speaker.priority >= hearer.priority:
            yield _finding(pair, ERROR, f"{text}: it never hears of the master, and both are", look)
        else:
            yield _finding(pair, WARNING, f"{text}, which does not hear it as a master", look)


def _listed(mine: Advertised, others: Advertised) -> str:
    """Return which addresses one has and the other has not, or all where that says nothing."""
    more = [str(each) for each in dict.fromkeys(mine.addresses) if each not in others.addresses]
    if not more:
        return f"has {len(mine.addresses)}"
    shown = ", ".join(more[:3]) + (f" and {len(more) - 3} more" if more[3:] else "")
    return f"has {shown}"


def _family(each: Advertised) -> str:
    return "IPv4" if each.router.family == "inet" else "IPv6"


def _fault(pair: Pair, text: str, look: str, what: str = BOTH) -> Finding:
    return _finding(pair, ERROR, f"{text}: {what}", look)


def _finding(pair: Pair, severity: str, text: str, look: str) -> Finding:
    one, other = pair
    name = other.name if one.name == other.name else f"{other.name} (there {one.name})"
    text = f"{other.router.where}: {name}{other.conf.on_host}: {text}"
    return Finding("KEEPALIVED-TWO-MASTERS", severity, other.conf.file, text, look=look)
