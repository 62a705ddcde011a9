"""The rules over one host's state: what each finds, on hosts that are data."""

from __future__ import annotations

import ast
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path
from typing import Any

import pytest

from lvsdr.kernel.views.foreign_config_files import owners
from lvsdr.model import path as network_path
from lvsdr.model.address import IPAddress
from lvsdr.model.change import Change
from lvsdr.model.finding import Finding
from lvsdr.model.foreign_program import Owner
from lvsdr.model.host import HeldAddress, Host, HostLink
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.objects import ProxyNeighbour, Sysctl
from lvsdr.model.path import PathVerdict, Proof
from lvsdr.model.profile import DirectorProfile, LabelledVip, RealServerProfile
from lvsdr.model.route_lookup import Packet, RouteTo
from lvsdr.model.table_state import NO_LIMIT, TableState
from lvsdr.rules.host import container_host_rules, host_rules, route_questions, vip_gateways
from lvsdr.rules.host.askers import FAR
from lvsdr.rules.host.drift import drift
from lvsdr.rules.host.harm_of_apply import (
    harm_of_apply,
    harm_of_putting_back,
    put_back,
    without_harm,
)

RULES = Path(__file__).parent.parent / "lvsdr" / "rules" / "host"
VIP, RIP, DIP = (ip_address(f"192.0.2.{end}") for end in (10, 11, 1))
VIP6 = ip_address("2001:db8::10")
SERVICE = Service("tcp", VIP, 80)
SERVER = RealServer(SERVICE, RIP, 80)
DIRECTOR = DirectorProfile(
    "web", "eth0", (LabelledVip(VIP, "eth0:0"),), (VirtualServer(SERVICE),), (SERVER,)
)
REALSERVER = RealServerProfile("rs", "eth0", "tunl0", "tunl0", (VIP,))
ETH0, LO = HostLink("eth0"), HostLink("lo", link_kind="loopback", loopback=True)
TUNL0 = HostLink("tunl0", link_kind="ipip", arp=False)
SILENT = {"net/ipv4/conf/all/arp_ignore": "1", "net/ipv4/conf/all/arp_announce": "2"}


def host(profile: Any, *held: str, links: tuple[HostLink, ...] = (), **more: Any) -> Host:
    """Return a silent host with eth0, lo, tunl0, `links`, and addresses, LINK ADDRESS/PREFIX."""
    known = {link.name: link for link in (ETH0, LO, TUNL0, *links)}
    pairs = (item.split() for item in held)
    addresses = tuple(HeldAddress(link, ip_interface(ip)) for link, ip in pairs)
    seen = Host(known, addresses, {**SILENT, **more.pop("sysctls", {})})
    near = RouteTo("unicast", "eth0", source=DIP)
    asked = dict.fromkeys(route_questions.packets(profile, seen), near)
    local = {
        packet: RouteTo("local", "lo") for packet in asked if seen.links_with(packet.destination)
    }
    routes = {**asked, **local, **more.pop("routes", {})}
    return replace(seen, **{"routes": routes, **more})


@pytest.mark.parametrize(
    ("sysctls", "rules"),
    [
        ({}, []),
        ({"net/ipv6/conf/eth0/forwarding": "1"}, []),
        ({"net/ipv6/conf/lo/force_forwarding": "1"}, []),
        ({"net/ipv6/conf/all/forwarding": "1"}, [("VIP-LOOPS", "lvsdr0")]),
        ({"net/ipv6/conf/eth0/force_forwarding": "1"}, [("VIP-LOOPS", "lvsdr0")]),
    ],
)
def test_a_lost_ipv6_vip_loops_only_where_the_host_forwards(
    sysctls: dict[str, str], rules: list[tuple[str, str]]
) -> None:
    profile = replace(REALSERVER, holder="dummy", holder_link="lvsdr0", vips=(VIP6,))

    assert found(profile, host(profile, "eth0 2001:db8::11/64", sysctls=sysctls)) == rules


