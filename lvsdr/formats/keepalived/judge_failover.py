"""The keepalived.conf of two directors: what is no longer as it was once the other is master."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from lvsdr.formats.keepalived.advertised import Advertised
from lvsdr.formats.keepalived.configuration import HOOKS, Configuration
from lvsdr.formats.keepalived.host_conf import HostConf
from lvsdr.formats.keepalived.judge_pairs import paired
from lvsdr.formats.keepalived.served import Served, ServedBy
from lvsdr.formats.keepalived.virtual_routers import is_stand_in
from lvsdr.model.finding import INFO, WARNING, Finding
from lvsdr.model.late_dataclasses import dataclass

AS = "write it as there"
Services = dict[str, Served]
Servers = dict[str, ServedBy]


@dataclass(frozen=True, slots=True)
class _Two:
    """Two directors; what is told is told of the second one."""

    one: Configuration
    other: Configuration

    def tell(self, where: str, text: str, *, severity: str = WARNING, look: str = AS) -> Finding:
        """Return the finding that a line of the second one is not as in the first."""
        return Finding(
            "KEEPALIVED-FAILOVER", severity, self.other.file, f"{where}: {text}", look=look
        )


def after_a_failover(hosts: Sequence[HostConf]) -> Iterator[Finding]:
    """Yield what the directors of one cluster do otherwise, each by itself."""
    # What two of them do alike, each does as the first, or otherwise.
    for one, other in ((hosts[0], each) for each in hosts[1:]):
        two = _Two(one.conf, other.conf)
        mine, theirs = ({_key(each): each for each in side.services} for side in (one, other))
        yield from _services(two, mine, theirs)
        yield from _instances(two, one.instances, other.instances)


def _services(two: _Two, mine: Services, theirs: Services) -> Iterator[Finding]:
    if bool(mine) != bool(theirs):
        without, there = (two.other, two.one) if mine else (two.one, two.other)
        count = len(mine) or len(theirs)
        text = f"no virtual_server, and {there.name} has {count}: nothing is served by this one"
        yield two.tell(without.name, text, look="write the same virtual servers for both")
        return
    yield from _alone(two, mine, theirs)
    yield from _alone(_Two(two.other, two.one), theirs, mine)
    for key, each in theirs.items():
        if key in mine:
            yield from _service(two, mine[key], each)


def _alone(two: _Two, mine: Services, theirs: Services) -> Iterator[Finding]:
    """Yield the services that the first has, and the second has not."""
    for key, each in mine.items():
        if key not in theirs:
            text = f"{each.title} is in {two.one.name} alone: it is gone while the other is master"
            yield two.tell(each.block.where, text, look=f"write it in {two.other.name} too")


def _service(two: _Two, one: Served, other: Served) -> Iterator[Finding]:
    settings: tuple[tuple[str, Callable[[Served], str]], ...] = (
        ("lb_kind", lambda each: each.method or "NAT"),
        ("lb_algo", lambda each: each.scheduler),
        ("persistence_timeout", lambda each: each.persistence),
        ("sorry_server", lambda each: each.sorry or "none"),
    )
    for name, of in settings:
        if of(one) != of(other):
            text = f"{other.title}: {name} {of(other)}, and {of(one)} at {one.block.where}"
            yield two.tell(other.block.where, text)
    first, second = _by_title(one), _by_title(other)
    yield from _servers_alone(two, one, first, second)
    yield from _servers_alone(_Two(two.other, two.one), other, second, first)
    for title, each in second.items():
        if title in first:
            told = (one.method or "NAT") != (other.method or "NAT")
            yield from _real_server(two, other, first[title], each, with_method=not told)


def _servers_alone(two: _Two, service: Served, mine: Servers, theirs: Servers) -> Iterator[Finding]:
    for title, each in mine.items():
        if title not in theirs:
            text = f"{service.title}: real_server {title} is in {two.one.name} alone"
            yield two.tell(each.block.where, text, look=f"write it in {two.other.name} too")


def _real_server(
    two: _Two, service: Served, one: ServedBy, other: ServedBy, *, with_method: bool
) -> Iterator[Finding]:
    start = f"{service.title}: real_server {other.title}"
    for name, mine, theirs in (
        ("weight", one.weight, other.weight),
        ("lvs_method", one.method, other.method),
        ("checks", _words(one.checks), _words(other.checks)),
    ):
        if mine != theirs and (with_method or name != "lvs_method"):
            text = f"{start}: {name} {theirs}, and {mine} at {one.block.where}"
            yield two.tell(other.block.where, text)


def _instances(
    two: _Two, one: Sequence[Advertised], other: Sequence[Advertised]
) -> Iterator[Finding]:
    for mine, theirs in paired(one, other):
        where, name, there = theirs.router.where, theirs.name, mine.router.where
        if mine.excluded != theirs.excluded:
            odd = sorted(map(str, mine.excluded ^ theirs.excluded))
            text = f"{name}: {_words(odd[:3])} of virtual_ipaddress_excluded is in one alone"
            yield two.tell(where, f"{text}: see {there}", look="list the same in both")
        yield from _hooks(two, mine, theirs)
    yield from _left_alone(two.other, one, other)
    yield from _left_alone(two.one, other, one)


def _left_alone(
    place: Configuration, one: Sequence[Advertised], other: Sequence[Advertised]
) -> Iterator[Finding]:
    """Yield the instances of one side that hold what no instance of the other does."""
    if not other:
        return
    known = {each.name for pair in paired(one, other) for each in pair}
    there = {ip for each in other for ip in (*each.addresses, *each.excluded)}
    for each in one:
        mine = {ip for ip in (*each.addresses, *each.excluded) if not is_stand_in(ip)}
        if each.name not in known and mine and not mine & there:
            text = f"{each.router.where}: {each.name} is not in {place.name}: nobody takes over"
            text += " what it holds"
            look = f"write it in {place.name} too"
            yield Finding("KEEPALIVED-FAILOVER", WARNING, each.conf.file, text, look=look)


def _hooks(two: _Two, mine: Advertised, theirs: Advertised) -> Iterator[Finding]:
    first, second = ({each.name: each for each in side.router.block.all(*HOOKS)}
                     for side in (mine, theirs))  # fmt: skip
    for name in dict.fromkeys([*first, *second]):
        if name in first and name in second:
            if first[name].words[1:2] != second[name].words[1:2]:
                text = f"{theirs.name}: {name} runs another command than at {first[name].where}"
                yield two.tell(second[name].where, text, severity=INFO, look="")
            continue
        here, missing = (first, two.other) if name in first else (second, two.one)
        text = f"{theirs.name}: {name} is not in {missing.name}, where nobody is told"
        yield two.tell(here[name].where, text, look=f"write it in {missing.name} too")


def _key(each: Served) -> str:
    """Return what tells one virtual_server from another."""
    if each.group:
        return f"group {each.group}"
    line = "".join(map(str, each.lines)) or each.block.value
    return line if each.is_marked else f"{each.protocol or 'UDP'} {line}"


def _by_title(each: Served) -> dict[str, ServedBy]:
    return {server.title: server for server in each.real_servers if server.address is not None}


def _words(words: Sequence[str]) -> str:
    return ", ".join(words) or "none"
