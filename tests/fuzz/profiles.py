"""Strategies for profiles: valid by construction, or mutated away from that, and a host."""

from __future__ import annotations

import copy
import os
from ipaddress import ip_address, ip_interface
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from fake import FakeKernel
from lvsdr.model.address import IPAddress
from lvsdr.model.host import HeldAddress, Host, HostLink
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.ipvs_daemons import Timeout
from lvsdr.model.objects import Address, Link, Object, ProxyNeighbour, keyed
from lvsdr.model.objects import Sysctl as Setting
from lvsdr.profile.schema import ROLES, document

TORTURE = os.environ.get("LVSDR_TORTURE") == "1"
UNHURRIED = settings(
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def times(everyday: int, torture: int) -> settings:
    """Return the settings of a test with so many examples, more with LVSDR_TORTURE=1."""
    return settings(UNHURRIED, max_examples=torture if TORTURE else everyday)


# VIPs and RIPs never meet, and neither holds an address that the host has of its own.
FEW4 = st.integers(2, 4).map("192.168.1.{}".format)
FEW6 = st.integers(2, 3).map("2001:db8::{}".format)
ANY4 = st.tuples(st.integers(11, 120), *[st.integers(0, 255)] * 3).map(
    lambda parts: ".".join(map(str, parts))
)
ANY6 = st.integers(0x100, 2**64).map(lambda low: str(ip_address((0x2001_0DB8_0001 << 80) + low)))
RIPS4 = st.tuples(st.integers(0, 255), st.integers(1, 254)).map(lambda t: f"10.9.{t[0]}.{t[1]}")
RIPS6 = st.integers(1, 2**32).map(lambda low: str(ip_address((0x2001_0DB8_0009 << 80) + low)))
VIPS4 = (FEW4 | FEW4 | ANY4).filter(lambda text: not text.startswith(("10.9.", "127.")))
VIPS = VIPS4 | VIPS4 | FEW6 | ANY6
INTERFACES = st.sampled_from(["eth0", "eth0", "eth1"])
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", fullmatch=True)
PORTS = st.sampled_from([1, 80, 443, 65535]) | st.integers(1, 65535)


TIMEOUTS = st.fixed_dictionaries({}, optional={"tcp": st.integers(1, 900), "udp": st.just(30)})
SETTINGS = st.fixed_dictionaries(
    {}, optional={"sync_threshold": st.just("3 50"), "drop_entry": st.sampled_from([0, 1, 3])}
)


HEALTH: st.SearchStrategy[dict[str, Any] | None] = st.sampled_from(
    [
        None,
        {},
        {"interval": 2, "timeout": 0.25, "fall": 3, "rise": 1.0, "check": "path"},
        {"action": "remove", "when_all_fail": "drop", "check": {"command": ["/bin/true", "-x"]}},
    ]
).map(copy.deepcopy)
# A service that may be asked so, by its protocol.
CHECKS: dict[str, dict[str, Any]] = {
    "tcp": {"http": {"path": "/healthz?a=1", "host": "a.example", "status": "200, 301-308"}},
    "udp": {"udp": {"send": "00Ff", "expect": "00"}},
}


TUNNELS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {},
        {"tunnel_type": "ipip"},
        {"tunnel_type": "gue", "tunnel_port": 6080, "tunnel_checksum": "remcsum"},
        {"tunnel_type": "gre", "tunnel_checksum": "csum"},
    ]
)


def some(draw: st.DrawFn, strategy: st.SearchStrategy[Any], name: str) -> dict[str, Any]:
    """Return the field `name` in half of the cases."""
    wanted: bool = draw(st.booleans())
    return {name: draw(strategy)} if wanted else {}


@st.composite
def realservers(
    draw: st.DrawFn, holders: tuple[str, ...] = ("dummy", "lo", "tunl0")
) -> dict[str, Any]:
    """Return a real server's profile that there is nothing wrong with."""
    holder = draw(st.sampled_from(holders))
    links = {"dummy": ["lvsdr0", "vip0", "é" * 7], "lo": ["lo"], "tunl0": ["tunl0"]}
    vips = draw(st.lists(VIPS4 if holder == "tunl0" else VIPS, min_size=1, max_size=4, unique=True))
    chosen = {} if holder == "dummy" and draw(st.booleans()) else {"holder": holder}
    return {
        "role": "realserver",
        "interface": draw(INTERFACES),
        **chosen,
        "vips": vips,
        **some(draw, st.sampled_from(links[holder]), "holder_link"),
        **some(draw, st.sampled_from([1, 2, 8, 1.0]), "arp_ignore"),
        **some(draw, st.just(2), "arp_announce"),
        **some(draw, st.sampled_from(["all", "links"]), "arp_scope"),
        **some(draw, st.sampled_from(["warn", "refuse"]), "silences"),
        **some(draw, st.booleans(), "guard"),
        **some(draw, st.just(2), "rp_filter"),
        **some(draw, st.sampled_from(["keep", "remove"]), "proxy_entries"),
        **some(draw, NAMES, "name"),
        **some(draw, st.text(max_size=5).filter(str.isprintable), "$schema"),
    }


