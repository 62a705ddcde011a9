"""What runs on a host, imported: applied over it nothing changes, and applied anew it is back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import program
import pytest
from rig import lvsdr, state
from witnesses import ipvsadm

from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host

VIP, VIP6 = "192.0.2.10", "2001:db8::10"
RULES = f"""\
-A -t {VIP}:80 -s wlc -p 300 -M 255.255.255.0
-a -t {VIP}:80 -r 192.0.2.11:80 -g -w 3 -x 50 -y 10
-a -t {VIP}:80 -r 192.0.2.12:80 -g -w 0
-A -t [{VIP6}]:443 -s sh -b sh-port
-a -t [{VIP6}]:443 -r [2001:db8::11]:443 -g -w 1
-A -f 7 -s rr
-a -f 7 -r 192.0.2.13 -i
--set 800 100 200
--start-daemon master --mcast-interface eth0 --syncid 7
"""


@pytest.fixture
def machine() -> Iterator[Host]:
    with hosts(["machine"]) as made:
        host = made["machine"]
        host.ip(
            "link add eth0 type veth peer name peer0",
            "link set peer0 up",
            "link set eth0 up",
            "address add 192.0.2.1/24 dev eth0",
            "address add 2001:db8::1/64 dev eth0 nodad",
        )
        yield host


def imported(host: Host, folder: Path, *options: str) -> tuple[int, list[dict[str, Any]]]:
    """Return the exit code and the findings of an import that writes into `folder`."""
    done = program.run(
        host, "import", "running", "--out", str(folder), "--format", "json", *options
    )
    findings: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    return done.returncode, findings


def test_a_director_that_was_set_up_by_hand_is_what_its_import_makes(
    machine: Host, tmp_path: Path
) -> None:
    begun = state(machine)
    machine.ip(
        f"address add {VIP}/32 dev eth0 label eth0:web",
        f"address add {VIP6}/128 dev eth0 nodad preferred_lft 0",
    )
    machine.run("ipvsadm", "-R", text=RULES)
    machine.sysctl("net/ipv4/vs/expire_nodest_conn", 1)
    running = state(machine)

    code, findings = imported(machine, tmp_path / "found")
    assert (state(machine), code) == (running, 0)
    assert "192.0.2.12" in str([it for it in findings if it["rule"] == "IMPORT-NOTE"])
    profile = tmp_path / "found" / "director.json"
    lvsdr(machine, "director", "apply", profile)
    assert state(machine) == running

    lvsdr(machine, "director", "withdraw", profile)
    machine.run("sh", text="ipvsadm -C; ipvsadm --stop-daemon master; ipvsadm --set 900 120 300")
    machine.ip(f"address del {VIP}/32 dev eth0", f"address del {VIP6}/128 dev eth0")
    machine.sysctl("net/ipv4/vs/expire_nodest_conn", 0)
    assert state(machine) == begun
    lvsdr(machine, "director", "apply", profile)

    assert state(machine) == running


def test_a_real_server_of_the_usual_script_is_silent_and_holds_its_vip_as_before(
    machine: Host, tmp_path: Path
) -> None:
    machine.ip(f"address add {VIP}/32 brd {VIP} dev lo label lo:0")
    for name, value in (("arp_ignore", 1), ("arp_announce", 2)):
        machine.sysctl(f"net/ipv4/conf/all/{name}", value)
    settings = machine.run("sh", text="grep -r . /proc/sys/net/ipv4/conf").stdout

    code, findings = imported(machine, tmp_path / "found")
    profile = tmp_path / "found" / "realserver.json"
    machine.ip(f"address del {VIP}/32 dev lo")
    for name in ("arp_ignore", "arp_announce"):
        machine.sysctl(f"net/ipv4/conf/all/{name}", 0)
    lvsdr(machine, "realserver", "apply", profile)

    assert (code, {each["rule"] for each in findings}) == (0, {"IMPORT-NOTE"})
    assert machine.run("sh", text="grep -r . /proc/sys/net/ipv4/conf").stdout == settings
    held = json.loads(machine.run("ip", "-j", "address", "show", "dev", "lo").stdout)[0]
    assert (VIP, 32) in [(each["local"], each["prefixlen"]) for each in held["addr_info"]]
    assert "unreachable" not in machine.run("ip", "route").stdout


def test_a_vip_with_a_wide_prefix_on_lo_and_a_host_that_speaks_for_it_are_told(
    machine: Host, tmp_path: Path
) -> None:
    machine.ip(f"address add {VIP}/24 dev lo")

    code, findings = imported(machine, tmp_path / "found", "--role", "realserver")

    assert code == 1
    assert {"VIP-PREFIX", "ARP-IGNORE", "ARP-ANNOUNCE"} <= {each["rule"] for each in findings}


def test_a_host_that_is_both_has_two_profiles_and_says_what_is_ours(
    machine: Host, tmp_path: Path
) -> None:
    machine.ip(f"address add {VIP}/32 dev eth0", "address add 192.0.2.20/32 dev lo")
    machine.run("ipvsadm", "-R", text=f"-A -t {VIP}:80 -s rr\n")

    first, _ = imported(machine, tmp_path / "one")
    lvsdr(machine, "director", "apply", tmp_path / "one" / "director.json")
    _, findings = imported(machine, tmp_path / "two")

    names = sorted(path.name for path in (tmp_path / "two").iterdir())
    assert names == ["director.json", "realserver.json"]
    assert "lvsdr's already" in str(findings)
    # The real server speaks for its VIP, which is told.
    assert first == 1


@pytest.mark.parametrize("mask", ["255.0.255.0", "0.0.0.24", "0.0.0.0"])
def test_a_mask_of_persistence_that_is_no_prefix_is_told_and_given_back(
    machine: Host, tmp_path: Path, mask: str
) -> None:
    machine.ip(f"address add {VIP}/32 dev eth0")
    machine.run("ipvsadm", "-A", "-t", f"{VIP}:80", "-s", "rr", "-p", "300", "-M", mask)
    running = ipvsadm(machine)

    code, findings = imported(machine, tmp_path / "found")
    profile = tmp_path / "found" / "director.json"
    document = json.loads(profile.read_text())
    # As many bits as the first mask has are another mask.
    document["virtual_servers"][0]["persistence_prefix"] = 16
    profile.write_text(json.dumps(document))
    lvsdr(machine, "director", "apply", profile)
    applied = ipvsadm(machine)
    lvsdr(machine, "director", "withdraw", profile)

    assert code == 1
    assert [it for it in findings if f"by the mask {mask}" in it["message"]]
    assert f"-M {mask}" in running[0]
    assert "-M 255.255.0.0" in applied[0]
    assert ipvsadm(machine) == running
