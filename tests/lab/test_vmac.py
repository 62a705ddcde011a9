"""A director's VIP on another link: keepalived's own above the interface, kube-ipvs0, lo, a dummy.

Who answers is asked of arping; what lvsdr says of it has to be that, everywhere.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path

import pytest
from faults import sample
from rig import VIP, Document, Rig, director, lvsdr, realserver, rig, settings, settled, verified
from witnesses import arping, arping_probe

from lvsdr.lab.lab_host import Host
from lvsdr.lab.services import ask, serving

DIP = "192.168.1.10"
SILENCE = ("arp_ignore", "arp_announce")
VMAC = "00:00:5e:00:01:33"
# keepalived's words, and the MAC with which the VIP is answered; None for the interface's own.
KINDS = {
    "use_vmac": VMAC,
    "use_vmac\nvmac_xmit_base": VMAC,
    "use_vmac web.1 02:00:5e:10:00:01": "02:00:5e:10:00:01",
    "use_ipvlan ipvl.51 192.168.1.45/24": None,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A cluster that serves, and whose VIP is left to keepalived."""
    wanted = director(vips_owner="keepalived")
    with rig(tmp_path_factory.mktemp("vmac"), wanted, realserver()) as made, ExitStack() as stack:
        made.apply()
        for host in made.lab.realservers:
            stack.enter_context(serving(host, made.services))
        yield made


@contextmanager
def keepalived(host: Host, words: str, folder: Path) -> Iterator[None]:
    """Run a keepalived that is master of the VIP."""
    file = folder / "keepalived.conf"
    file.write_text(
        "global_defs {\nrouter_id lab\nvrrp_version 3\n}\n"
        "vrrp_instance web {\nstate MASTER\ninterface eth0\nvirtual_router_id 51\npriority 100\n"
        f"advert_int 0.5\n{words}\nvirtual_ipaddress {{\n{VIP}/32\n}}\n}}\n"
    )
    command = ["keepalived", "-n", "-l", "-P", "-f", str(file)]
    command += [f"--{part}pid={folder}/{part}pid" for part in ("", "vrrp_")]
    with (folder / "log").open("w") as log:
        running = subprocess.Popen(
            ["nsenter", f"--net={host.path}", "--", *command], stdout=log, stderr=log
        )
        try:
            assert settled(lambda: VIP in holders(host), True, 15, every=0.2), said(folder)
            yield
        finally:
            running.terminate()
            running.wait(10)


def set_up(made: Rig) -> None:
    """Set what keepalived sets on its macvlan where the kernel refuses that, as Linux 7.2 does."""
    host = made.lab.director
    link = holders(host)[VIP]
    value = host.run("sysctl", "-n", f"net/ipv4/conf/{link}/arp_ignore").stdout.strip()
    if link != "eth0" and value == "0":
        of_it = {f"{link}/{name}": 1 for name in ("arp_ignore", "accept_local")}
        settings(host, {**of_it, f"{link}/rp_filter": 0, "all/rp_filter": 0, "eth0/arp_ignore": 1})


def said(folder: Path) -> str:
    return (folder / "log").read_text()


def holders(host: Host) -> dict[str, str]:
    """Return the link that holds each address, as ip says."""
    links = json.loads(host.run("ip", "-j", "address").stdout)
    return {each["local"]: link["ifname"] for link in links for each in link["addr_info"]}


def told(host: Host, *arguments: str | Path) -> Document:
    words = (*arguments, "--format", "json")
    document: Document = json.loads(lvsdr(host, *words))
    return document


@pytest.mark.parametrize("words", [list(KINDS)[each] for each in sample(len(KINDS), 1)])
def test_a_vip_on_keepalived_s_own_link_is_the_director_s(
    made: Rig, tmp_path: Path, words: str
) -> None:
    host, other = made.lab.director, made.lab.observer
    mac = KINDS[words] or made.mac(host)

    with keepalived(host, words, tmp_path):
        set_up(made)
        link = holders(host)[VIP]
        heard = arping(other, VIP), arping_probe(other, VIP)
        served = ask(made.lab.client, made.services[0], made.lab.client_addresses(4), 8)
        here = told(host, "director", "verify", made.director)
        there = [told(other, "verify", made.director, *more) for more in ((), ("--dip", DIP))]
        also = told(host, "verify", made.director)
        # A MAC that keepalived was told is no virtual router's: it has to be told here, too.
        known = ("--director-mac", mac) if mac not in (VMAC, made.mac(host)) else ("--dip", DIP)
        watched = [
            lvsdr(each, "watch", "--for", "3", "--ask-every", "1", made.director, *more)
            for each, more in ((other, ()), (other, known), (host, ()))
        ]
        announced = told(host, "director", "announce", made.director)
        after = arping(other, VIP)

    # With use_ipvlan only what keepalived itself says goes by the link of its own.
    assert (link == "eth0") == ("ipvlan" in words)
    assert heard == ({mac}, {mac})
    assert sum(served[each.name] for each in made.lab.realservers) == 8
    assert [each["findings"] for each in (here, *there, also)] == [[]] * 4
    assert {each["mac"] for each in here["answers"]} == {mac}
    assert {each["host"] for each in here["answers"]} == {"this host"}
    assert {each["mac"] for document in there for each in document["answers"]} == {mac}
    assert watched == ["", "", ""]
    assert announced["announced"] == [VIP]
    assert after == {mac}