@st.composite
def directors(draw: st.DrawFn) -> dict[str, Any]:
    """Return a director's profile that there is nothing wrong with."""
    interface = draw(INTERFACES)
    vips = draw(st.lists(VIPS, max_size=4, unique=True))
    marks = draw(st.lists(st.integers(1, 2**32 - 1), min_size=0 if vips else 1, max_size=2))
    named = [_service(draw, vips) for _ in range(draw(st.integers(0, 3)))] if vips else []
    known = {(each["vip"], each["protocol"], each["port"]): each for each in named}
    return {
        "role": "director",
        "interface": interface,
        "vips": [_labelled(draw, vip, interface, place) for place, vip in enumerate(vips)],
        "virtual_servers": [*known.values(), *(_marked(draw, mark) for mark in sorted(set(marks)))],
        **some(draw, NAMES, "name"),
        **some(draw, TIMEOUTS, "timeouts"),
        **some(draw, SETTINGS, "sysctls"),
        **some(draw, st.just([{"state": "backup", "syncid": 7}]), "sync_daemons"),
        **some(draw, HEALTH.filter(_asks_nothing if marks else bool_of), "health"),
        **some(draw, st.just(["/bin/tell", "it"]), "on_change"),
        **some(draw, st.sampled_from(["lvsdr", "keepalived"]), "table_owner"),
    }


def bool_of(each: object) -> bool:
    return True


def _asks_nothing(health: dict[str, Any] | None) -> bool:
    """Return whether it suits a mark, of which nobody says at which address to ask."""
    return health is None or isinstance(health.get("check"), dict)


def _labelled(draw: st.DrawFn, vip: str, interface: str, place: int) -> dict[str, str]:
    if ":" in vip:
        return {"address": vip}
    labels = st.sampled_from([interface, f"{interface}:{place}", f"{interface}:x{place}"])
    return {"address": vip, **some(draw, labels, "label")}


def _service(draw: st.DrawFn, vips: list[str]) -> dict[str, Any]:
    vip, port = draw(st.sampled_from(vips)), draw(PORTS | st.just(0))
    lasting = {"persistence": draw(st.integers(1, 2_678_400))}
    protocol = draw(st.sampled_from(["tcp", "udp", "sctp"]))
    named = {"vip": vip, "protocol": protocol, "port": port}
    return _completed(draw, {**named, **(lasting if port == 0 else {})}, vip, port)


def _marked(draw: st.DrawFn, mark: int) -> dict[str, Any]:
    return _completed(draw, {"fwmark": mark}, draw(st.sampled_from(["1.2.3.4", "::5"])), 0)


def _completed(draw: st.DrawFn, service: dict[str, Any], like: str, port: int) -> dict[str, Any]:
    # A mark without real servers is of IPv4.
    rips = draw(st.lists(RIPS6 if ":" in like else RIPS4, max_size=3, unique=True))
    schedulers: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
        [
            {},
            {"scheduler": "rr"},
            {"scheduler": "twos"},
            {"scheduler": "mh", "scheduler_flags": ["mh-port"]},
        ]
    )
    return {
        **service,
        **draw(schedulers),
        **({} if "persistence" in service else some(draw, st.just(300), "persistence")),
        **some(draw, _own_health(service), "health"),
        **some(
            draw, _sorry_servers(":" in like and bool("vip" in service or rips)), "sorry_server"
        ),
        "real_servers": [_real_server(draw, rip, port) for rip in rips],
    }


def _own_health(service: dict[str, Any]) -> st.SearchStrategy[Any]:
    suited = HEALTH if service.get("port") else HEALTH.filter(_asks_nothing)
    check = CHECKS.get(service.get("protocol", ""))
    if check is None or not service["port"]:
        return suited
    asked: st.SearchStrategy[Any] = st.just({"check": check, "interval": 1, "timeout": 1})
    return suited | asked.map(copy.deepcopy)


def _sorry_servers(six: bool) -> st.SearchStrategy[dict[str, Any]]:
    rip = "2001:db8:99::9" if six else "10.99.0.9"
    fields: dict[str, Any] = {"rip": rip, "forwarding_method": "tunnel"}
    return st.sampled_from([fields, {**fields, "weight": 7}]).map(copy.deepcopy)


