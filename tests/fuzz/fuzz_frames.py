"""Fuzz what reads frames: any bytes are a message or FrameError, an answer or none, nothing else.

PYTHONPATH=tests python -m fuzz.fuzz_frames -atheris_runs=1000000
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from fuzz.mutations import atheris

with atheris.instrument_imports(include=["lvsdr", "ipaddress"]):
    from lvsdr.model.address import IPAddress
    from lvsdr.rules.segment.claim_monitor import ClaimMonitor
    from lvsdr.rules.segment.event_rate_limiter import EventRateLimiter
    from lvsdr.rules.segment.mac_owners import MacOwners
    from lvsdr.wire.arp_nd_questions import Asker
    from lvsdr.wire.frames import arp, ethernet, neighbour_discovery
    from lvsdr.wire.frames.arp import Arp
    from lvsdr.wire.frames.claim_of_frame import claim_on
    from lvsdr.wire.frames.ethernet import Frame, FrameError
    from lvsdr.wire.frames.ip import ICMPV6, checksum_of
    from lvsdr.wire.frames.neighbour_discovery import Advertisement, Solicitation
    from lvsdr.wire.who_has import answer

US, THEM, RS = "02:00:00:00:00:10", "02:00:00:00:00:99", "02:00:00:00:00:11"
VIP, DIP, RIP = (IPv4Address(f"192.0.2.{end}") for end in (2, 10, 11))
VIP6, DIP6 = IPv6Address("2001:db8::2"), IPv6Address("2001:db8::10")
WANTED: frozenset[IPAddress] = frozenset({VIP, VIP6, RIP})
ASKER = Asker(US, DIP, DIP6)
HOSTS = (frozenset({US}),)


class State:
    """What a watch keeps from frame to frame."""

    monitor = ClaimMonitor(MacOwners({RS: RIP}), {VIP: HOSTS, VIP6: HOSTS}, rips=[RIP])
    limiter = EventRateLimiter(0.0)
    now = 0.0


def one(data: bytes) -> None:
    """Read `data` in every way; what is well formed is written again as it was read."""
    for decode, encode in (
        (arp.decode, arp.encode),
        (neighbour_discovery.decode, neighbour_discovery.encode),
    ):
        for payload in (data, data[14:]):
            try:
                message = decode(payload)
            except FrameError:
                continue
            # Two readers with a writer each, of one type each.
            assert decode(encode(message)) == message  # type: ignore[arg-type]
    found = answer(data, ASKER, WANTED)
    assert found is None or (found.address in WANTED and (found.mac != US or found.sender))
    heard = claim_on(WANTED, data)
    assert heard is None or heard.address in WANTED
    if found is not None:
        assert heard is not None
        assert (heard.address, heard.mac) == (found.address, found.mac)
    if heard is not None:
        State.now += 0.01
        event = State.monitor.hear(heard, State.now)
        if event is not None:
            assert event.message.isprintable()
            State.limiter.take(event)
        for each in (*State.monitor.due(State.now), *State.limiter.due(State.now)):
            assert each.count > 0


def mutate(data: bytes, most: int, seed: int) -> bytes:
    """Return a changed frame; every second one with the right checksum, or few would get by it."""
    frame = bytearray(atheris.Mutate(data, most))
    if seed % 2 and len(frame) >= 62:
        frame[12:14], frame[14], frame[20], frame[21] = b"\x86\xdd", 0x60, 58, 255
        frame[18:20] = (len(frame) - 54).to_bytes(2, "big")
        frame[56:58] = bytes(2)
        ends = IPv6Address(bytes(frame[22:38])), IPv6Address(bytes(frame[38:54]))
        frame[56:58] = checksum_of(*ends, ICMPV6, bytes(frame[54:])).to_bytes(2, "big")
    return bytes(frame)


def seeds() -> Iterator[bytes]:
    """Yield a frame of each kind that there is."""
    for operation in (arp.REQUEST, arp.REPLY):
        for sender, target in ((VIP, DIP), (VIP, VIP), (RIP, VIP), (VIP, arp.NOBODY)):
            packet = Arp(operation, THEM, sender, US, target)
            yield ethernet.encode(Frame(US, THEM, ethernet.ARP, arp.encode(packet)))
    for message in (
        neighbour_discovery.probe(VIP6),
        neighbour_discovery.question(THEM, DIP6, VIP6),
        neighbour_discovery.unsolicited(THEM, VIP6),
        Solicitation(VIP6, DIP6, DIP6, THEM),
        Advertisement(VIP6, DIP6, VIP6, THEM, solicited=True, override=True),
        Advertisement(VIP6, DIP6, VIP6, None, solicited=True),
    ):
        yield neighbour_discovery.multicast(THEM, message)


def main() -> None:
    """Fuzz with what the command line says."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for number, seed in enumerate(seeds()):
            (folder / f"{number:04}").write_bytes(seed)
        # Of its own accord it would stay with the lengths of the seeds for long.
        atheris.Setup(
            [*sys.argv, "-max_len=160", "-len_control=0", str(folder)], one, custom_mutator=mutate
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
