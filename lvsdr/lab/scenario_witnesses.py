"""The witnesses of a scenario, one function and a row in WITNESSES for each kind.

Each returns what it asked, what it found, and the lines that tell the details.
"""

from __future__ import annotations

import json
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from time import monotonic
from types import MappingProxyType

from lvsdr.lab import large_requests, single_packets
from lvsdr.lab.arp_witness import count_answers
from lvsdr.lab.lasting_requests import Requests, asking_on
from lvsdr.lab.scenario_stage import Stage, as_typed
from lvsdr.lab.services import ask, serving
from lvsdr.model.address import IPAddress
from lvsdr.model.ipvs import Service

NOBODY = "nobody"
# How long the client asks before an accident, and for how long it is judged, in seconds.
BEFORE, JUDGED = 1.0, 5.0
# What was asked, what was found (names of hosts, or numbers of frames), and the lines that tell it.
Seen = tuple[str, frozenset[str], tuple[str, ...]]
Asked = Callable[[Stage], Seen]


def answering(built: Stage) -> Seen:
    """Let the observer's kernel ask for the VIPs, and count the answers."""
    names, lines = set(), []
    for vip in built.vips:
        for mac, count in sorted(count_answers(built.lab.observer, "eth0", vip).items()):
            name = built.name_of(mac)
            names.add(name)
            lines.append(f"{vip} is at {mac}: {name} (answers: {count})")
    return "who answers the observer", frozenset(names or {NOBODY}), tuple(lines)


def entry(built: Stage) -> Seen:
    """Let the first real server send a packet from the VIP; see which MAC the gateway then has."""
    lab, vip = built.lab, built.vips[0]
    host, gateway = lab.realservers[0], lab.topology.gateway.address(vip.version)
    host.ip(f"neighbour flush to {gateway}")
    host.inside(lambda: _speak(vip, lab.client_addresses(vip.version)[0]))
    shown = json.loads(lab.gateway.run("ip", "-j", "neighbour", "show", str(vip)).stdout)
    name = built.name_of(shown[0].get("lladdr", NOBODY)) if shown else NOBODY
    lines = (f"the gateway sends {vip} to {name}",)
    return "the gateway's entry, once a real server has answered a client", frozenset({name}), lines


def served_by(built: Stage) -> Seen:
    """Let the client send each service as many requests as it has real servers."""
    names = {host.name for host in built.servers}
    found, lines = set(), []
    for service in built.services:
        asked = built.turns(service)
        for who, count in served(built, service, asked).items():
            found.add(who if who in names else NOBODY)
            lines.append(f"{count} of {asked} request{'s' if asked > 1 else ''}: {who}")
    return "who serves the client", frozenset(found), tuple(lines)


def looping(built: Stage) -> Seen:
    """Let the client send one packet to the VIP; count its frames until its TTL expires."""
    watched, vip = built.scenario.watched, built.vips[0]
    source = built.lab.client_addresses(vip.version)[0]
    with single_packets.counting(built.hosts[watched.host], watched.link, vip) as count:
        built.lab.client.inside(lambda: single_packets.send_one(source, vip))
        found = count()
    lines = (f"{found} on {watched.link} of {watched.host}, for one packet to {vip}",)
    return f"frames on {watched.link} of {watched.host}", frozenset({str(found)}), lines


def reaching(built: Stage) -> Seen:
    """Let the client send a long request; count the ICMP errors about the MTU at the gateway."""
    lab, service = built.lab, built.services[0]
    assert service.vip is not None, "a client asks for an address"
    source = lab.client_addresses(service.vip.version)[0]
    names = {host.name for host in built.servers}
    with (
        large_requests.serving_large_requests(lab.realservers[0], service),
        large_requests.fragmentation_errors(lab.gateway, lab.topology.gateway.link) as heard,
    ):
        who = lab.client.inside(lambda: large_requests.send_large_request(source, service))
        told = [f"fragmentation needed, {mtu} fit: {count}" for mtu, count in heard().items()]
    lines = (
        f"{large_requests.LENGTH} bytes: {who}",
        *(f"ICMP at the gateway: {line}" for line in told),
    )
    return "who reads a long request", frozenset({who if who in names else NOBODY}), lines


def lasting(built: Stage) -> Seen:
    """Let the client ask all the time while the accident happens; see who serves it in the end."""
    lab, scenario, service = built.lab, built.scenario, built.services[0]
    assert service.vip is not None, "a client asks for an address"
    names = {host.name for host in built.servers}
    with asking_on(lab.client, service, lab.client_addresses(service.vip.version)) as requests:
        begun = requests.go_on(monotonic() + BEFORE)
        built.do_by_hand(scenario.accident)
        settled = begun + scenario.settles
        end = requests.go_on(settled + JUDGED)
    found = {who if who in names else NOBODY for who in requests.between(settled, end)}
    typed = [f"{part.host}# {as_typed(line)}" for part in scenario.accident for line in part.do]
    told = (*_told(requests, (begun, settled, end), names), *_table(built))
    title = f"who serves the client, {scenario.settles:g} s later and from then on"
    return title, frozenset(found), (*typed, *told)


def _told(requests: Requests, times: tuple[float, float, float], names: set[str]) -> Iterator[str]:
    begun, settled, end = times
    spans = (
        ("before", 0.0, begun),
        (f"in the {settled - begun:g} s after it", begun, settled),
        ("from then on", settled, end),
    )
    for when, start, stop in spans:
        counted = sorted(Counter(requests.between(start, stop)).items())
        yield f"{when}: {', '.join(f'{number} {who}' for who, number in counted)}"
    lost = [at - begun for at, who in requests.done if begun <= at < end and who not in names]
    said = f"{len(lost)} lost, the last one {max(lost):.1f} s after it" if lost else "none is lost"
    yield f"of {len(requests.between(begun, end))} requests {said}"


def _table(built: Stage) -> Iterator[str]:
    yield "director# ipvsadm -Sn"
    yield from built.lab.director.run("ipvsadm", "-Sn").stdout.splitlines()


WITNESSES: Mapping[str, Asked] = MappingProxyType(
    {
        "answering": answering,
        "entry": entry,
        "serving": served_by,
        "looping": looping,
        "reaching": reaching,
        "lasting": lasting,
    }
)


def served(built: Stage, service: Service, times: int) -> dict[str, int]:
    """Return how many requests each host served, or why none did."""
    lab = built.lab
    assert service.vip is not None, "a client asks for an address"
    with all_serving(built, service):
        sources = lab.client_addresses(service.vip.version)
        return dict(sorted(ask(lab.client, service, sources, times).items()))


def all_serving(built: Stage, *services: Service) -> ExitStack:
    """Let every serving host serve `services` inside the block."""
    with ExitStack() as stack:
        for host in built.servers:
            stack.enter_context(serving(host, services))
        return stack.pop_all()


def _speak(vip: IPAddress, client: IPAddress) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as speaking:
        speaking.bind((str(vip), 0))
        speaking.sendto(b"!", (str(client), 9))