def proxying(entries: list[tuple[str, Any]]) -> Host:
    """Return a real server that holds its VIP, with proxy entries, each a link and an address."""
    plain = host(REALSERVER, *HOLDING)
    made = tuple(ProxyNeighbour(link, address) for link, address in entries)
    return replace(plain, proxies=made)


def found(profile: Any, seen: Host) -> list[tuple[str, str]]:
    return [(each.rule, each.subject) for each in host_rules.findings(profile, seen)]


def only(profile: Any, seen: Host) -> Finding:
    (finding,) = host_rules.findings(profile, seen)
    return finding


ACTIVE = ("eth0 192.0.2.1/24", "eth0 192.0.2.10/32")
HOLDING = ("eth0 192.0.2.11/24", "tunl0 192.0.2.10/32")


def test_healthy_hosts_have_no_findings() -> None:
    assert found(DIRECTOR, host(DIRECTOR, *ACTIVE)) == []
    assert found(REALSERVER, host(REALSERVER, *HOLDING)) == []


def test_each_rule_names_the_ids_that_its_module_makes_and_no_other() -> None:
    made = set()
    for path in RULES.glob("*.py"):
        if path.stem == "drift":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding":
                assert isinstance(node.args[0], ast.Constant)
                made.add(node.args[0].value)

    tabled = {name for rule in host_rules.REALSERVER for name in rule.ids}
    tabled |= {name for rule in host_rules.DIRECTOR for name in rule.ids}
    tabled |= {*container_host_rules.IDS, *vip_gateways.IDS}
    assert tabled == made


def test_a_strict_filter_on_a_tunnel_without_an_address_needs_0() -> None:
    bare = host(
        REALSERVER,
        "eth0 192.0.2.11/24",
        "lo 192.0.2.10/32",
        sysctls={"net/ipv4/conf/tunl0/rp_filter": "2"},
        routes={Packet(VIP, FAR[4], "tunl0"): RouteTo("refused")},
    )

    (finding,) = (
        each for each in host_rules.findings(REALSERVER, bare) if each.rule == "RP-FILTER"
    )

    assert finding.subject == "tunl0"
    assert "no address" in finding.message
    assert finding.hint == "sysctl -w net/ipv4/conf/tunl0/rp_filter=0"


def test_what_other_links_have_of_all_they_keep_where_all_has_to_go() -> None:
    bare = host(
        REALSERVER,
        "eth0 192.0.2.11/24",
        "lo 192.0.2.10/32",
        sysctls={"net/ipv4/conf/all/rp_filter": "1"},
        routes={Packet(VIP, FAR[4], "tunl0"): RouteTo("refused")},
    )

    (finding,) = (
        each for each in host_rules.findings(REALSERVER, bare) if each.rule == "RP-FILTER"
    )

    assert finding.hint == (
        "sysctl -w net/ipv4/conf/eth0/rp_filter=1; sysctl -w net/ipv4/conf/all/rp_filter=0;"
        " sysctl -w net/ipv4/conf/tunl0/rp_filter=0"
    )


def test_a_client_that_could_not_be_answered_anyway_is_not_missed() -> None:
    lonely = host(
        REALSERVER,
        *HOLDING,
        routes={
            Packet(VIP, FAR[4], "eth0"): RouteTo("refused"),
            Packet(FAR[4]): RouteTo("unreachable"),
        },
    )

    assert found(REALSERVER, lonely) == []


def test_an_entry_that_sleeps_is_a_warning_and_one_of_others_is_nothing() -> None:
    entries = [("eth0", VIP), ("eth0", RIP), ("gone", VIP)]

    finding = only(REALSERVER, proxying(entries))

    assert (finding.rule, finding.severity, finding.vip) == ("PROXY-ENTRY", "warning", VIP)
    assert finding.hint == f"ip -4 neighbour del proxy {VIP} dev eth0"


def test_an_entry_of_every_link_is_named_and_removed_by_another_tool() -> None:
    finding = only(REALSERVER, proxying([("", VIP)]))

    assert (finding.rule, finding.subject) == ("PROXY-ENTRY", "every link")
    assert finding.hint == f"arp -d {VIP} pub"


