"""The path checker over a wire that is a dictionary: who is asked where, and what is made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address, ip_address
from itertools import pairwise
from time import monotonic
from typing import cast

import pytest

from lvsdr.model.checked_path import CheckedPath
from lvsdr.model.health import (
    TRIES,
    TRIES_IN_DOUBT,
    Check,
    CheckResult,
    HttpCheck,
    PathCheck,
    UdpCheck,
)
from lvsdr.model.ipvs import Service
from lvsdr.model.path import Path, RealServerRoute
from lvsdr.wire.checks import link_checker
from lvsdr.wire.checks.answer_keys import heard
from lvsdr.wire.checks.http_checker import HttpChecker
from lvsdr.wire.checks.path_checker import PathChecker
from lvsdr.wire.frames import arp, ethernet, icmp, ip
from lvsdr.wire.frames.ethernet import Frame
from lvsdr.wire.frames.ip import IPPacket
from test_repeated_questions import answer

VIP, RIP, DIP, GATEWAY = (IPv4Address(f"192.0.2.{end}") for end in (10, 11, 1, 254))
OURS, FIRST, SECOND = (f"02:00:00:00:00:{end}" for end in ("01", "11", "12"))
TIMEOUT = 0.5
PLAIN = PathCheck()

Says = Callable[[IPPacket], list[bytes]]


def accepts(packet: IPPacket) -> list[bytes]:
    """Answer each first segment, as a service does that listens."""
    if packet.protocol == ip.TCP and packet.payload[13] != 0x02:
        return []
    return answer(packet)[:1]


def silent(_: IPPacket) -> list[bytes]:
    return []


class FakeLink:
    """A link without a kernel: hosts by their MAC, with an address and what they say."""

    def __init__(self, link: str, neighbours: Iterable[object]) -> None:
        self.link, self.mac, self.ports = link, OURS, tuple(range(20000, 20064))
        self.neighbours = set(neighbours)
        self.deaf, self.generation, self.lost, self.full = False, 1, False, False
        self.hosts: dict[str, tuple[IPv4Address, Says]] = {}
        self.sent: list[Frame] = []
        self._out: list[bytes] = []
        self._answers: list[bytes] = []
        self._claims: list[bytes] = []

    def close(self) -> None:
        """Nothing was opened."""

    def filenos(self) -> tuple[int, ...]:
        return ()

    def look(self, now: float, every: float) -> None:
        """Nothing changes but what a test changes."""

    def hears(self, now: float) -> bool:
        # As the real one: what is not sent yet nobody can have answered.
        return not (self.deaf or self.lost or self.full or self._out)

    def due(self) -> None:
        return None

    def hear_of(self, addresses: Iterable[object]) -> None:
        self.neighbours |= set(addresses)

    def put(self, frames: Iterable[bytes]) -> None:
        self._out += frames

    def flush(self) -> None:
        out, self._out = self._out, []
        for data in () if self.deaf else out:
            frame = ethernet.decode(data)
            self.sent.append(frame)
            for mac, (address, says) in list(self.hosts.items()):
                if frame.destination in (mac, ethernet.BROADCAST):
                    self._arrive(frame, mac, address, says)

    def _arrive(self, frame: Frame, mac: str, address: IPv4Address, says: Says) -> None:
        if frame.ethertype == ethernet.ARP:
            asked = arp.decode(frame.payload)
            if asked.target_ip == address:
                reply = arp.Arp(arp.REPLY, mac, address, OURS, asked.sender_ip)
                self.claim(reply)
            return
        for said in says(ip.decode(frame.payload)):
            self._answers.append(said[:6] + ethernet.mac_bytes(mac) + said[12:])

    def claim(self, packet: arp.Arp) -> None:
        frame = Frame(OURS, packet.sender_mac, ethernet.ARP, arp.encode(packet))
        self._claims.append(ethernet.encode(frame))

    def answers(self) -> Iterator[list[bytes]]:
        while self._answers:
            came, self._answers = self._answers, []
            yield came

    def claims(self) -> Iterator[list[bytes]]:
        while self._claims:
            came, self._claims = self._claims, []
            yield came


class Rig:
    """A checker of real servers on a fake link, and the time, which tests let pass."""

    def __init__(
        self,
        path: Path,
        hop: IPv4Address = RIP,
        check: Check = PLAIN,
        others: Iterable[Path] = (),
    ) -> None:
        route = RealServerRoute(RIP, "eth0", hop, DIP)
        items = [
            CheckedPath(number, each, route, check, TIMEOUT)
            for number, each in enumerate((path, *others))
        ]
        self.checker = PathChecker("eth0", items)
        self.link = cast("FakeLink", self.checker._link)
        self.now = monotonic()

    def pass_time(self, seconds: float) -> list[CheckResult]:
        found: list[CheckResult] = []
        end = self.now + seconds
        while self.now < end:
            self.now += 0.005
            found += self.checker.results(self.now)
        return found

    def check(self, *, doubtful: bool = False) -> CheckResult | None:
        self.checker.begin([0], self.now, doubtful=[0] * doubtful)
        return next(iter(self.pass_time(TIMEOUT + 0.1)), None)


@pytest.fixture(autouse=True)
def fake_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_checker, "CheckLink", FakeLink)


def web(method: str = "dr", protocol: str = "tcp", port: int = 80) -> Path:
    return Path(Service(protocol, VIP, port), VIP, RIP, port, method)


def near(says: Says, path: Path | None = None) -> Rig:
    made = Rig(path or web())
    made.link.hosts[FIRST] = RIP, says
    made.pass_time(0.1)
    return made


def error(kind: int, code: int, who: IPv4Address = RIP) -> Says:
    """Return what says an error of each packet."""

    def says(packet: IPPacket) -> list[bytes]:
        said = icmp.Error(4, kind, code, ip.encode(packet))
        body = IPPacket(who, DIP, ip.ICMP, icmp.encode(said, who, DIP))
        return [ethernet.encode(Frame(OURS, FIRST, ethernet.IPV4, ip.encode(body)))]

    return says


def segments(made: Rig, flags: int) -> list[IPPacket]:
    packets = [
        ip.decode(each.payload) for each in made.link.sent if each.ethertype == ethernet.IPV4
    ]
    return [each for each in packets if each.protocol == ip.TCP and each.payload[13] == flags]


def test_a_service_that_accepts_serves_and_is_reset_once() -> None:
    made = near(accepts)

    found = made.check()

    assert found is not None and found.ok
    assert len(segments(made, 0x02)) == len(segments(made, 0x04)) == 1
    assert {each.ttl for each in segments(made, 0x02)} == {1}


@pytest.mark.parametrize(
    ("says", "why"),
    [
        (lambda packet: answer(packet)[1:], "refuses the connection"),
        (error(3, 1), "has lost the VIP"),
        (error(3, 13), "a firewall rejects it"),
        (error(3, 3), "a firewall rejects it"),
        (silent, "does not answer"),
    ],
)
def test_what_a_real_server_says_is_told(says: Says, why: str) -> None:
    found = near(says).check()

    assert found is not None
    assert (found.ok, found.why, found.silent) == (False, why, False)


def test_a_host_that_answers_not_even_arp_is_silent() -> None:
    made = near(accepts)
    made.link.hosts.clear()

    found = made.check()

    assert found is not None
    assert (found.why, found.silent) == ("does not answer ARP", True)


def test_silence_behind_a_router_may_be_ours_though_the_router_answers() -> None:
    made = Rig(web("masquerade"), GATEWAY)
    made.link.hosts[FIRST] = GATEWAY, silent
    made.pass_time(0.1)

    found = made.check()

    assert found is not None
    assert (found.why, found.silent) == ("does not answer", True)


def test_a_silent_one_is_asked_anew_from_other_ports_and_more_often_when_doubtful() -> None:
    made = near(silent)

    made.check()
    usual = segments(made, 0x02)
    made.check(doubtful=True)
    doubtful = segments(made, 0x02)[len(usual) :]

    assert (len(usual), len(doubtful)) == (TRIES, TRIES_IN_DOUBT)
    assert len({each.payload[:8] for each in usual + doubtful}) == TRIES + TRIES_IN_DOUBT
    assert len({each.payload[:2] for each in usual + doubtful}) == TRIES + TRIES_IN_DOUBT


def test_who_is_silent_is_known_in_a_turn_in_which_another_one_is_asked_again() -> None:
    made = Rig(web(), others=[web(port=81)])
    made.link.hosts[FIRST] = RIP, silent
    made.pass_time(0.1)
    step = TIMEOUT / TRIES
    found: list[CheckResult] = []

    for number in (0, 1):
        made.checker.begin([number], made.now)
        made.now += step
        found += made.checker.results(made.now)
    for _ in range(2 * TRIES):
        made.now += step
        found += made.checker.results(made.now)

    assert {(each.number, each.why) for each in found} == {
        (0, "does not answer"),
        (1, "does not answer"),
    }


# --- deaf ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["deaf", "lost", "full"])
def test_while_we_may_be_deaf_silence_says_nothing(how: str) -> None:
    made = near(silent)
    made.checker.begin([0], made.now)
    made.pass_time(0.1)

    setattr(made.link, how, True)
    found = made.pass_time(1.0)
    setattr(made.link, how, False)
    after = made.check()

    assert found == []
    assert after is not None and not after.ok, "and after it, it does"


def test_a_link_made_anew_voids_what_was_asked_and_is_asked_in_its_own_name() -> None:
    made = near(silent)
    made.checker.begin([0], made.now)
    made.pass_time(0.1)

    made.link.generation, made.link.mac = 2, "02:00:00:00:00:99"
    found = made.pass_time(1.0)
    made.link.hosts[FIRST] = RIP, accepts
    after = made.check()

    assert found == []
    assert after is not None and after.ok
    assert made.link.sent[-1].source == made.link.mac


# --- MACs ----------------------------------------------------------------------------------------


def test_a_host_with_another_mac_is_followed_within_the_check() -> None:
    made = near(accepts)
    assert (first := made.check()) is not None and first.ok

    made.link.hosts = {SECOND: (RIP, accepts)}
    found = made.check()

    assert found is None or found.ok
    assert (again := made.check()) is not None and again.ok


def test_of_two_macs_the_one_in_use_stays_while_it_is_heard() -> None:
    made = near(accepts)
    made.check()
    made.link.hosts[SECOND] = RIP, silent

    made.link.claim(arp.gratuitous_reply(SECOND, RIP))
    results = [made.check() for _ in range(5)]

    assert all(each is not None and each.ok for each in results)
    assert all(each.destination != SECOND for each in made.link.sent)


def test_who_claims_again_and_again_cannot_keep_a_dead_one_alive() -> None:
    made = near(accepts)
    made.check()
    made.link.hosts.clear()

    failed = 0
    for turn in range(12):
        made.link.claim(arp.gratuitous_reply(f"02:00:00:00:66:{turn:02x}", RIP))
        found = made.check()
        failed += found is not None and not found.ok

    assert failed >= 8


def test_an_answer_from_another_mac_counts_only_where_that_is_the_host() -> None:
    made = near(silent)
    forged: list[IPPacket] = []

    def overhears(packet: IPPacket) -> list[bytes]:
        forged.append(packet)
        return []

    made.link.hosts[FIRST] = RIP, overhears
    made.checker.begin([0], made.now)
    made.pass_time(0.01)
    for packet in forged:
        said = accepts(packet)[0]
        made.link._answers.append(said[:6] + ethernet.mac_bytes(SECOND) + said[12:])
    found = made.pass_time(TIMEOUT + 0.1)

    assert forged
    assert [each.ok for each in found] == [False]


def test_of_a_bond_another_link_may_answer() -> None:
    made = near(silent)

    def by_the_other(packet: IPPacket) -> list[bytes]:
        made.link._answers += [
            said[:6] + ethernet.mac_bytes(SECOND) + said[12:] for said in accepts(packet)
        ]
        return []

    made.link.hosts = {FIRST: (RIP, by_the_other), SECOND: (RIP, silent)}
    found = [made.check() for _ in range(3)]

    assert all(each is not None and each.ok for each in found[1:])


# --- TTL -----------------------------------------------------------------------------------------


def test_a_real_server_that_has_lost_the_vip_and_forwards_is_told_from_a_proxy() -> None:
    def lost(packet: IPPacket) -> list[bytes]:
        return answer(packet)[:1] if packet.destination == RIP else error(11, 0)(packet)

    made = near(lost)

    found = made.check()

    assert found is not None and found.why == "has lost the VIP, and forwards"


def test_behind_a_proxy_one_more_hop_is_given_and_remembered() -> None:
    def proxied(packet: IPPacket) -> list[bytes]:
        return accepts(packet) if packet.ttl > 1 else error(11, 0, GATEWAY)(packet)

    made = near(proxied)

    found = [made.check() for _ in range(3)]

    assert all(each is not None and each.ok for each in found)
    assert [each.ttl for each in segments(made, 0x02)] == [1, 2, 2, 2]


# --- datagrams -----------------------------------------------------------------------------------


def test_a_service_that_says_nothing_to_a_datagram_serves_while_the_vip_answers_echoes() -> None:
    def holds(packet: IPPacket) -> list[bytes]:
        return answer(packet) if packet.protocol == ip.ICMP else []

    quiet, gone = near(holds, web(protocol="udp", port=514)), near(silent, web(protocol="udp"))

    held, lost = quiet.check(), gone.check()

    assert held is not None and held.ok
    assert lost is not None and lost.why == "has lost the VIP"


def test_an_answer_to_the_profiles_own_datagram_is_waited_for_until_the_end() -> None:
    made = Rig(web(protocol="udp"), check=UdpCheck(b"?", b"?"))
    asked: list[IPPacket] = []

    def answers_the_fourth(packet: IPPacket) -> list[bytes]:
        asked.append(packet)
        datagrams = sum(each.protocol == ip.UDP for each in asked)
        return answer(packet) if packet.protocol == ip.ICMP or datagrams == 4 else []

    made.link.hosts[FIRST] = RIP, answers_the_fourth
    made.pass_time(0.1)

    found = made.check()

    assert found is not None and found.ok


def test_a_wrong_answer_does_not_shut_out_the_right_one() -> None:
    """Whoever guesses the port of a question can forge an answer, and would take it out."""

    def forged_first(packet: IPPacket) -> list[bytes]:
        if packet.protocol == ip.ICMP:
            return answer(packet)
        (right,) = answer(packet)
        return [right[:-1] + bytes([right[-1] ^ 1]), right]

    made = Rig(web(protocol="udp"), check=UdpCheck(b"?", b"?"))
    made.link.hosts[FIRST] = RIP, forged_first
    made.pass_time(0.1)

    found = made.check()

    assert found is not None and found.ok


def test_a_wrong_answer_that_no_right_one_follows_is_told_at_the_end() -> None:
    made = Rig(web(protocol="udp"), check=UdpCheck(b"?", b"!"))
    made.link.hosts[FIRST] = RIP, answer
    made.pass_time(0.1)

    found = made.check()

    assert found is not None
    assert (found.ok, found.silent) == (False, False)
    assert found.why == "answers with something else"
    assert found.at - found.began >= TIMEOUT * 0.9


def test_nobody_knows_the_port_of_the_next_datagram() -> None:
    """A real server that has seen those of its own checks would know that of its neighbour's."""
    made = Rig(web(protocol="udp"), check=UdpCheck(b"?", b"?"))
    made.link.hosts[FIRST] = RIP, answer
    made.pass_time(0.1)
    for _ in range(40):
        made.check()
    datagrams = [ip.decode(each.payload) for each in made.link.sent if each.ethertype == 0x0800]
    ports = [int.from_bytes(each.payload[:2]) for each in datagrams if each.protocol == ip.UDP]
    steps = {later - one for one, later in pairwise(ports)}

    assert len(ports) >= 40
    assert len(steps) > 10


