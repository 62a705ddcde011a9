"""Real servers that are objects while the rest of their service stays folded, as in a drain."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any, cast

import pytest

from lvsdr.core import book as books
from lvsdr.core import draining
from lvsdr.core.folding import known_texts
from lvsdr.core.workflow import withdraw
from lvsdr.errors import NotConverged
from lvsdr.kernel.netlink import ipvs_dump, ipvs_fingerprints
from lvsdr.kernel.netlink.netlink_socket import GenericSocket
from lvsdr.model import folded_columns
from lvsdr.model.compact_objects import to_rows
from lvsdr.model.folded_servers import ListedIf, Mark, WasAndWanted
from lvsdr.model.ipvs import RealServer, Service
from lvsdr.model.objects import NOTHING, Key, Objects
from test_folded_servers import WEB, Place, director, service, small_is_large

__all__ = ["small_is_large"]

RIP = "192.168.1.20"
WEB6 = Service("tcp", ip_address("fd00::2"), 80, family="inet6")


def servers_of(seed: int, of: Service = WEB) -> list[RealServer]:
    """Return real servers of a service, several at one RIP."""
    chosen = random.Random(seed)
    net = "192.168.1" if of is WEB else "fd00:"
    here = ".{}" if of is WEB else ":{}"
    return [
        RealServer(
            of,
            ip_address(net + here.format(20 + number // 2)),
            80 + number % 2 if seed % 3 else 80 + number,
            weight=1 if seed % 2 else chosen.randrange(3),
            upper_threshold=chosen.choice([0, 100]),
            forwarding_method=chosen.choice(["dr", "tunnel"]),
        )
        for number in range(chosen.randrange(1, 9))
    ]


@pytest.mark.parametrize("seed", range(24))
def test_what_is_at_a_rip_is_read_where_it_stands(seed: int) -> None:
    servers = servers_of(seed, WEB if seed % 4 else WEB6)
    of = servers[0].service
    marks = {of.key: Mark("said", "listed", len(servers))}
    (row,) = to_rows(servers, marks)

    for rip in {str(each.rip) for each in servers} | {"192.168.9.9"}:
        there = tuple(each for each in servers if str(each.rip) == rip)
        assert folded_columns.unfolded_at(row, of, rip) == there
        drained = [replace(each, weight=0) for each in there]
        whole = [replace(each, weight=0) if each in there else each for each in servers]
        (written,) = to_rows(whole, marks)
        assert folded_columns.weighed(row, drained) == written


class Listing:
    """A socket that lists real servers as the kernel does."""

    def __init__(self, servers: list[RealServer]) -> None:
        self._listed = ipvs_dump.all_listed_bytes(servers)

    def dump(self, *_: object) -> Iterator[tuple[memoryview, int]]:
        size = ipvs_dump.SETTINGS_SIZE
        for each in self._listed:
            connections = bytes([7] * ipvs_dump.CONNECTIONS_SIZE)
            message = bytes(ipvs_dump.START) + each[:size] + connections + each[size:]
            yield memoryview(message), len(message)


@pytest.mark.parametrize("of", [WEB, WEB6])
def test_a_list_is_known_also_as_it_would_be(of: Service) -> None:
    servers = servers_of(4, of)
    wire: Any = Listing(servers)
    otherwise = replace(servers[1], weight=77, forwarding_method="masquerade")

    now = ipvs_fingerprints.fingerprint(reversed(servers))
    before = ipvs_fingerprints.fingerprint([servers[0], otherwise, *servers[2:]])
    stranger = replace(servers[0], rip=ip_address("203.0.113.9"), port=9)

    def listed(*some: WasAndWanted) -> ListedIf:
        return ipvs_fingerprints.listed_if(cast(GenericSocket, wire), of, some)

    assert listed((otherwise, servers[1])) == (now, before, True)
    # What is listed is not what is wanted, or there is nothing that is wanted.
    assert listed((otherwise, replace(servers[1], weight=3))) == (now, before, False)
    assert listed((otherwise, None)) == (now, before, False)
    assert listed((otherwise, servers[1]), (stranger, stranger)) == (now, before, False)
    assert listed((stranger, stranger)) == (now, now, False)


def drained(place: Place, *, undo: bool = False) -> None:
    profile = place.profile(PAIR)
    here = draining.real_servers_at(profile, RIP, (), place.book)
    draining.drain(profile, here, place.kernel, place.book, undo=undo)


PAIR = director(service(80, 1, 2), service(81, 1, 1))


def known(place: Place) -> set[int]:
    """Return the ports of the services that are known by their marks."""
    ((_, servers),) = known_texts(place.book, down=True)
    return {server.service.port for server in servers.values()}


def test_a_drained_service_stays_folded_with_its_new_list(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.apply(PAIR)

    drained(place)

    record = place.book.load(folding=True)
    folded = record.folded["director:web"]
    assert {key[2] for key in folded} == {80, 81} == known(place)
    assert not any(each.apart for each in folded.values())
    for each in folded.values():
        here = [item for item in place.kernel.objects.values() if isinstance(item, RealServer)]
        there = [item for item in here if item.service == each.service]
        assert list(each.unfolded()) == there
        assert each.mark.listed == place.kernel.fingerprint(there)
    assert record.baseline.keys().isdisjoint(it.key for it in here)


def test_after_a_drain_each_list_is_looked_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path)
    place.apply(PAIR)
    kernel, looked = place.kernel, list[tuple[int, set[str]]]()
    observe, listed_if = kernel.observe, kernel.listed_if

    def observed(keys: Collection[Key], likely: Objects = NOTHING) -> Objects:
        looked.append(
            (len(kernel.sent), {str(key[-2]) for key in keys if key[0] == RealServer.kind})
        )
        return observe(keys, likely)

    def listed(servers: Mapping[Service, Sequence[WasAndWanted]]) -> dict[Key, ListedIf]:
        looked.append((len(kernel.sent), {"listed" for _ in servers}))
        return listed_if(servers)

    monkeypatch.setattr(kernel, "observe", observed)
    monkeypatch.setattr(kernel, "listed_if", listed)
    before = len(kernel.sent)

    drained(place)

    after = len(kernel.sent)
    assert after == before + 2
    assert [each for each in looked if each[1]] == [(before, {RIP}), (after, {"listed"})]


@pytest.mark.parametrize("lost", [0, 1])
def test_a_weight_that_the_kernel_took_and_has_not_is_no_drain(tmp_path: Path, lost: int) -> None:
    place = Place(tmp_path)
    place.apply(PAIR)
    before, record = dict(place.kernel.objects), place.book.load()
    place.kernel.forget = {len(place.kernel.sent) + lost}

    with pytest.raises(NotConverged) as differs:
        drained(place)

    port = 80 + lost
    assert differs.value.notes == [
        f"~ 192.168.1.20:{port} of tcp 192.168.1.2:{port} (dr, weight 0)",
        "1 change undone; the host is as it was",
    ]
    assert place.kernel.objects == before
    assert place.book.load() == record


def test_where_others_have_changed_a_service_its_list_is_not_said_to_be_ours(
    tmp_path: Path,
) -> None:
    place = Place(tmp_path)
    place.apply(PAIR)
    (other,) = (
        item
        for item in place.kernel.objects.values()
        if isinstance(item, RealServer) and item.service.port == 81 and str(item.rip) != RIP
    )
    place.kernel.objects[other.key] = replace(other, weight=55)

    drained(place)

    record = place.book.load()
    assert record.claims["director:web"][other.key] == other
    marked = record.marks["director:web"]
    there = [it for it in place.kernel.objects.values() if isinstance(it, RealServer)]
    listed = place.kernel.fingerprint(it for it in there if it.service == other.service)
    assert all(mark.listed != listed for mark in marked.values())
    assert place.plan(PAIR).drift != ()


@pytest.mark.parametrize("anew", [True, False])
def test_who_is_back_as_the_file_says_is_known_by_its_mark_where_it_was_read_anew(
    tmp_path: Path, anew: bool
) -> None:
    place = Place(tmp_path)
    place.apply(PAIR)
    drained(place)
    if anew:
        # As another process has it.
        books._LAST.clear()
    drained(place, undo=True)

    assert known(place) == ({80, 81} if anew else set())
    for key, mark in place.book.load().marks.get("director:web", {}).items():
        here = [it for it in place.kernel.objects.values() if it.key[1:4] == key]
        servers = [it for it in here if isinstance(it, RealServer)]
        assert mark.listed == place.kernel.fingerprint(servers)
    assert place.plan(PAIR).todo == ()


def test_who_is_back_with_the_weight_of_another_text_is_not_known(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.apply(PAIR)
    drained(place)
    books._LAST.clear()
    other = director(service(80, 9, 2), service(81, 1, 1))
    profile = place.profile(other)
    here = draining.real_servers_at(profile, RIP, (), place.book)
    draining.drain(profile, here, place.kernel, place.book, undo=True)

    assert known(place) == {81}
    (change,) = place.plan(PAIR).todo
    assert "weight 1" in change.subject.detail


def test_what_is_drained_and_back_is_withdrawn(tmp_path: Path) -> None:
    place = Place(tmp_path)
    before = dict(place.kernel.objects)
    place.apply(PAIR)
    drained(place)
    drained(place, undo=True)

    withdraw(place.profile(PAIR, down=True), place.kernel, place.book)

    assert place.kernel.objects == before