def test_the_rip_of_a_container_is_published_once() -> None:
    known = replace(REALSERVER, rips=(VIP6, RIP), proxy_entries="remove")
    entries = [("eth0", RIP), ("lo", RIP), ("lo", VIP6), ("", RIP)]

    (finding,) = host_rules.findings(known, proxying(entries))

    assert (finding.rule, finding.subject, finding.rip) == ("PROXY-FLUX", "lo", RIP)
    assert finding.hint == "lvsdr realserver apply"
    assert host_rules.findings(REALSERVER, proxying(entries)) == ()


def test_an_entry_on_another_segment_may_be_how_the_container_is_found_there() -> None:
    known = replace(REALSERVER, rips=(RIP,))
    apart = HostLink("eth1")
    entries = frozenset({ProxyNeighbour(link, RIP) for link in ("eth0", "eth1")})
    seen = replace(
        host(known, *HOLDING, "eth1 198.51.100.1/24", links=(apart,)), proxies=tuple(entries)
    )

    (finding,) = (each for each in host_rules.findings(known, seen) if each.rule == "PROXY-FLUX")

    assert finding.hint == ""
    assert "finds it by that; else: ip -4 neighbour del proxy" in finding.look


def test_where_the_profile_removes_entries_the_hint_is_to_apply_it() -> None:
    entries = [("eth0", VIP), ("", VIP)]

    seen = host_rules.findings(replace(REALSERVER, proxy_entries="remove"), proxying(entries))

    assert {each.hint for each in seen} == {"lvsdr realserver apply"}
    keys = {ProxyNeighbour(link, address).key for link, address in entries}
    assert frozenset.union(*(each.about for each in seen)) == keys


def test_a_guard_route_keeps_private_vlans_harmless() -> None:
    settings = {
        "net/ipv4/conf/eth0/proxy_arp_pvlan": "1",
        "net/ipv4/conf/eth0/forwarding": "1",
    }
    bare = host(REALSERVER, *HOLDING, sysctls=settings)

    guarded = replace(bare, dead_ends=frozenset({ip_network(f"{VIP}/32")}))

    assert found(REALSERVER, bare) == [("PROXY-PVLAN", "eth0")]
    assert found(REALSERVER, guarded) == []


def test_an_ipv6_vip_that_is_a_duplicate_is_found() -> None:
    profile = replace(DIRECTOR, labelled_vips=(LabelledVip(VIP6, None),))
    seen = host(profile, "eth0 2001:db8::1/64", "eth0 2001:db8::10/128")
    failed = (HeldAddress("eth0", ip_interface(f"{VIP6}/128"), tentative=True, failed=True),)

    finding = only(profile, replace(seen, addresses=(*seen.addresses[:1], *failed)))

    assert (finding.rule, finding.vip) == ("VIP-DAD", VIP6)
    assert "another host has it" in finding.message


def test_another_port_is_never_reached_unless_masqueraded() -> None:
    other, masked = replace(SERVER, port=8080), replace(SERVER, forwarding_method="masquerade")
    servers = (SERVER, other, replace(masked, port=8080))

    finding = only(DIRECTOR, host(DIRECTOR, *ACTIVE, real_servers=servers))

    assert (finding.rule, finding.rip) == ("PORT-DIFFERS", RIP)
    assert not finding.hint
    assert finding.look.endswith("ipvsadm -d -t 192.0.2.10:80 -r 192.0.2.11:8080")


@pytest.mark.parametrize(
    ("claims", "ours"),
    [
        (("192.0.2.10 80",), True),
        (("fwmark 7",), False),
        (("192.0.2.99 80", "group web"), False),
    ],
)
def test_keepalived_is_told_of_where_it_has_a_service_of_the_profile(
    claims: tuple[str, ...], ours: bool
) -> None:
    owner = Owner("keepalived", "/etc/keepalived/keepalived.conf", claims)

    said = found(DIRECTOR, host(DIRECTOR, *ACTIVE, owners=(owner,)))

    assert said == ([("OWNER-KEEPALIVED", owner.place)] if ours else [])