def test_a_witness_is_heard_or_not() -> None:
    made = near(accepts)
    made.link.hosts[SECOND] = GATEWAY, silent

    made.checker.witness([IPv4Address("192.0.2.77")], made.now)
    made.pass_time(0.2)
    nobody = made.checker.witnessed()
    made.checker.witness([GATEWAY], made.now)
    made.pass_time(0.2)

    assert nobody is None
    assert made.checker.witnessed() is not None
    assert ip_address("192.0.2.254") in made.link.neighbours


@pytest.mark.parametrize("made_by", ["udp", "http"])
def test_who_is_silent_behind_a_router_leaves_ports_to_the_others(made_by: str) -> None:
    made = behind_router(made_by, 30)
    made.checker.begin(range(20), made.now, doubtful=range(20))
    made.pass_time(TIMEOUT - 0.1)
    before = len(questions(made))

    made.checker.begin(range(20, 30), made.now)

    assert len(questions(made)) - before == 10


@pytest.mark.parametrize("made_by", ["udp", "http"])
def test_whom_no_port_is_left_to_ask_from_is_not_called_silent(made_by: str) -> None:
    made = behind_router(made_by, 80)
    made.checker.begin(range(80), made.now)
    found = made.pass_time(TIMEOUT + 0.2)

    # Each of our ports is that of one real server behind a router.
    assert len(questions(made)) >= 64
    assert len(found) == 64


