"""Many questions go out fast: who cannot keep up is asked again, and nothing goes out at once."""

from __future__ import annotations

import os
import sys
from collections import Counter
from ipaddress import IPv4Address
from threading import Event
from time import monotonic, sleep

import pytest
from test_wire import DIP, Host, segment

from lvsdr.model.address import IPAddress
from lvsdr.wire.frames import arp, ethernet
from lvsdr.wire.frames.arp import Arp
from lvsdr.wire.frames.ethernet import Frame
from lvsdr.wire.pacing import CATCH_UP, RATE
from lvsdr.wire.packet_socket import PacketSocket
from lvsdr.wire.who_has import who_has

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="namespaces need root on Linux"
)

MANY = [IPv4Address("198.18.0.0") + number for number in range(600)]
FORMS = ("own", "probe")


def answer_the_third(mac: str, ready: Event, stop: Event) -> Counter[tuple[IPAddress, IPAddress]]:
    """Answer each question for one of MANY when it is asked for the third time, not before."""
    asked: Counter[tuple[IPAddress, IPAddress]] = Counter()
    wanted = frozenset(MANY)
    with PacketSocket("eth0", ethernet.ARP) as wire:
        ready.set()
        while not stop.is_set():
            for frame in wire.frames(monotonic() + 0.01):
                heard = ethernet.decode(frame)
                question = arp.decode(heard.payload)
                if question.target_ip not in wanted:
                    continue
                key = question.target_ip, question.sender_ip
                asked[key] += 1
                if asked[key] == 3:
                    ends = question.sender_mac, question.sender_ip
                    reply = arp.encode(Arp(arp.REPLY, mac, question.target_ip, *ends))
                    wire.send(ethernet.encode(Frame(ends[0], mac, ethernet.ARP, reply)))
    return asked


def heard_of_slow(asker: Host, slow: Host, rate: float | None) -> Counter[str]:
    """Return in how many answers each form was heard, of a host that misses two of three."""
    ready, stop = Event(), Event()
    answering = slow.start(answer_the_third, slow.mac, ready, stop)
    assert ready.wait(5)
    try:
        found = asker.call(
            who_has, "eth0", MANY, source4=DIP, source6=None, seconds=1.0, rate=rate
        ).answers
    finally:
        stop.set()
    answering.result(10)
    return Counter(each.form for each in found if each.mac == slow.mac)


def test_who_misses_what_comes_fast_is_asked_again_and_heard_in_each_form() -> None:
    with segment("asker", "slow") as (asker, slow):
        asker.ip(f"addr add {DIP}/24 dev eth0")

        found = heard_of_slow(asker, slow, None)

    assert found == {form: len(MANY) for form in FORMS}


def test_the_fault_is_real_who_misses_two_questions_is_not_heard() -> None:
    with segment("asker", "slow") as (asker, slow):
        asker.ip(f"addr add {DIP}/24 dev eth0")

        # As slow as this nobody is asked again.
        found = heard_of_slow(asker, slow, RATE)

    assert found == {}


def test_who_was_held_up_does_not_make_up_for_it_at_once() -> None:
    """Nothing is sent much before it would be at the rate, whatever held the asker up before."""
    told: list[tuple[float, float]] = []

    def tell(fraction: float) -> None:
        if len(told) == 20:
            sleep(0.5)
        told.append((fraction, monotonic()))

    with segment("asker") as (asker,):
        asker.ip(f"addr add {DIP}/24 dev eth0")
        asker.call(
            who_has, "eth0", MANY, source4=DIP, source6=None, seconds=1.0, rate=1000, progress=tell
        )

    # 1,200 questions twice take 2.4 s, and owners half a second more; that is the fraction 1.
    seconds = 2.4 + 0.5
    assert told[-1][0] == pytest.approx(1.0)
    sent = [(fraction * seconds, when) for fraction, when in told if fraction * seconds <= 2.4]
    assert len(sent) > 100
    for (_, since), (first, _), (last, until) in zip(sent, sent[1:], sent[10:], strict=False):
        assert last - first <= until - since + CATCH_UP + 0.01
