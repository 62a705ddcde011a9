"""Clusters as they are before a recipe, and the recipe typed on them while a client asks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from time import monotonic, sleep

from recipe_hosts import OwnFiles, own_files
from recipe_page import Typed
from rig import RIPS, VIP, Rig, director, realserver, rig, virtual_server
from steady_traffic import SLOW, Count, Traffic, steady

from lvsdr.lab.services import serving
from lvsdr.model.ipvs import Service

SECOND_VIP = "192.168.1.3"
SERVED = virtual_server(scheduler="rr", real_servers=[{"rip": rip} for rip in RIPS])
PROFILE = json.dumps(director(SERVED, vips=[{"address": VIP, "label": "eth0"}], health={}))
KEEPER = "lvsdr-director-keep@director"

CHECKS = "TCP_CHECK {\n      connect_timeout 5\n    }"
KEEPALIVED = f"""! as it was
global_defs {{
  router_id here
}}
vrrp_instance VI_1 {{
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority 100
  advert_int 1
  authentication {{
    auth_type PASS
    auth_pass secret
  }}
  virtual_ipaddress {{
    {VIP}
  }}
}}
virtual_server {VIP} 80 {{
  delay_loop 3
  lvs_sched rr
  lvs_method DR
  protocol TCP
  real_server {RIPS[0]} 80 {{
    {CHECKS}
  }}
  real_server {RIPS[1]} 80 {{
    {CHECKS}
  }}
}}"""
LDIRECTORD = f"""checktimeout=20
checkinterval=5
virtual={VIP}:80
        real={RIPS[0]}:80 gate
        real={RIPS[1]}:80 gate
        scheduler=rr
        protocol=tcp
        checktype=connect"""
SCRIPT = (
    f"ip address add {VIP}/32 dev lo label lo:0",
    *(
        f"sysctl -qw net.ipv4.conf.{link}.{name}={value}"
        for link in ("lo", "all")
        for name, value in (("arp_ignore", 1), ("arp_announce", 2))
    ),
)


def written(place: str, file: str, text: str) -> Typed:
    """Return the command that writes a file."""
    return Typed(place, f"cat >{file} <<'END'\n{text}\nEND")


def on(place: str, *commands: str) -> list[Typed]:
    """Return commands that are typed on one host."""
    return [Typed(place, each) for each in commands]


def _realservers() -> list[Typed]:
    return [
        step
        for name in ("rs1", "rs2")
        for step in (
            written(name, "/etc/lvsdr/realserver.json", json.dumps(realserver())),
            *on(name, "lvsdr realserver apply"),
        )
    ]


BY_HAND = on(
    "director",
    f"ipvsadm -A -t {VIP}:80 -s rr",
    *(f"ipvsadm -a -t {VIP}:80 -r {rip}:80 -g" for rip in RIPS),
    f"ip address add {VIP}/32 dev eth0",
)
BY_LDIRECTORD = [
    *on("director", f"ip address add {VIP}/32 dev eth0"),
    written("director", "/etc/ha.d/ldirectord.cf", LDIRECTORD),
    *on("director", "systemctl start ldirectord"),
]
BY_KEEPALIVED = [
    written("director", "/etc/keepalived/keepalived.conf", KEEPALIVED),
    *on("director", "systemctl start keepalived"),
]
BY_LVSDR = [
    written("director", "/etc/lvsdr/director.json", PROFILE),
    *on("director", f"systemctl enable --now {KEEPER}"),
]
PAIR = [
    written(place, "/etc/keepalived/keepalived.conf", KEEPALIVED.replace("100", priority))
    for place, priority in (("lb1", "150"), ("lb2", "100"))
]
TWO = [*BY_LVSDR, written("new", "/etc/lvsdr/director.json", PROFILE)]
KEPT = [
    *on("rs1", "systemctl enable --now lvsdr-realserver-keep@realserver"),
    *on("rs2", "systemctl enable --now lvsdr-realserver-keep@realserver"),
]
# What is there before each recipe, on directors and real servers.
STARTS: Mapping[str, list[Typed]] = {
    "a": [*_realservers(), *BY_HAND],
    "b": [*_realservers(), *BY_LDIRECTORD],
    "c": [*_realservers(), *BY_KEEPALIVED],
    "d": [
        *_realservers(),
        *PAIR,
        *on("lb1", "systemctl start keepalived"),
        *on("lb2", "systemctl start keepalived"),
    ],
    "e": [*on("rs1", *SCRIPT), *on("rs2", *SCRIPT), *BY_LVSDR],
    "f": [*_realservers(), *TWO],
    "g": [*_realservers(), *TWO],
    "h": [*_realservers(), *KEPT, *BY_LVSDR],
    "h2": [*_realservers(), *BY_LVSDR],
    "i1": [*_realservers(), *BY_LVSDR],
    "i2": [*_realservers(), *BY_LVSDR],
    "i3": [*_realservers(), *BY_LVSDR],
}


@dataclass(slots=True)
class Street:
    """The hosts of a recipe by their names in it, and what was typed and printed."""

    rig: Rig
    places: Mapping[str, OwnFiles]
    folder: Path
    log: list[str] = field(default_factory=list)

    def type(self, steps: Iterable[Typed]) -> None:
        """Type commands in their order."""
        for step in steps:
            begun = monotonic()
            self.log.append(f"{begun:.2f} {step.place}# {step.command}")
            try:
                self.log.append(self.places[step.place].type(step.command))
            except AssertionError:
                print("\n".join([*self.log, *(each.said() for each in self.places.values())]))
                raise

    def follow(self, steps: Iterable[Typed], later: float = 1.5) -> Count:
        """Type the commands of a recipe while a client asks; return what became of its requests.

        What is to be lost may be lost so many seconds later.
        """
        with steady(self.rig.lab.client, self.folder) as traffic:
            begun = self._well(traffic)
            self.type(steps)
            sleep(later)
            ended = self._well(traffic)
        self.log += [
            f"{each.sent:.2f} took {each.took:.2f}: {each.outcome}"
            for each in traffic.requests()
            if each.sent >= begun and (each.outcome != "ok" or each.took > SLOW)
        ]
        return traffic.between(begun, ended)

    def _well(self, traffic: Traffic) -> float:
        try:
            return traffic.well()
        except AssertionError:
            print("\n".join([*self.log, *(each.said() for each in self.places.values())]))
            raise


@contextmanager
def street(folder: Path, start: Iterable[Typed]) -> Iterator[Street]:
    """Give the hosts, as they are after `start`."""
    with rig(folder, director(), realserver()) as made, ExitStack() as stack:
        for host, rip in zip(made.lab.realservers, RIPS, strict=True):
            at = [Service("tcp", ip_address(each), 80) for each in (VIP, SECOND_VIP, rip)]
            stack.enter_context(serving(host, at))
        names = {"director": made.lab.director, "new": made.lab.observer}
        names |= {f"rs{number}": host for number, host in enumerate(made.lab.realservers, 1)}
        places = {
            name: stack.enter_context(own_files(host, folder)) for name, host in names.items()
        }
        places |= {"lb1": places["director"], "lb2": places["new"]}
        found = Street(made, places, folder)
        found.type(start)
        yield found