def test_keepalived_is_read_without_its_comments(tmp_path: Path) -> None:
    enabled = tmp_path / "etc/systemd/system/multi-user.target.wants/keepalived.service"
    folder = tmp_path / "etc/keepalived"
    for each in (enabled.parent, folder):
        each.mkdir(parents=True)
    enabled.touch()
    (folder / "keepalived.conf").write_text(
        "global_defs {\n  lvs_flush\n}\n# virtual_server 10.0.0.1 80 {\n"
        "virtual_server 192.0.2.10 80 { ! virtual_server 10.0.0.2 80\n}\n"
        "virtual_server fwmark 7 {\n}\n"
    )

    (servers, flush) = owners({}, tmp_path)

    assert servers.claims == ("192.0.2.10 80", "fwmark 7")
    assert (flush.program, flush.place) == ("lvs_flush", "/etc/keepalived/keepalived.conf")


@pytest.mark.parametrize(("drop_in", "count"), [("KeepConfiguration=yes", 0), ("DHCP=no", 1)])
def test_networkd_drops_foreign_addresses_unless_told_to_keep_them(
    tmp_path: Path, drop_in: str, count: int
) -> None:
    state_file = tmp_path / "run/systemd/netif/links/2"
    network = tmp_path / "etc/systemd/network/10-eth0.network"
    extra = tmp_path / "etc/systemd/network/10-eth0.network.d/keep.conf"
    for path in (state_file, network, extra):
        path.parent.mkdir(parents=True, exist_ok=True)
    state_file.write_text(
        "ADMIN_STATE=configured\nNETWORK_FILE=/etc/systemd/network/10-eth0.network\n"
    )
    network.write_text("[Match]\nName=eth0\n")
    extra.write_text(f"[Network]\n{drop_in}\n")

    who = tuple(owners({"eth0": 2, "lo": 1}, tmp_path))

    assert len(who) == count
    said = found(DIRECTOR, host(DIRECTOR, *ACTIVE, owners=who))
    assert said == [("OWNER-NETWORK", "eth0")] * count


def test_network_manager_is_told_of_where_it_manages_the_interface(tmp_path: Path) -> None:
    folder = tmp_path / "run/NetworkManager/devices"
    folder.mkdir(parents=True)
    (folder / "2").write_text("[device]\nmanaged=true\n")
    (folder / "3").write_text("[device]\nmanaged=false\n")

    who = tuple(owners({"eth0": 2, "eth1": 3}, tmp_path))

    assert who == (Owner("NetworkManager", "/run/NetworkManager/devices/2", ("eth0",)),)
    finding = only(DIRECTOR, host(DIRECTOR, *ACTIVE, owners=who))
    assert not finding.hint
    assert "lvsdr director keep" in finding.look
    assert "+ipv4.addresses 192.0.2.10/32" in finding.look


def test_a_setting_that_does_nothing_is_named_beside_the_fault() -> None:
    loud = {
        "net/ipv4/conf/all/arp_ignore": "0",
        "net/ipv4/conf/lo/arp_ignore": "1",
        "net/ipv4/conf/default/arp_ignore": "1",
    }

    finding = only(REALSERVER, host(REALSERVER, *HOLDING, sysctls=loud))

    assert finding.rule == "ARP-IGNORE"
    assert "set on default, lo, where it does nothing" in finding.message


# --- what an apply would harm --------------------------------------------------------------------

KEEPALIVED = Owner("keepalived", "/etc/keepalived/keepalived.conf", ("192.0.2.10 80",))
LDIRECTORD = Owner("ldirectord", "/etc/ha.d/ldirectord.cf")
OUT = replace(SERVER, weight=0)


