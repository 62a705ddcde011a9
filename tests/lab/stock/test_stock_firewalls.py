"""What User-Mode Linux has no modules for: nftables and arptables, on a stock kernel of Debian."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from rig import VIP, Rig, director, lvsdr, realserver, rig, settings, verified
from test_director_firewall import RULE, findings
from test_vmac import keepalived, told
from witnesses import arping, arping_probe

from lvsdr.lab.lab_host import Host
from lvsdr.lab.services import serving

# As Debian's own example has it: what is not let in is dropped.
STOCK = (
    "add table inet filter",
    "add chain inet filter input { type filter hook input priority 0; policy drop; }",
    "add rule inet filter input ct state established,related accept",
    "add rule inet filter input iif lo accept",
    "add rule inet filter input meta l4proto { icmp, ipv6-icmp } accept",
    "add rule inet filter input tcp dport 22 accept",
)
OPEN = "add rule inet filter input tcp dport 80 accept"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A cluster that serves, and whose VIP is left to keepalived."""
    wanted = director(vips_owner="keepalived")
    with rig(tmp_path_factory.mktemp("stock"), wanted, realserver()) as made, ExitStack() as stack:
        made.apply()
        for host in made.lab.realservers:
            stack.enter_context(serving(host, made.services))
        yield made


@contextmanager
def typed(host: Host, program: str, *rules: str) -> Iterator[None]:
    """Have rules of nft or arptables in a host inside the block."""
    for rule in rules:
        host.run(program, *rule.split())
    try:
        yield
    finally:
        host.run("nft", "flush", "ruleset")


def test_a_stock_firewall_on_the_director_is_named_and_opened_it_lets_through(
    made: Rig, tmp_path: Path
) -> None:
    host = made.lab.director
    with keepalived(host, "", tmp_path), typed(host, "nft", *STOCK):
        shut, unanswered = findings(made, expect=1)
        host.run("nft", *OPEN.split())
        opened, answered = findings(made, expect=0)

    assert unanswered == 0
    assert [(one["rule"], one["severity"], one["subject"]) for one in shut] == [
        (RULE, "error", "eth0")
    ]
    assert shut[0]["look"].startswith("nft list ruleset;")
    assert answered > 0
    assert opened == []


def test_the_rules_of_vrrp_strict_are_named(made: Rig, tmp_path: Path) -> None:
    host = made.lab.director
    # What vrrp_strict says of all instances, said of one.
    with keepalived(host, "strict_mode on", tmp_path):
        ruleset = host.run("nft", "list", "ruleset").stdout
        shut, unanswered = findings(made, expect=1)
    with keepalived(host, "", tmp_path):
        opened, answered = findings(made, expect=0)

    assert "keepalived" in ruleset
    assert "drop" in ruleset
    assert (unanswered, [one["rule"] for one in shut]) == (0, [RULE])
    assert answered > 0
    assert opened == []


def test_a_stock_firewall_on_a_real_server_is_noted_there_and_found_on_its_way(
    made: Rig, tmp_path: Path
) -> None:
    host, boxes = made.lab.realservers[0], made.lab.director
    with keepalived(boxes, "", tmp_path), typed(host, "nft", *STOCK):
        noted = told(host, "realserver", "verify", made.realserver)["notes"]
        found = verified(boxes, "director", "verify", made.director, expect=1)
    with keepalived(boxes, "", tmp_path):
        after = verified(boxes, "director", "verify", made.director, expect=0)

    assert any("nft list ruleset" in each for each in noted)
    assert {(one["rule"], one["rip"]) for one in found} == {("PATH-FILTERED", "192.168.1.11")}
    assert after == []


def test_what_arptables_keeps_silent_is_silent_until_it_is_flushed(made: Rig) -> None:
    """The old way of real servers; lvsdr goes by the settings, which stay when rules are gone."""
    host, observer = made.lab.realservers[0], made.lab.observer
    lvsdr(host, "realserver", "apply", made.realserver)
    settings(host, {"all/arp_ignore": 0})
    loud = arping(observer, VIP)
    with typed(host, "arptables", f"-A INPUT -d {VIP} -j DROP"):
        silent = arping(observer, VIP), arping_probe(observer, VIP)
        found = verified(host, "realserver", "verify", made.realserver, expect=1)
    lvsdr(host, "realserver", "apply", made.realserver)

    assert loud == {made.mac(host)}
    assert silent == (set(), set())
    assert "ARP-IGNORE" in {one["rule"] for one in found}
    assert arping(observer, VIP) == set()
