"""Send many probes at a limited rate, and match the replies to them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from time import monotonic

from lvsdr.wire.frames.ethernet import FrameError
from lvsdr.wire.packet_socket import PacketSocket
from lvsdr.wire.paths.probe import (
    HeardReply,
    Mark,
    Probe,
    ProbeReply,
    ReplyKey,
    decode_reply,
    probe_frame,
    reset_frame,
)

# Between one round and the next; answers of a segment take far less.
_PAUSE = 0.3
_SLICE = 0.02
_STEP = 250

Pair = tuple[str, str]
"""The MAC that a probe was sent to, and another one that its answer came from."""
Vouch = Callable[[frozenset[Pair]], frozenset[Pair]]
"""Return those pairs that are one host, as far as it says so when it is asked."""


class ProbeSender:
    """Send probes from `ports` on `wire`, at most `rate` a second, and keep the replies.

    `known` are the MACs of next hops, each with every MAC that answered for the same next hop: a
    reply counts where it comes from one of these, or from one that `vouch` says is the same host.
    """

    def __init__(
        self,
        wire: PacketSocket,
        ports: Sequence[int],
        rate: float,
        known: Iterable[Pair],
        vouch: Vouch,
    ) -> None:
        self._wire, self._ports, self._gap, self._vouch = wire, ports, 1 / rate, vouch
        self._mac = wire.mac
        # Who sees the number of one probe, its own, knows nothing of any other.
        self._chance = random.SystemRandom()
        self._used: dict[object, set[int]] = {}
        self._marks: dict[Probe, Mark] = {}
        self._sent: dict[ReplyKey, list[Probe]] = {}
        self._heard: dict[Probe, ProbeReply] = {}
        self._same = set(known)
        self._others: set[Pair] = set()
        self._from_others: dict[Probe, ProbeReply] = {}
        self._guessed: set[object] = set()

    def replies_to(
        self,
        probes: Iterable[Probe],
        *,
        seconds: float,
        rounds: int = 3,
        progress: Callable[[float], None] | None = None,
    ) -> dict[Probe, ProbeReply]:
        """Send each of `probes`, again where no answer comes, and return the replies.

        Returns once all are answered, at the latest `seconds` after the last
        was sent. By then each TCP connection has been reset, also one whose
        answer may have got lost. `progress` is called with the fraction sent.
        """
        asked = tuple(dict.fromkeys(probes))
        for turn in range(rounds):
            todo = [probe for probe in asked if probe not in self._heard]
            self._send(todo, probe_frame, progress if turn == 0 else None)
            self._await(todo, seconds if turn == rounds - 1 else min(_PAUSE, seconds))
            self._ask_others()
        silent = [probe for probe in asked if probe not in self._heard and probe.protocol == "tcp"]
        self._send(silent, reset_frame, None)
        return {probe: self._heard[probe] for probe in asked if probe in self._heard}

    def stranger(self, probe: Probe) -> str | None:
        """Return the MAC of the host that answered in place of the one that was asked."""
        reply = None if probe in self._heard else self._from_others.get(probe)
        return None if reply is None else reply.mac

    def guessed(self, probe: Probe) -> bool:
        """Return whether somebody answered in the name of its target whom nobody had asked.

        A datagram has no number in it, but only our port: who answers at others as well may have
        guessed the one that counts.
        """
        return _target(probe) in self._guessed

    def _send(
        self,
        probes: Sequence[Probe],
        frame_of: Callable[[Probe, str, Mark], bytes],
        progress: Callable[[float], None] | None,
    ) -> None:
        start = monotonic()
        for place, probe in enumerate(probes):
            self._listen(start + place * self._gap)
            if probe not in self._heard:
                self._wire.send(frame_of(probe, self._mac, self._mark(probe)))
            if progress is not None and place % _STEP == 0:
                progress(place / len(probes))

    def _await(self, probes: Sequence[Probe], seconds: float) -> None:
        """Listen until all of `probes` are answered, for at most `seconds`."""
        left = [probe for probe in probes if probe not in self._heard]
        deadline = monotonic() + seconds
        while left and monotonic() < deadline:
            self._listen(min(deadline, monotonic() + _SLICE))
            left = [probe for probe in left if probe not in self._heard]

    def _listen(self, until: float) -> None:
        for data in self._wire.frames(until):
            try:
                heard = decode_reply(data)
            except FrameError:
                # Whatever it is, it does not answer us.
                continue
            probe = self._probe_of(heard)
            if probe is None:
                target = heard.key[0], heard.key[2], heard.key[3]
                if heard.reply.kind == "open" and target in self._used:
                    self._guessed.add(target)
            elif (probe.mac, heard.reply.mac) in self._same:
                self._take(probe, heard.reply)
            else:
                self._from_others.setdefault(probe, heard.reply)

    def _take(self, probe: Probe, reply: ProbeReply) -> None:
        self._heard.setdefault(probe, reply)
        if probe.protocol == "tcp" and reply.kind == "open":
            # Each time: a host that says it again has not had the last one.
            self._wire.send(reset_frame(probe, self._mac, self._marks[probe]))

    def _ask_others(self) -> None:
        """Take the replies of hosts that turn out to be those that were asked."""
        waiting = {
            probe: reply for probe, reply in self._from_others.items() if probe not in self._heard
        }
        unknown = frozenset((probe.mac, reply.mac) for probe, reply in waiting.items())
        if asked := unknown - self._others - self._same:
            self._same |= (vouched := self._vouch(asked))
            self._others |= asked - vouched
        for probe, reply in waiting.items():
            if (probe.mac, reply.mac) in self._same:
                self._take(probe, reply)

    def _probe_of(self, heard: HeardReply) -> Probe | None:
        """Return the probe of a reply; of several that it fits, the one sent to where it is from.

        Datagrams alone have no number.
        """
        alike = [
            probe
            for probe in self._sent.get(heard.key, ())
            if heard.answers(probe, self._marks[probe])
        ]
        if len(alike) <= 1:
            return alike[0] if alike else None
        near = (probe for probe in alike if (probe.mac, heard.reply.mac) in self._same)
        return next(near, None)

    def _mark(self, probe: Probe) -> Mark:
        """Return what marks a probe, the same each time it is sent."""
        if (known := self._marks.get(probe)) is not None:
            return known
        used = self._used.setdefault(_target(probe), set())
        # Who knows the port of its own datagram knows that it is not its neighbour's.
        ours = self._chance.choice(
            [each for each in self._ports if each not in used] or self._ports
        )
        used.add(ours)
        mark = self._marks[probe] = Mark(ours, self._chance.getrandbits(64))
        self._sent.setdefault(probe.reply_key(mark), []).append(probe)
        return mark


def _target(probe: Probe) -> object:
    """Return what the answers to several probes have in common."""
    return probe.protocol, probe.target, probe.port
