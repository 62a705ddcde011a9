"""Taking a real server out of service: weight 0, then waiting for its connections to end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address

from lvsdr.core.at_one_rip import record_with, with_rip
from lvsdr.core.book import Book
from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.out_of_service import OutOfService, out_of_service
from lvsdr.core.partial_plans import must_be_served, must_be_whole, partial_plan
from lvsdr.core.record import Record, owner_of
from lvsdr.core.situation import Situation
from lvsdr.core.workflow import converge
from lvsdr.errors import CannotRun, ProfileError
from lvsdr.model.address import IPAddress, endpoint
from lvsdr.model.counters import Counters, Standing
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.ipvs_daemons import Timeout
from lvsdr.model.objects import Key, Objects, Sysctl
from lvsdr.model.profile import DirectorProfile, command

EXPIRE_TEMPLATES = "net/ipv4/vs/expire_quiescent_template"
EXPIRE_FLOWS = "net/ipv4/vs/expire_nodest_conn"
STEP = 0.5

Standings = tuple[Standing, ...]


def real_servers_at(
    profile: DirectorProfile, rip: str, services: Sequence[str], book: Book
) -> tuple[RealServer, ...]:
    """Return the profile's real servers at `rip`, all or those of `services`; raise ProfileError.

    A service is written PROTOCOL:VIP:PORT or fwmark:N. Of what the profile says as it is known,
    the record of `book` is asked.
    """
    address = _address(rip)
    likely = with_rip(profile, str(address), book)
    found = [server for server in likely if server.rip == address]
    if not found:
        known = ", ".join(map(str, profile.rips[:5])) or "none"
        raise ProfileError(
            f"cannot drain {rip}: no such real server in profile {profile.name}",
            hints=[f"its real servers: {known}"],
        )
    for text in services:
        if not any(_is(server.service, text) for server in found):
            known = ", ".join(service_option(server.service) for server in found[:5])
            raise ProfileError(
                f"cannot drain {rip} of {text}: no such virtual server has it",
                hints=[f"the virtual servers that have it: {known}"],
            )
    named = [server for server in found if any(_is(server.service, each) for each in services)]
    return tuple(named if services else found)


def service_option(service: Service) -> str:
    """Return a service as an option names it."""
    if service.vip is None:
        return f"fwmark:{service.fwmark}"
    return f"{service.protocol}:{endpoint(service.vip, service.port)}"


def drain(
    profile: DirectorProfile,
    servers: Sequence[RealServer],
    kernel: Kernel,
    book: Book,
    *,
    undo: bool = False,
) -> Situation:
    """Set weight 0 for `servers`, or with `undo` the profile's weight, or leave it and raise.

    Nothing else of the profile is touched but a sorry server, and no drift is mended. What a check
    has taken out of the table stays out; `undo` puts that back, too. Returns how it stood before.
    """
    record = record_with(servers, profile, book)
    situation = _plan_drain(profile, servers, kernel, record, undo)
    must_be_served(situation, profile, kernel)
    converge(situation, kernel, book)
    return situation


def standings(servers: Sequence[RealServer], kernel: Kernel) -> Standings:
    """Return what each of `servers` still has."""
    rips = {str(server.key[-2]) for server in servers}
    counted = kernel.counters({_virtual_server(server) for server in servers}, rips)
    comes_back = not _is_set(EXPIRE_TEMPLATES, kernel.observe([("sysctl", EXPIRE_TEMPLATES)]))
    return tuple(Standing(each, counted.get(each.key, Counters()), comes_back) for each in servers)


def wait_for_connections(
    servers: Sequence[RealServer],
    kernel: Kernel,
    *,
    persistent: bool,
    timeout: float,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[Standings]:
    """Yield how it stands until nothing is left or `timeout` seconds are over; at least once."""
    deadline = time.monotonic() + timeout
    while True:
        seen = standings(servers, kernel)
        yield seen
        rest = deadline - time.monotonic()
        if not any(each.left(persistent) for each in seen) or rest <= 0:
            return
        pause(min(STEP, rest))


def obstacles(profile: DirectorProfile, seen: Standings, kernel: Kernel) -> Iterator[str]:
    """Yield why what is left is there, and what would shorten it."""
    if not any(each.counters.active or each.flows or each.counters.persistent for each in seen):
        # Nothing that is read would say more.
        return
    there = kernel.observe(
        [
            *(("sysctl", path) for path in (EXPIRE_TEMPLATES, EXPIRE_FLOWS)),
            *(("timeout", protocol) for protocol in ("tcp", "udp")),
        ]
    )
    spread = {server.key: server for server in profile.virtual_servers}
    for each in seen:
        yield from _templates(each, spread[_virtual_server(each.server)], there)
    if any(each.counters.active for each in seen):
        yield (
            "a connection counts as active until it is closed, however little it says; one that"
            f" is silent is forgotten after {_timeout('tcp', there)} (timeouts: tcp)"
        )
    if any(each.flows for each in seen):
        yield from _flows(there)


def _flows(there: Objects) -> Iterator[str]:
    yield (
        "a flow of datagrams is inactive, and stays where it is whatever the weight, until its"
        f" client has been silent for {_timeout('udp', there)} (timeouts: udp)"
    )
    yield (
        "a client that is never so long silent: take the real server out of the profile and apply;"
        " its next datagram goes to another, and none is lost"
        if _is_set(EXPIRE_FLOWS, there)
        else "a client that is never so long silent: write expire_nodest_conn 1 into the profile's"
        " sysctls, take the real server out of the profile and apply; its next datagram goes to"
        f" another ({EXPIRE_FLOWS} is 0: without it all of them are lost)"
    )


def _timeout(protocol: str, there: Objects) -> str:
    timeout = there.get(("timeout", protocol))
    return f"{timeout.seconds} s" if isinstance(timeout, Timeout) else "its timeout"


def _is_set(path: str, there: Objects) -> bool:
    setting = there.get(("sysctl", path))
    return isinstance(setting, Sysctl) and setting.value != "0"


def _templates(each: Standing, server: VirtualServer, there: Objects) -> Iterator[str]:
    if server.persistence is None or not each.counters.persistent:
        return
    many = each.counters.persistent
    clients = f"{many} persistence template{'s' if many > 1 else ''}"
    if _is_set(EXPIRE_TEMPLATES, there):
        yield (
            f"{server.service} has {clients} here; new connections of these clients go elsewhere"
            f" ({EXPIRE_TEMPLATES} is set)"
        )
        return
    yield (
        f"{server.service} has {clients} here: these clients come back to {each.server.rip} though"
        f" its weight is 0, until they have been away for {server.persistence} s"
        f" ({EXPIRE_TEMPLATES} is 0; write 1 into the profile's sysctls to send them elsewhere)"
    )


def _plan_drain(
    profile: DirectorProfile,
    servers: Sequence[RealServer],
    kernel: Kernel,
    record: Record,
    undo: bool,
) -> Situation:
    """Return what is between this host and one where `servers` have their new weight."""
    _must_be_ours(profile)
    must_be_whole(profile, record, f"drain a real server of profile {profile.name}")
    _must_be_applied(profile, servers, record)
    owner, named = owner_of(profile), {each.key: each for each in servers}
    before = out_of_service(owner, record)
    if undo:
        # Also what a check has found that nobody makes any more.
        down = {key: each for key, each in before.down.items() if key not in named}
        after = OutOfService(before.drained - named.keys(), down)
    else:
        after = OutOfService(before.drained | named.keys(), before.down)
    return partial_plan(profile, named, after, kernel, record, profile.said)


def _must_be_ours(profile: DirectorProfile) -> None:
    if not profile.writes_table:
        raise CannotRun(
            f"cannot drain a real server of profile {profile.name}: its table_owner is"
            f" {profile.table_owner}, which would give it back its weight",
            notes=["nothing was changed"],
            hints=[
                "write weight 0 for it in keepalived.conf, and let keepalived read that again"
                " (SIGHUP); it comes back in the same way"
            ],
        )


def _must_be_applied(
    profile: DirectorProfile, servers: Sequence[RealServer], record: Record
) -> None:
    owner = owner_of(profile)
    removed = out_of_service(owner, record).down.keys() & record.baseline.keys()
    for server in servers:
        if server.key not in record.claims.get(owner, {}) and server.key not in removed:
            raise CannotRun(
                f"cannot drain {server.title}: profile {profile.name} has not been applied with it",
                hints=[command(profile, "apply")],
            )


def _virtual_server(server: RealServer) -> Key:
    return (VirtualServer.kind, *server.service.key)


def _address(text: str) -> IPAddress:
    try:
        return ip_address(text)
    except ValueError:
        message = f"cannot drain {text}: it is not an IPv4 or IPv6 address"
        raise ProfileError(message, hints=["give the RIP of the profile"]) from None


def _is(service: Service, text: str) -> bool:
    """Return whether `text` names `service`; an IPv6 address may be written in any way."""
    protocol, _, rest = text.partition(":")
    if service.vip is None:
        return (protocol, rest) == ("fwmark", str(service.fwmark))
    host, _, port = rest.rpartition(":")
    try:
        vip = ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return (protocol, vip, port) == (service.protocol, service.vip, str(service.port))
