"""Hosts without number, which a forger invents: they cost little, and hide nobody."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from time import process_time

from lvsdr.model.finding import ERROR, WARNING
from lvsdr.model.neighbour_claim import Answer
from lvsdr.model.watch_event import Event
from lvsdr.proof.segment_hosts import owning_macs
from lvsdr.render.status_verify_text import MOST_ANSWERS, answer_lines
from lvsdr.rules.segment.event_rate_limiter import EVERY, KNOWN, MOST, MOST_OF_ONE, EventRateLimiter
from lvsdr.rules.segment.mac_owners import MacOwners
from lvsdr.rules.segment.who_answers import SegmentAnswers, answer_findings

VIP, RIP = ip_address("192.0.2.10"), ip_address("192.0.2.11")
RS, DIRECTOR = "f2:00:00:00:00:11", "f2:00:00:00:00:01"
# By turns like an owner and like a proxy. What is quadratic takes minutes for so many.
MANY, QUICK = 40_000, 10.0


def forged(address: object) -> Iterator[Answer]:
    assert address in {VIP, RIP}
    for number in range(MANY):
        mac = f"02:66:00:00:{number >> 8:02x}:{number & 255:02x}"
        yield Answer(VIP if address == VIP else RIP, mac, "probe" if number % 2 else "own")


def both(mac: str) -> list[Answer]:
    return [Answer(VIP, mac, "own"), Answer(VIP, mac, "probe")]


# --- verify --------------------------------------------------------------------------------------


def test_the_leak_among_them_is_named_and_soon() -> None:
    heard = frozenset((*forged(VIP), *both(RS), *both(DIRECTOR)))
    start = process_time()

    found = list(answer_findings([VIP], SegmentAnswers(heard, MacOwners({RS: RIP}))))

    assert process_time() - start < QUICK
    assert [each.mac for each in found if each.rip == RIP] == [RS]
    assert len(found) < 20


def test_whose_a_mac_is_is_known_soon() -> None:
    heard = [*forged(RIP), Answer(RIP, RS, "own"), Answer(RIP, RS, "probe")]
    start = process_time()

    known = owning_macs(heard, [RIP])

    assert process_time() - start < QUICK
    assert known[RS] == RIP


def test_people_are_told_of_a_few_of_them_and_of_known_hosts_first() -> None:
    heard = [*forged(VIP), *both(RS)]

    lines = list(answer_lines(heard, {RS: f"real server {RIP}"}))

    assert lines[0] == f"{VIP} is at {RS} (real server {RIP}) [own, probe]"
    assert len(lines) == MOST_ANSWERS + 1
    assert lines[-1].startswith(f"{VIP} is at {MANY + 1 - MOST_ANSWERS} more MAC addresses")


# --- watch ---------------------------------------------------------------------------------------


def flooded() -> EventRateLimiter:
    limiter = EventRateLimiter(0.0)
    for number in range(2 * KNOWN):
        limiter.take(Event("ARP-TWO-DIRECTORS", ERROR, "a lie", vip=VIP, mac=f"mac {number}"))
    return limiter


def leak(number: int = 0) -> Event:
    return Event("ARP-SPEAKS", ERROR, "it speaks", vip=VIP, mac=f"{RS} {number}", rip=RIP)


def test_watch_names_the_real_server_that_speaks_in_the_middle_of_a_flood() -> None:
    limiter = flooded()

    assert [limiter.take(leak()), limiter.take(leak())] == [leak(), None]
    assert [each.count for each in limiter.due(EVERY) if each.rip == RIP] == [1]


def test_watch_tells_that_the_link_went_down_in_the_middle_of_a_flood() -> None:
    down = Event("LINK-DOWN", WARNING, "eth0 is down")

    assert flooded().take(down) == down


def test_a_forger_of_a_real_server_is_bounded_too() -> None:
    limiter = flooded()

    told = [limiter.take(leak(number)) for number in range(10_000)]

    assert sum(each is not None for each in told) == MOST_OF_ONE
    assert len(limiter._kinds) == MOST + MOST_OF_ONE


def test_a_real_server_that_goes_on_has_no_more_room_in_the_next_minute() -> None:
    limiter = EventRateLimiter(0.0)
    for number in (*range(MOST_OF_ONE), *range(MOST_OF_ONE)):
        limiter.take(leak(number))
    list(limiter.due(EVERY))
    for number in range(MOST):
        limiter.take(Event("ARP-SPEAKS", ERROR, "it speaks", vip=VIP, mac=f"mac {number}"))

    assert limiter.take(leak(MOST_OF_ONE)) is None
