"""Ask services as clients of the segment do: a first packet to the director, and who answers it.

What is answered is reset at once, and so is what was not: no program sees a connection, and the
director's table keeps none that is half open. Of UDP it is a question that the service's port is
for. Each packet has a port and a number of its own, which nobody guesses who has not seen it.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from time import monotonic
from typing import TypeVar

from lvsdr.model.address import IPAddress
from lvsdr.model.late_dataclasses import dataclass, field
from lvsdr.model.service_proof import SILENCE, FirstPackets, ServiceReply
from lvsdr.wire.frames import tcp
from lvsdr.wire.frames.ethernet import FrameError
from lvsdr.wire.packet_filters import probe_reply_filter
from lvsdr.wire.packet_socket import PacketSocket
from lvsdr.wire.paths.probe import (
    Mark,
    Probe,
    ProbeReply,
    ReplyKey,
    decode_reply,
    probe_frame,
    reset_frame,
)
from lvsdr.wire.paths.probe_ports import own_ports

# A first packet that is not answered is sent again after so many seconds, as clients do.
_AGAIN = (0.3, 0.4)
_WAIT = 0.6
# From one packet to a service to the next: a firewall may take a burst for a flood.
_TURN = 0.01
_SLICE = 0.02
# What is due within so many seconds goes out together.
_BURST = 0.002
_REFUSALS = {"closed": "reset"} | {
    word: word for word in ("port", "protocol", "prohibited", "unreachable")
}

Item = TypeVar("Item")


def ask_first_packets(
    link: str,
    wanted: Sequence[FirstPackets],
    *,
    rate: float,
    progress: Callable[[float], None] | None = None,
) -> list[tuple[ServiceReply, ...]]:
    """Send the first packets out of `link`, and return the replies to each of `wanted`.

    At most `rate` frames a second. Returns once all are answered, else about 1.3 s after the last
    was sent first. `progress` is called with the fraction done, up to 1.0. Raises CannotRun.
    """
    if not wanted:
        return []
    with own_ports() as ports, PacketSocket(link, only=probe_reply_filter(ports)) as wire:
        wire.wait_for_carrier()
        asking = _Asking(wire, ports, 1 / rate, [_Client(each) for each in wanted])
        asking.ask(progress or (lambda _: None))
        # Silence proves nothing where the cable was pulled meanwhile.
        wire.wait_for_carrier()
    return [tuple(_reply(sent, asking.guessed) for sent in each.sent) for each in asking.clients]


@dataclass(slots=True, eq=False)
class _Sent:
    """One first packet, and what came back."""

    probe: Probe
    mark: Mark
    at: float
    reply: ProbeReply | None = None
    seconds: float = 0.0
    cookie: bytes | None = None


@dataclass(slots=True, eq=False)
class _Client:
    """What was sent to one service so far."""

    wanted: FirstPackets
    sent: list[_Sent] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)

    def wants_more(self) -> bool:
        """Return whether there is more to be known, and to be sent."""
        if not self.fewest_sent:
            return True
        heard = {sent.reply.mac for sent in self.sent if sent.reply is not None}
        return len(self.sent) < self.wanted.most and not self.wanted.macs <= heard

    @property
    def fewest_sent(self) -> bool:
        return len(self.sent) >= self.wanted.fewest


class _Asking:
    """Send what the clients want, again where it is not answered, and keep the replies."""

    def __init__(
        self, wire: PacketSocket, ports: Sequence[int], gap: float, clients: Sequence[_Client]
    ) -> None:
        self.clients = clients
        self._wire, self._ports, self._gap, self._mac = wire, ports, gap, wire.mac
        self._chance = random.SystemRandom()
        self._by_key: dict[ReplyKey, _Sent] = {}
        # Where answers came to what was never asked: who sends them may have guessed a port.
        self.guessed: set[tuple[IPAddress, int]] = set()
        # What is to be sent again, the oldest first; one queue for each time.
        self._again: list[deque[tuple[float, _Sent]]] = [deque() for _ in _AGAIN]

    def ask(self, tell: Callable[[float], None]) -> None:
        """Send all there is to send, and listen until all is answered or it is too late."""
        most = max(client.wanted.most for client in self.clients)
        turn = 0
        while todo := [client for client in self.clients if client.wants_more()]:
            start = monotonic()
            for due, clients in self._bursts(todo):
                self._pass_time(start + due)
                now = monotonic()
                self._wire.send_all([self._first(client, now) for client in clients])
            self._pass_time(start + max(_TURN, len(todo) * self._gap))
            turn += 1
            tell(turn / most)
        self._listen_for_the_rest()
        self._close_the_rest()
        tell(1.0)

    def _bursts(self, items: Sequence[Item]) -> Iterator[tuple[float, Sequence[Item]]]:
        """Yield the items that are due together, and when."""
        size = max(1, int(_BURST / self._gap))
        for place in range(0, len(items), size):
            yield place * self._gap, items[place : place + size]

    def _first(self, client: _Client, now: float) -> bytes:
        """Return one first packet of a client, which is sent now."""
        wanted = client.wanted
        if not client.ports:
            # A connection of its own for each: its port is used once.
            client.ports = self._chance.sample(self._ports, wanted.most)
        probe = Probe(
            wanted.protocol, wanted.source, wanted.vip, wanted.port, wanted.mac, wanted.hops
        )
        mark = Mark(client.ports[len(client.sent)], self._chance.getrandbits(64))
        sent = _Sent(probe, mark, now)
        client.sent.append(sent)
        self._by_key[probe.reply_key(mark)] = sent
        self._again[0].append((now + _AGAIN[0], sent))
        return probe_frame(probe, self._mac, mark)

    def _send_again(self) -> None:
        """Send what is due once more, as it was."""
        now, frames = monotonic(), list[bytes]()
        for place, queue in enumerate(self._again):
            while queue and queue[0][0] <= now:
                _, sent = queue.popleft()
                if sent.reply is not None:
                    continue
                frames.append(probe_frame(sent.probe, self._mac, sent.mark))
                if place + 1 < len(_AGAIN):
                    self._again[place + 1].append((now + _AGAIN[place + 1], sent))
        self._wire.send_all(frames)

    def _pass_time(self, until: float) -> None:
        """Listen until then, and send again what is due."""
        while True:
            self._send_again()
            step = min(until, monotonic() + _SLICE)
            self._listen(step)
            if monotonic() >= until:
                return

    def _listen_for_the_rest(self) -> None:
        deadline = monotonic() + sum(_AGAIN) + _WAIT
        while monotonic() < deadline and any(each.reply is None for each in self._by_key.values()):
            self._pass_time(min(deadline, monotonic() + _SLICE))

    def _listen(self, until: float) -> None:
        for data in self._wire.frames(until):
            try:
                heard = decode_reply(data)
            except FrameError:
                # Whatever it is, it does not answer us.
                continue
            sent, reply = self._by_key.get(heard.key), heard.reply
            if sent is None or reply.outer or not heard.answers(sent.probe, sent.mark):
                if heard.key[0] == "udp":
                    self.guessed.add((heard.key[2], heard.key[3]))
                continue
            if sent.reply is None:
                sent.reply, sent.cookie = reply, heard.cookie
                sent.seconds = monotonic() - sent.at
            if reply.kind == "open":
                # Each time: a host that says it again has not had the last one.
                self._wire.send_all(self._closing(sent))

    def _closing(self, sent: _Sent) -> list[bytes]:
        """Return what resets a connection at the real server, and ends it in the director's table.

        There a reset does not end what has gone no further than its first packet: for 60 s it would
        be taken for a client without an answer (net/netfilter/ipvs/ip_vs_proto_tcp.c). After an
        acknowledgment it does, and this one acknowledges nothing: no cookie of a SYN is 0.
        """
        if sent.probe.protocol != "tcp":
            return []
        reset, known = (
            reset_frame(sent.probe, self._mac, sent.mark, flags) for flags in (tcp.RST, tcp.ACK)
        )
        return [reset, known, reset]

    def _close_the_rest(self) -> None:
        """Close what may have been opened though no answer came, for that may have got lost.

        And what was refused, of which the director knows nothing. Not before the end: a firewall
        may answer this as well, and holds back errors that are too many.
        """
        start = monotonic()
        rest = [s for s in self._by_key.values() if s.reply is None or s.reply.kind != "open"]
        for due, burst in self._bursts(rest):
            self._listen(start + due)
            self._wire.send_all([frame for each in burst for frame in self._closing(each)])


def _reply(sent: _Sent, guessed: Collection[tuple[IPAddress, int]]) -> ServiceReply:
    reply, probe = sent.reply, sent.probe
    forged = probe.protocol == "udp" and not sent.cookie and (probe.target, probe.port) in guessed
    if reply is None or forged:
        return SILENCE
    if reply.kind == "open":
        return ServiceReply("answered", reply.mac, seconds=sent.seconds)
    if reply.kind in _REFUSALS:
        return ServiceReply("refused", reply.mac, _REFUSALS[reply.kind], sent.seconds)
    # A router's word on the way is not the service's: clients wait on.
    return ServiceReply("silent", reply.mac, reply.kind)
