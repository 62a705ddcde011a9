"""The questions of checks that are not answered yet, each by the key of its answer."""

from __future__ import annotations

import os

from lvsdr.wire.checks.check_link import CheckLink
from lvsdr.wire.checks.next_hop_watch import Hop, NextHopWatch
from lvsdr.wire.checks.proxied_rips import ProxiedRips
from lvsdr.wire.checks.questions_again import SECRET, DatagramQuestion, Question
from lvsdr.wire.checks.watched_path import PORTS_EACH, Check, Questions

_SECRETS = 512


class AskedQuestions:
    """Ask for checks, and remember by which keys they are answered.

    `services` has the checks by the answers of services, `echoes` by those to echoes; `cookies` is
    what the answer to a datagram has to repeat.
    """

    def __init__(self, link: CheckLink, hops: NextHopWatch, proxied: ProxiedRips) -> None:
        self._link, self._hops, self._proxied = link, hops, proxied
        self._ports = [port.to_bytes(2) for port in link.ports]
        self._secrets, self._secret = b"", 0
        self.services: dict[bytes, Check] = {}
        self.echoes: dict[bytes, Check] = {}
        self.cookies: dict[bytes, bytes] = {}

    def ask(self, check: Check, now: float) -> None:
        """Ask once, by one more question of its own."""
        watched = check.watched
        hop = watched.hop
        if not hop.mac:
            self._hops.ask(hop, now, often=check.often)
            return
        asked = watched.questions or watched.made(self._link.mac)
        check.sent += 1
        if check.doubted:
            words = watched, self._link.mac, self._next_port(check), self._new()
            frame, key = self._proxied.question(*words)
            self._keep(self.echoes, key, check, frame)
        elif isinstance(asked.service, DatagramQuestion):
            self._ask_by_datagram(check, hop, asked, asked.service)
        else:
            self._send(self.services, check, hop, asked.service)

    def _send(self, table: dict[bytes, Check], check: Check, hop: Hop, question: Question) -> None:
        frame, key = question.ask(hop.mac, self._next_port(check), self._new())
        table[key] = check
        check.keys.append(key)
        self._link.put((frame,))

    def _keep(self, table: dict[bytes, Check], key: bytes, check: Check, frame: bytes) -> None:
        table[key] = check
        check.keys.append(key)
        self._link.put((frame,))

    def _ask_by_datagram(
        self, check: Check, hop: Hop, asked: Questions, question: DatagramQuestion
    ) -> None:
        sent = [each for each in check.datagrams if each.startswith(hop.mac)]
        fresh = self._fresh(check, hop, question) if len(sent) < PORTS_EACH else b""
        if fresh:
            check.datagrams.append(fresh)
        elif sent:
            # Behind one router all have the same ports: some are left to the others.
            self._link.put(sent[-1:])
        else:
            check.unasked = True
        if asked.vip is not None:
            self._send(self.echoes, check, hop, asked.vip)

    def _fresh(self, check: Check, hop: Hop, question: DatagramQuestion) -> bytes:
        """Ask from a port that nobody asks from; return the frame, empty where there is none."""
        secret = self._new()
        # Whoever has seen questions of its own knows our ports, and would know the next one.
        check.watched.turn = self._new()[0]
        for _ in self._ports:
            frame, key = question.ask(hop.mac, self._next_port(check), secret)
            # Its port alone tells it from another one to the same address by the same next hop.
            if key not in self.services:
                self._keep(self.services, key, check, frame)
                self.cookies[key] = question.cookie(secret)
                return frame
        return b""

    def _next_port(self, check: Check) -> bytes:
        # One after the other: what a lost reset has left half open has time to go.
        watched = check.watched
        watched.turn = turn = (watched.turn + 1) % len(self._ports)
        return self._ports[turn]

    def _new(self) -> bytes:
        """Return random bytes that nobody can guess."""
        if self._secret + SECRET > len(self._secrets):
            self._secrets, self._secret = os.urandom(SECRET * _SECRETS), 0
        self._secret += SECRET
        return self._secrets[self._secret - SECRET : self._secret]

    def forget(self, check: Check) -> None:
        """Wait for no answer to a check any more."""
        for key in check.keys:
            for table in (self.services, self.echoes, self.cookies):
                table.pop(key, None)

    def clear(self) -> None:
        """Wait for no answer at all."""
        for table in (self.services, self.echoes, self.cookies):
            table.clear()
