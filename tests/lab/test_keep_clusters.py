"""Keepers of other clusters: IPv6, hosts that are both, and a keepalived that is killed."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

from keepers import LIMIT, held, keeping
from load import asked, longest_gap
from pairs import BOTH, Box, pair, said
from rig import (
    RIP6,
    VIP,
    VIP6,
    Rig,
    director,
    lvsdr,
    realserver,
    rig,
    settled,
    virtual_server,
)

from lvsdr.lab.lab_host import Host
from lvsdr.lab.topology import Station

OFTEN = ("--every", "0.5")


def lost_by_a_restart(folder: Path, owner: str) -> float:
    """Return for how many seconds clients are not served where keepalived is killed and started."""
    folder.mkdir()
    with pair(folder, director(vips_owner=owner)) as made, ExitStack() as stack:
        first = made.boxes[0]
        for box in made.boxes:
            box.advertise = 1.0
            if owner == "lvsdr":
                box.keep()
            else:
                lvsdr(box.host, "director", "apply", box.director)
        first.start()
        assert held(first.host), said(first)
        made.boxes[1].start()
        answers = stack.enter_context(asked(made.lab.client, VIP, 0.02))
        assert settled(lambda: len(answers) > 20, True, LIMIT)
        start = monotonic()
        first.stop(signal.SIGKILL)
        first.start()
        # It takes three adverts until it is the master, and then it is served.
        over = start + 8
        assert settled(lambda: answers[-1] > over, True, LIMIT), said(first)
        return longest_gap(answers, start, over)


def test_a_restart_of_keepalived_loses_no_more_than_with_keepalived_alone(tmp_path: Path) -> None:
    """Killed and started again, it takes the VIPs away itself before it is the master."""
    gaps = {each: lost_by_a_restart(tmp_path / each, each) for each in ("keepalived", "lvsdr")}

    assert gaps["lvsdr"] <= gaps["keepalived"] + 0.5, gaps


def test_a_host_that_is_both_is_kept_as_both(tmp_path: Path) -> None:
    with pair(tmp_path, director(virtual_server(rips=BOTH)), both=True) as made:
        first, second = made.boxes
        for box in made.boxes:
            box.advertise = 0.5
            box.keep()
            box.start()
        made.ready(first, LIMIT)
        for box in made.boxes:
            box.host.ip("link del lvsdr0")
            box.host.sysctl("net/ipv4/conf/all/arp_ignore", 0)
        first.host.ip(f"address del {VIP}/32 dev eth0")
        back = held(first.host), *(held(box.host, "lvsdr0") for box in made.boxes)
        silent = [
            settled(lambda box=box: value(box), "1", LIMIT)  # type: ignore[misc]
            for box in made.boxes
        ]
        first.stop()
        took_over = settled(second.is_active, True, LIMIT)
        first.start()
        made.ready(first, LIMIT)

    assert all(back), (said(first), said(second))
    assert (silent, took_over) == (["1", "1"], True)


def value(box: Box) -> str:
    return box.host.run("cat", "/proc/sys/net/ipv4/conf/all/arp_ignore").stdout.strip()


def test_an_ipv6_vip_is_back_also_after_the_link_was_down(
    tmp_path: Path,
) -> None:
    """The kernel takes all IPv6 addresses from a link that goes down."""
    served = director(virtual_server(VIP6, (RIP6,)))
    with rig(tmp_path, served, realserver(vips=[VIP6])) as made:
        host = made.lab.director
        own = next(ip for ip in station(made, host).addresses if ip.version == 6)
        with keeping(host, "director", made.director, *OFTEN) as keeper:
            host.ip(f"address del {VIP6}/128 dev eth0")
            back = settled(lambda: has_vip6(host), True, 2.0)
            host.ip("link set eth0 down")
            refused = keeper.has("REFUSED")
            gone = not has_vip6(host)
            host.ip("link set eth0 up", f"address replace {own} dev eth0 nodad")
            again = settled(lambda: has_vip6(host), True, LIMIT)
            keeper.end()

    assert (back, refused, gone, again) == (True, True, True, True)


def has_vip6(host: Host) -> bool:
    shown = host.run("ip", "-6", "-o", "address", "show", "dev", "eth0").stdout
    return f" {VIP6}/128 " in shown


def station(made: Rig, host: Host) -> Station:
    return next(each for each in made.lab.topology.segment if each.name == host.name)