@pytest.mark.parametrize("owner", [KEEPALIVED, LDIRECTORD])
@pytest.mark.parametrize("before", [None, OUT])
def test_what_a_checker_may_have_taken_out_nobody_is_told_to_put_back(
    owner: Owner, before: RealServer | None
) -> None:
    todo = (Change(before, SERVER),)

    reason = harm_of_apply(DIRECTOR, todo, host(DIRECTOR, *ACTIVE, owners=(owner,)))
    (finding,) = without_harm(drift(DIRECTOR, todo), DIRECTOR, reason)

    assert owner.place in reason
    assert (finding.rule, finding.hint) == ("DRIFT", "")
    assert finding.look.startswith("lvsdr director apply, but first: ")


@pytest.mark.parametrize(
    "owners", [(), (Owner("keepalived", "/etc/keepalived/keepalived.conf", ("192.0.2.10",)),)]
)
def test_where_nobody_checks_what_is_missing_is_put_back(owners: tuple[Owner, ...]) -> None:
    todo = (Change(None, SERVER), Change(OUT, SERVER))

    reason = harm_of_apply(DIRECTOR, todo, host(DIRECTOR, *ACTIVE, owners=owners))

    assert reason == ""
    assert {each.hint for each in drift(DIRECTOR, todo)} == {"lvsdr director apply"}


def test_nobody_is_told_to_cut_the_connections_of_what_the_profile_no_longer_has() -> None:
    reason = harm_of_apply(DIRECTOR, (Change(SERVER, None),), host(DIRECTOR, *ACTIVE))

    assert "with the connections of those who are served by it" in reason


def test_nobody_is_told_to_put_back_what_does_not_serve() -> None:
    todo = (Change(OUT, SERVER),)
    found = tuple(drift(DIRECTOR, todo))

    def harm(rip: IPAddress, *verdicts: PathVerdict | None) -> str:
        proofs = [Proof(network_path.Path(SERVICE, VIP, rip, 80), each) for each in verdicts]
        return harm_of_putting_back(found, put_back(todo), proofs)

    assert "does not serve" in harm(RIP, "served", "port-closed")
    assert harm(RIP, "served") == ""
    # Who has taken it out is not known, nor whether it serves.
    for reason in (harm(RIP, None), harm(RIP, "served", None), harm(DIP, "port-closed")):
        assert "is not known, and somebody has taken it out" in reason


def test_what_goes_with_its_whole_service_was_taken_out_by_no_checker() -> None:
    whole = (Change(None, VirtualServer(SERVICE)), Change(None, SERVER))
    weights = (Change(replace(SERVER, weight=5), SERVER),)

    for todo in (whole, weights):
        assert harm_of_putting_back(drift(DIRECTOR, todo), put_back(todo), ()) == ""


def test_a_ldirectord_that_runs_here_is_an_owner(tmp_path: Path) -> None:
    for number, (namespace, words) in enumerate(
        [
            ("net:[1]", "/usr/bin/perl\0-w\0/usr/sbin/ldirectord\0/etc/web.cf\0start\0"),
            ("net:[1]", "/usr/bin/perl\0/usr/sbin/ldirectord\0start\0"),
            ("net:[2]", "/usr/bin/perl\0/usr/sbin/ldirectord\0/etc/other.cf\0start\0"),
            ("net:[1]", "/usr/bin/perl\0/usr/bin/other\0"),
        ],
        start=1,
    ):
        process = tmp_path / f"proc/{number}"
        (process / "ns").mkdir(parents=True)
        (process / "exe").symlink_to("/usr/bin/perl")
        (process / "ns/net").symlink_to(namespace)
        (process / "cmdline").write_text(words)
    (tmp_path / "proc/thread-self/ns").mkdir(parents=True)
    (tmp_path / "proc/thread-self/ns/net").symlink_to("net:[1]")

    found = tuple(owners({}, tmp_path))

    assert set(found) == {Owner("ldirectord", "/etc/web.cf"), LDIRECTORD}