def _real_server(draw: st.DrawFn, rip: str, port: int) -> dict[str, Any]:
    method = draw(st.sampled_from(["dr", "tunnel", "masquerade"]))
    ports = PORTS | st.just(port) if method == "masquerade" else st.just(port)
    return {
        "rip": rip,
        **({} if method == "dr" and draw(st.booleans()) else {"forwarding_method": method}),
        **some(draw, ports, "port"),
        **some(draw, st.sampled_from([0, 1, 65535, 2**31 - 1]), "weight"),
        **some(draw, st.integers(0, 2**31 - 1), "upper_threshold"),
        **(draw(TUNNELS) if method == "tunnel" else {}),
    }


PROFILES = realservers() | directors()

STRANGE: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers(-2, 70_000)
    | st.sampled_from([2**32, 10**30, 1.0, 0.5, "", "lo", "tunl0", "eth0", "dr", "all", "mh"])
    | st.sampled_from([[], {}, [""], [{}], "192.168.1.2", "10.9.0.1", "fe80::1", "0.0.0.0"])
    | st.text(max_size=17)
).map(copy.deepcopy)


def _fields(part: Any) -> set[str]:
    if not isinstance(part, dict):
        return set()
    return set(part.get("properties", ())).union(*map(_fields, part.values()))


FIELDS = st.sampled_from(sorted({"strange"}.union(*(_fields(document(r)) for r in ROLES))))


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """Return a profile in which up to three things were changed, added or taken away."""
    data = draw(PROFILES)
    for _ in range(draw(st.integers(0, 3))):
        part = draw(st.sampled_from(_containers(data)))
        keys: list[Any] = list(part) if isinstance(part, dict) else list(range(len(part)))
        # One that names the role is of no use without it.
        keys = [key for key in keys if key != "role"]
        what = draw(st.integers(0, 2))
        if keys and what == 0:
            del part[draw(st.sampled_from(keys))]
        elif keys and what == 1:
            part[draw(st.sampled_from(keys))] = draw(STRANGE)
        elif isinstance(part, dict):
            part.setdefault(draw(FIELDS), draw(STRANGE))
        else:
            part.append(draw(STRANGE))
    return data


def _containers(data: Any) -> list[Any]:
    inner = data.values() if isinstance(data, dict) else data
    return [
        data,
        *(each for part in inner if isinstance(part, dict | list) for each in _containers(part)),
    ]


OWN = ip_interface("192.168.1.100/24"), ip_interface("2001:db8::100/64")
TALKING = ("all", "default", "lo", "eth0", "eth1", "tunl0")


@st.composite
def hosts(draw: st.DrawFn) -> FakeKernel:
    """Return a host that is as it happens to be, with links eth0, eth1, lo and tunl0."""
    links = {name: HostLink(name) for name in ("eth0", "eth1")}
    links["lo"] = HostLink("lo", link_kind="loopback", loopback=True)
    links["tunl0"] = HostLink("tunl0", link_kind="ipip", arp=False, up=False)
    objects: list[Object] = [
        Link("lo", "loopback", up=draw(st.booleans()), arp=True),
        Link("tunl0", "ipip", up=False, arp=False, started=False),
    ]
    objects += [Setting(f"net/ipv4/conf/{each}/rp_filter", "1") for each in TALKING]
    for name, most in (("arp_ignore", 8), ("arp_announce", 2)):
        values = st.just(0) | st.integers(0, most)
        objects += [Setting(f"net/ipv4/conf/{link}/{name}", str(draw(values))) for link in TALKING]
    objects += [Timeout("tcp", 900), Timeout("tcp_fin", 120), Timeout("udp", 300)]
    objects += [
        Setting("net/ipv4/vs/sync_threshold", "3 50"),
        Setting("net/ipv4/vs/drop_entry", "0"),
    ]
    proxied = st.builds(ProxyNeighbour, st.sampled_from(["", "eth0", "eth1"]), VIPS.map(ip_address))
    objects += draw(st.lists(proxied, max_size=3))
    own = tuple(HeldAddress(link, ip) for link in ("eth0", "eth1") for ip in OWN)
    return FakeKernel(Host(links, own), keyed(objects))


ELSE: IPAddress = ip_address("198.51.100.7")
THEIRS = Service("tcp", ELSE, 80)
FOREIGN: tuple[Object, ...] = (
    # What somebody else may have on the host, and no profile here names.
    Setting("net/ipv4/ip_forward", "1"),
    Setting("net/ipv4/conf/eth7/arp_ignore", "3"),
    Address("eth0", ip_interface("198.51.100.7/32"), label="eth0"),
    Address("lo", ip_interface("198.51.100.8/32"), label="lo", scope="host"),
    Link("dummy7", "dummy", up=True, arp=True),
    VirtualServer(THEIRS, "rr"),
    RealServer(THEIRS, ip_address("198.51.100.9"), 80),
)
