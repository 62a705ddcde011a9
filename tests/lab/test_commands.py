"""The commands of a plan do what an apply does: tried on two hosts that are alike."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig import (
    RIP6,
    RIPS,
    VIP,
    VIP6,
    Document,
    director,
    lvsdr,
    mis_set,
    realserver,
    state,
    virtual_server,
    write,
)

from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host

ALIKE = (
    "link add eth0 address 02:00:00:00:00:11 type veth peer name cable0 address 02:00:00:00:00:99",
    "link set eth0 up",
    "link set cable0 up",
    "address add 192.168.1.11/24 dev eth0",
    "address add fd00::11/64 dev eth0 nodad",
)


def tunnelled(rip: str, **fields: object) -> Document:
    return {"rip": rip, "forwarding_method": "tunnel", **fields}


MARKED = {"fwmark": 7, "scheduler": "sh", "real_servers": [{"rip": RIPS[1]}]}

CASES = [
    pytest.param(
        director(
            virtual_server(persistence=300),
            virtual_server(protocol="udp", port=53, method="tunnel", scheduler="rr"),
            virtual_server(VIP6, [RIP6]),
            MARKED,
        ),
        id="director",
    ),
    pytest.param(
        director(
            virtual_server(
                VIP,
                protocol="udp",
                port=5060,
                scheduler="sh",
                scheduler_flags=["sh-port", "sh-fallback"],
                persistence=60,
                persistence_prefix=24,
                persistence_engine="sip",
                one_packet=True,
                real_servers=[
                    {"rip": RIPS[0], "upper_threshold": 100, "lower_threshold": 50},
                    tunnelled(RIPS[1], tunnel_type="gre", tunnel_checksum="csum"),
                ],
            ),
            virtual_server(
                VIP6,
                persistence=60,
                persistence_prefix=64,
                real_servers=[
                    tunnelled(RIP6, tunnel_type="gue", tunnel_port=6080, tunnel_checksum="remcsum")
                ],
            ),
            timeouts={"tcp": 600, "udp": 60},
            sync_daemons=[
                {"state": "master", "syncid": 7},
                {"state": "backup", "group": "ff02::51", "port": 9000, "ttl": 3},
            ],
            sysctls={"sync_threshold": "0 0", "drop_entry": 1, "expire_quiescent_template": 1},
        ),
        id="all-that-ipvs-holds",
    ),
    pytest.param(
        director(virtual_server(VIP, [RIPS[0], RIP6], method="tunnel")), id="mixed-families"
    ),
    pytest.param(realserver("lo", vips=[VIP, VIP6]), id="lo"),
    pytest.param(realserver("dummy", vips=[VIP, VIP6]), id="dummy"),
    pytest.param(realserver("tunl0"), id="tunl0"),
    pytest.param(realserver("gre0"), id="gre0"),
    pytest.param(realserver("ip6tnl0", vips=[VIP6]), id="ip6tnl0"),
]


@pytest.fixture
def twins() -> Iterator[tuple[Host, Host]]:
    with hosts(["one", "other"]) as made:
        for host in made.values():
            host.ip(*ALIKE)
            mis_set(host)
        yield made["one"], made["other"]


@pytest.mark.parametrize("document", CASES)
def test_the_commands_of_a_plan_do_what_apply_does(
    twins: tuple[Host, Host], tmp_path: Path, document: Document
) -> None:
    one, other = twins
    role, profile = document["role"], write(tmp_path, document)

    lvsdr(one, role, "apply", profile)
    commands = lvsdr(other, role, "plan", profile, "--format", "commands", expect=1)
    other.run("sh", "-eux", text=commands)

    assert alike(other) == alike(one)
    assert lvsdr(other, role, "plan", profile) == "nothing to change\n"


@pytest.mark.parametrize("holder", ["dummy", "lo", "tunl0", "gre0", "ip6tnl0"])
def test_the_commands_of_a_status_make_what_is_there(
    twins: tuple[Host, Host], tmp_path: Path, holder: str
) -> None:
    """On a host that has nothing yet, also not the module that makes the link."""
    one, other = twins
    profile = write(tmp_path, realserver(holder, vips=[VIP6 if holder == "ip6tnl0" else VIP]))

    lvsdr(one, "realserver", "apply", profile)
    commands = lvsdr(one, "realserver", "status", profile, "--format", "commands")
    other.run("sh", "-eux", text=commands)

    assert alike(other) == alike(one)
    assert lvsdr(other, "realserver", "plan", profile) == "nothing to change\n"


def alike(host: Host) -> list[str]:
    """Return what the host is like; no random MACs, and no order where the kernel has none."""
    *settings, table = state(host).partition("IP Virtual Server")
    text = "".join(settings)
    made = json.loads(host.run("ip", "-j", "link", "show", "type", "dummy").stdout)
    for link in made:
        text = text.replace(link["address"], "MAC")
    if made:
        text = re.sub(r"fe80:[0-9a-f:]+", "fe80::", text)
    # Of these too: the kernel makes one for each such link, and its link-local address of it.
    for link in json.loads(host.run("ip", "-j", "address", "show").stdout):
        if link["link_type"] == "tunnel6":
            text = text.replace(link["permaddr"], "MAC")
            own = [each["local"] for each in link["addr_info"] if each["scope"] == "link"]
            for address in own:
                text = text.replace(address, "fe80::")
    return [*sorted(text.splitlines()), *sorted(table.splitlines())]