def test_the_name_of_a_link_is_no_command() -> None:
    name = "$(reboot);x"
    profile = replace(REALSERVER, interface=name)
    seen = host(profile, "lo 192.0.2.10/32", links=(HostLink(name, arp=False),))

    found = [each for each in host_rules.findings(profile, seen) if each.rule == "LINK-NOARP"]

    assert [each.hint for each in found] == ["ip link set '$(reboot);x' arp on"]


def test_a_real_server_is_silent_before_its_link_speaks_again() -> None:
    mute = (HostLink("eth0", arp=False),)
    loud = {"net/ipv4/conf/all/arp_ignore": "0"}

    def told(*held: str, sysctls: dict[str, str]) -> Finding:
        seen = host(REALSERVER, *held, links=mute, sysctls=sysctls)
        findings = host_rules.findings(REALSERVER, seen)
        return next(each for each in findings if each.rule == "LINK-NOARP")

    speaks = "ip link set eth0 arp on"
    assert told(*HOLDING, sysctls={}).hint == speaks
    assert told(*HOLDING, sysctls=loud).hint == (
        "sysctl -w net/ipv4/conf/eth0/arp_ignore=1 &&"
        f" sysctl -w net/ipv4/conf/eth0/arp_announce=2 && {speaks}"
    )
    # Whatever arp_ignore says, it would answer for what it holds itself.
    held = told("eth0 192.0.2.11/24", "eth0 192.0.2.10/32", sysctls={})
    assert (held.hint, held.look.startswith(f"{speaks}, once")) == ("", True)


def test_a_standby_that_is_a_real_server_is_not_told_to_stop_its_backup_daemon() -> None:
    dummy = HostLink("lvsdr0", link_kind="dummy", arp=False)
    seen = host(
        DIRECTOR,
        "eth0 192.0.2.1/24",
        "lvsdr0 192.0.2.10/32",
        links=(dummy,),
        sysctls={"net/ipv4/vs/backup_only": "1"},
        sync_daemons=frozenset({"backup"}),
    )

    assert not {"BACKUP-BYPASS", "SYNC-ROLE"} & {
        each.rule for each in host_rules.findings(DIRECTOR, seen)
    }


def test_nobody_is_told_to_silence_another_address_that_the_segment_asks_for() -> None:
    setting = "net/ipv4/conf/all/arp_ignore"
    todo = (Change(Sysctl(setting, "0"), Sysctl(setting, "1")),)
    other = HostLink("dummy7", link_kind="dummy", arp=False)
    loud = {setting: "0"}

    alone = host(REALSERVER, *HOLDING, links=(other,), sysctls=loud)
    more = host(REALSERVER, *HOLDING, "dummy7 192.0.2.77/32", links=(other,), sysctls=loud)

    assert harm_of_apply(REALSERVER, todo, alone) == ""
    assert "192.0.2.77 on eth0" in harm_of_apply(REALSERVER, todo, more)


@pytest.mark.parametrize(
    ("there", "limit", "severity"),
    [
        (0, None, ""),
        (5, NO_LIMIT, ""),
        (None, 500, ""),
        (449, 500, ""),
        (450, 500, "warning"),
        (494, 500, "warning"),
        (495, 500, "error"),
        (501, 500, "error"),
        (0, 0, "error"),
    ],
)
def test_a_table_without_room_is_full_and_one_of_nine_tenths_nearly(
    there: int | None, limit: int | None, severity: str
) -> None:
    seen = host(DIRECTOR, "eth0 192.0.2.1/24", table=TableState(there, limit))
    idle = replace(DIRECTOR, virtual_servers=(), real_servers=())

    found = [each for each in host_rules.findings(DIRECTOR, seen) if each.rule == "TABLE-FULL"]
    standby = host_rules.standby_findings(DIRECTOR, seen)

    assert [each.severity for each in found] == ([severity] if severity else [])
    assert [each for each in standby if each.rule == "TABLE-FULL"] == found
    assert all(f"{there} connections of at most {limit}" in each.message for each in found)
    assert "TABLE-FULL" not in {each.rule for each in host_rules.findings(idle, seen)}