def test_two_macs_for_one_vip_are_still_found(made: Rig, tmp_path: Path) -> None:
    """The interface answers as well, with its own MAC: routers would change between the two."""
    host = made.lab.director

    with keepalived(host, "use_vmac", tmp_path):
        set_up(made)
        settings(host, {"eth0/arp_ignore": 0, "eth0/arp_filter": 0})
        heard = arping(made.lab.observer, VIP)
        found = verified(host, "director", "verify", made.director, expect=1)
        lvsdr(host, "director", "apply", made.director)
        after = arping(made.lab.observer, VIP)
        left = told(host, "director", "verify", made.director)["findings"]
        again = lvsdr(host, "director", "apply", made.director)

    assert heard == {VMAC, made.mac(host)}
    assert {each["rule"] for each in found} == {"ARP-FLUX", "DRIFT"}
    assert after == {VMAC}
    assert (left, again) == ([], "nothing to change\n")


def test_where_the_kernel_refuses_keepalived_s_settings_no_hint_is_an_outage(
    made: Rig, tmp_path: Path
) -> None:
    """As Linux 7.2 does: the interface answers, and nobody would after an apply."""
    host = made.lab.director

    with keepalived(host, "use_vmac", tmp_path):
        refused = {f"{link}/{name}": 0 for link in ("vrrp.51", "eth0") for name in SILENCE}
        settings(host, {**refused, "vrrp.51/arp_filter": 1, "eth0/arp_filter": 0})
        heard = arping(made.lab.observer, VIP)
        found = verified(host, "director", "verify", made.director, expect=1)
        lvsdr(host, "director", "apply", made.director)
        after = arping(made.lab.observer, VIP)
        lvsdr(host, "director", "withdraw", made.director)
        lvsdr(host, "director", "apply", made.director)

    assert heard == {made.mac(host)}
    assert {each["rule"] for each in found} >= {"VIP-ELSEWHERE", "DRIFT"}
    assert {each["hint"] for each in found} == {None}
    assert all("nobody would answer" in each["look"] for each in found if each["rule"] != "DRIFT")
    # The fault is real.
    assert after == set()


# --- any other link ------------------------------------------------------------------------------


PLACES = {
    "kube-ipvs0": ("link add kube-ipvs0 type dummy", f"address add {VIP}/32 dev kube-ipvs0"),
    "lo": (f"address add {VIP}/32 dev lo",),
    "d0": ("link add d0 type dummy", "link set d0 up", f"address add {VIP}/32 dev d0 scope host"),
    "mv0": (
        "link add mv0 link eth0 type macvlan mode bridge",
        "link set mv0 up",
        f"address add {VIP}/32 dev mv0",
    ),
    "iv0": (
        "link add iv0 link eth0 type ipvlan mode l3",
        "link set iv0 up",
        f"address add {VIP}/32 dev iv0",
    ),
}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        *product(("kube-ipvs0", "d0"), (0, 1, 3)),
        *product(("lo", "mv0"), (0, 1, 8)),
        ("iv0", 0),
    ],
)
def test_what_is_said_of_a_vip_elsewhere_is_what_arping_hears(
    made: Rig, tmp_path: Path, place: str, value: int
) -> None:
    host = made.lab.director
    profile = tmp_path / "director.json"
    profile.write_text(made.director.read_text().replace("keepalived", "lvsdr"))

    settings(host, {"all/arp_ignore": value})
    try:
        host.ip(*PLACES[place])
        heard = arping(made.lab.observer, VIP)
        done = json.loads(
            lvsdr(host, "director", "verify", "--no-paths", profile, "--format", "json", expect=1)
        )
    finally:
        host.ip(f"address del {VIP}/32 dev {place}", *([f"link del {place}"] * (place != "lo")))
        settings(host, {"all/arp_ignore": 0})

    (elsewhere,) = [each for each in done["findings"] if each["rule"] == "VIP-ELSEWHERE"]
    rules = {each["rule"] for each in done["findings"]}
    assert elsewhere["subject"] == place
    assert ("this host answers for it by" in elsewhere["message"]) == bool(heard)
    assert ("does not answer for it" in elsewhere["message"]) != bool(heard)
    assert ("ARP-NOBODY" in rules) != bool(heard)
    assert {each["mac"] for each in done["answers"]} == heard