def behind_router(made_by: str, count: int) -> Rig:
    """Return a checker of many real servers behind one router, all of them silent."""
    check = UdpCheck(b"ping") if made_by == "udp" else HttpCheck()
    made = Rig(web())
    rips = [IPv4Address(int(RIP) + 1000 + number) for number in range(count)]
    service = Service("tcp" if made_by == "http" else "udp", VIP, 5300)
    items = [
        CheckedPath(
            number,
            Path(service, VIP, rip, 5300),
            RealServerRoute(rip, "eth0", GATEWAY, DIP),
            check,
            TIMEOUT,
        )
        for number, rip in enumerate(rips)
    ]
    kind = HttpChecker if made_by == "http" else PathChecker
    made.checker = kind("eth0", items)  # type: ignore[assignment]
    made.link = cast("FakeLink", made.checker._link)
    made.link.hosts[FIRST] = GATEWAY, silent
    made.pass_time(0.1)
    return made


def questions(made: Rig) -> list[IPPacket]:
    """Return what was sent to services."""
    packets = [
        ip.decode(each.payload) for each in made.link.sent if each.ethertype == ethernet.IPV4
    ]
    return [each for each in packets if each.protocol in (ip.TCP, ip.UDP)]


def test_a_packet_without_anything_in_it_answers_nothing() -> None:
    header = bytes((0x45, 0, 0, 20, 0, 0, 0, 0, 64, 253, 0, 0)) + bytes(8)

    assert heard(bytes(12) + b"\x08\x00" + header) is None
