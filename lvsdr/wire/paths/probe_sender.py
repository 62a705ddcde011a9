"""Send many probes at a limited rate, and match the replies to them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from time import monotonic

from lvsdr.wire.frames.ethernet import FrameError
from lvsdr.wire.packet_socket import PacketSocket
from lvsdr.wire.paths.probe import (
    ECHO,
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

Numbers = tuple[int, int]
"""Our port, and the number that a reply has to carry."""


class ProbeSender:
    """Send probes from `ports` on `wire`, at most `rate` a second, and keep the replies."""

    def __init__(self, wire: PacketSocket, ports: range, rate: float) -> None:
        self._wire, self._ports, self._gap = wire, ports, 1 / rate
        self._mac = wire.mac
        # Nobody else can guess the number that an answer has to carry.
        self._next = random.SystemRandom().randrange(1 << 32)
        self._numbers: dict[Probe, Numbers] = {}
        self._sent: dict[ReplyKey, list[Probe]] = {}
        self._heard: dict[Probe, ProbeReply] = {}

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
        silent = [probe for probe in asked if probe not in self._heard and probe.protocol == "tcp"]
        self._send(silent, reset_frame, None)
        return {probe: self._heard[probe] for probe in asked if probe in self._heard}

    def _send(
        self,
        probes: Sequence[Probe],
        frame_of: Callable[[Probe, str, int, int], bytes],
        progress: Callable[[float], None] | None,
    ) -> None:
        start = monotonic()
        for place, probe in enumerate(probes):
            self._listen(start + place * self._gap)
            if probe not in self._heard:
                self._wire.send(frame_of(probe, self._mac, *self._port_and_number(probe)))
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
                key, reply = decode_reply(data)
            except FrameError:
                # Whatever it is, it does not answer us.
                continue
            if (probe := self._probe_of(key, reply.mac)) is not None:
                self._heard.setdefault(probe, reply)
                if probe.protocol == "tcp" and reply.kind == "open":
                    # Each time: a host that says it again has not had the last one.
                    self._wire.send(reset_frame(probe, self._mac, *self._numbers[probe]))

    def _probe_of(self, key: ReplyKey, mac: str) -> Probe | None:
        """Return the probe of `key`; of several with one key, the one that was sent to `mac`."""
        alike = self._sent.get(key, ())
        if len(alike) == 1:
            return alike[0]
        return next((probe for probe in alike if probe.mac == mac), None)

    def _port_and_number(self, probe: Probe) -> Numbers:
        """Return the source port and the number of a probe, the same each time it is sent."""
        if (known := self._numbers.get(probe)) is not None:
            return known
        self._next = self._next + 1 & 0xFFFFFFFF
        ours = self._ports[self._next % len(self._ports)]
        # An echo has 16 bits for it.
        number = self._next // len(self._ports) & 0xFFFF if probe.protocol == ECHO else self._next
        self._numbers[probe] = ours, number
        self._sent.setdefault(probe.reply_key(ours, number), []).append(probe)
        return ours, number
