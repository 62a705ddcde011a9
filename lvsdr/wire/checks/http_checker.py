"""Check real servers by a request of HTTP and its answer, along the path of clients.

The VIP is an address of the director's own, so that its kernel cannot connect to it at a real
server: these connections are made by packet sockets. Of a connection to a VIP of IPv4 the kernel
sees nothing, for it drops what comes from an address of its own. One to a VIP of IPv6 it does not
know, and says so to itself alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from time import monotonic

from lvsdr.model.address import IPAddress
from lvsdr.model.checked_path import CheckedPath
from lvsdr.model.health import HttpCheck
from lvsdr.wire.checks.answer_keys import CLOSED, OPEN, Heard, heard
from lvsdr.wire.checks.answer_meaning import FORWARDS, Meaning, meaning, silence
from lvsdr.wire.checks.forgotten_connections import ForgottenConnections
from lvsdr.wire.checks.http_answer import MOST, judged, request
from lvsdr.wire.checks.http_exchange import LINGER, PATIENCE, Exchange, FirstNumbers
from lvsdr.wire.checks.link_checker import LinkChecker
from lvsdr.wire.checks.proxied_rips import ProxiedRips
from lvsdr.wire.checks.tcp_client import TcpClient
from lvsdr.wire.checks.tcp_frames import piece, received
from lvsdr.wire.checks.watched_path import PORTS_EACH, Check

_ALL = 0xFFFFFFFF


class HttpChecker(LinkChecker):
    """Check whether each real server answers a request; the check of each path is an HttpCheck."""

    def __init__(
        self, link: str, checked: Iterable[CheckedPath], witnesses: Iterable[IPAddress] = ()
    ) -> None:
        super().__init__(link, checked, witnesses)
        self._ports = [port.to_bytes(2) for port in self._link.ports]
        self._numbers = FirstNumbers()
        self._proxied = ProxiedRips(self._watched.values())
        self._forgotten = ForgottenConnections(self._watched.values(), monotonic())
        self._exchanges: dict[Check, Exchange] = {}
        # By the key of the answer to the first segment, and by addresses, ports and MAC.
        self._opening: dict[bytes, tuple[Exchange, bytes, int]] = {}
        self._by_ports: dict[bytes, Exchange] = {}
        self._echoes: dict[bytes, Check] = {}
        self._lingering: list[Exchange] = []

    def close(self) -> None:
        """Give up what is open, and give back what was opened."""
        for exchange in (*self._exchanges.values(), *self._lingering):
            self._link.put(exchange.giving_up(self._link.mac))
        self._link.flush()
        super().close()

    def due(self) -> float | None:
        """Return when results have to be asked for at the latest, by monotonic(3)."""
        soon = super().due()
        if not self._lingering:
            return soon
        return min(soon or 0.0, monotonic() + PATIENCE / 4)

    # --- to ask ----------------------------------------------------------------------------------

    def _ask(self, check: Check, now: float) -> None:
        hop = check.watched.hop
        if not hop.mac:
            self._hops.ask(hop, now, often=check.often)
            return
        exchange = self._exchanges.get(check)
        if exchange is None or exchange.mac != hop.mac:
            self._forget(check)
            asked = check.watched.made(self._link.mac)
            exchange = self._exchanges[check] = Exchange(check, asked, hop.mac)
        check.sent += 1
        if exchange.client is not None:
            exchange.client.again()
            self._link.put(exchange.frames(self._link.mac))
        elif check.doubted:
            words = check.watched, self._link.mac, self._ports[0], os.urandom(8)
            echo, key = self._proxied.question(*words)
            self._echoes[key] = check
            exchange.keys.append(key)
            self._link.put((echo,))
        else:
            self._open(exchange)

    def _open(self, exchange: Exchange) -> None:
        """Send the first segment from a port of its own, or once more from the last of some."""
        watched = exchange.check.watched
        if len(exchange.attempts) >= PORTS_EACH:
            # Behind one router all have the same ports: some are left to the others.
            self._link.put(exchange.attempts[-1:])
            return
        for _ in self._ports:
            watched.turn = (watched.turn + 1) % len(self._ports)
            port = self._ports[watched.turn]
            number = self._numbers.first(watched.item.number, port)
            words = exchange.mac, port, number.to_bytes(4)
            syn, key = exchange.asked.service.ask(*words)
            ports = key[:-4] + exchange.mac
            if ports not in self._by_ports:
                self._opening[key] = exchange, port, number
                self._by_ports[ports] = exchange
                exchange.keys += (key, ports)
                exchange.attempts.append(syn)
                self._link.put((syn,))
                return
        exchange.check.unasked = exchange.check.unasked or not exchange.attempts

    # --- to hear ---------------------------------------------------------------------------------

    def _hear(self, frames: Iterable[bytes], now: float) -> None:
        touched: dict[Exchange, None] = {}
        for frame in frames:
            found = received(frame)
            ports = b"" if found is None else found[0] + frame[6:12]
            known = self._by_ports.get(ports)
            if found is not None and known is not None and known.ports == ports:
                known.take(found[1], now)
                touched[known] = None
            elif (said := heard(frame)) is not None:
                self._answered(frame, said, now)
        for exchange in touched:
            self._judge(exchange, now)

    def _answered(self, frame: bytes, said: Heard, now: float) -> None:
        """Take the answer to a first segment, or an error."""
        opening = self._opening.get(said.key)
        if opening is None:
            if (check := self._echoes.get(said.key)) is not None:
                self._echoed(check, said, now)
            else:
                self._link.put(self._forgotten.resets(frame, said, now))
            return
        exchange, port, number = opening
        watched = exchange.check.watched
        if not self._from_its_hop(watched.hop, said.mac, now):
            return
        if said.label not in (None, exchange.asked.label):
            return
        if said.kind == OPEN:
            if exchange.client is None:
                self._connected(exchange, frame, port, number)
            else:
                self._link.put(self._forgotten.resets(frame, said, now))
        elif exchange.client is not None or exchange.over is not None:
            return
        elif said.kind == "expired" and not said.outer and watched.may_be_behind_proxy:
            if not exchange.check.doubted:
                exchange.check.doubted = True
                self._ask(exchange.check, now)
        elif said.kind == CLOSED or meaning(watched, said) is not None:
            self._conclude(exchange.check, meaning(watched, said), now)

    def _connected(self, exchange: Exchange, frame: bytes, port: bytes, number: int) -> None:
        """Send the request over a connection that was accepted."""
        found = received(frame)
        check, path = exchange.check.watched.item.check, exchange.check.watched.item.path
        if found is None or not isinstance(check, HttpCheck):
            return
        words = request(check, path.vip or path.rip, path.port)
        expected = found[1].number + 1 & _ALL
        exchange.client = TcpClient(number + 1 & _ALL, words, expected, piece(frame))
        exchange.port = port
        exchange.ports = found[0] + exchange.mac
        self._link.put(exchange.frames(self._link.mac))

    def _echoed(self, check: Check, said: Heard, now: float) -> None:
        if not check.doubted or not self._from_its_hop(check.watched.hop, said.mac, now):
            return
        if said.kind == "expired":
            self._proxied.learn(check.watched)
            check.doubted = False
            self._forget(check)
            self._ask(check, now)
        elif said.kind == OPEN:
            self._conclude(check, Meaning(FORWARDS, told=True), now)

    # --- to conclude -----------------------------------------------------------------------------

    def _judge(self, exchange: Exchange, now: float) -> None:
        """Conclude a check whose answer says enough, and go on with the connection."""
        client, check = exchange.client, exchange.check
        if client is None:
            return
        if exchange.over is None and isinstance(check.watched.item.check, HttpCheck):
            ended = client.ended or client.reset
            found = judged(check.watched.item.check, bytes(client.came), ended=ended)
            if client.reset and not client.came:
                found = Meaning("resets the connection", told=True)
            if found is not None:
                self._conclude(check, found, now)
        if client.ended:
            client.close()
        if len(client.came) > 2 * MOST:
            self._link.put(exchange.giving_up(self._link.mac))
            client.reset = True
        self._link.put(exchange.frames(self._link.mac))

    def _silence(self, check: Check, now: float) -> Meaning | None:
        exchange = self._exchanges.get(check)
        if exchange is None or exchange.client is None:
            return silence(check, now)
        return Meaning("does not answer the request", told=True)

    def _forget(self, check: Check) -> None:
        exchange = self._exchanges.pop(check, None)
        if exchange is None:
            return
        exchange.over = monotonic()
        if exchange.client is not None and exchange.client.came and not exchange.client.closed:
            self._lingering.append(exchange)
        else:
            self._link.put(exchange.giving_up(self._link.mac))
            self._drop(exchange)

    def _drop(self, exchange: Exchange) -> None:
        for key in exchange.keys:
            self._opening.pop(key, None)
            self._by_ports.pop(key, None)
            self._echoes.pop(key, None)

    def _clear(self) -> None:
        for table in (self._opening, self._by_ports, self._echoes):
            table.clear()
        self._exchanges.clear()
        self._lingering.clear()

    def _pass_time(self, now: float) -> None:
        """Close the connections of checks that are over."""
        left = []
        for exchange in self._lingering:
            client, over = exchange.client, exchange.over or now
            assert client is not None, "only what was connected lingers"
            if client.closed or now > over + LINGER:
                self._link.put([] if client.closed else exchange.giving_up(self._link.mac))
                self._drop(exchange)
                continue
            if now > over + PATIENCE and now > exchange.again:
                exchange.again = now + PATIENCE / 2
                client.close()
                client.again()
            self._link.put(exchange.frames(self._link.mac))
            left.append(exchange)
        self._lingering = left
