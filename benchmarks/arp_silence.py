"""How long it takes to prove 4,096 VIPs silent, against calling arping for each.

Run in the lab: make bench
"""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from statistics import median
from time import monotonic

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "lab")]

from rig import RIPS, Rig, director, lvsdr, realserver, rig, virtual_server  # noqa: E402

from lvsdr.wire.who_has import who_has  # noqa: E402

VIPS = [IPv4Address("172.16.0.1") + number for number in range(4096)]
RUNS, SAMPLE = 5, 20


def seconds(work: object) -> float:
    """Return how long it takes to call `work`."""
    assert callable(work)
    start = monotonic()
    work()
    return monotonic() - start


def asked(made: Rig) -> None:
    """Ask for all VIPs from the observer; each has to be heard, from the director alone."""
    source = made.lab.topology.observer.address(4)
    assert isinstance(source, IPv4Address)
    asking = partial(who_has, "eth0", VIPS, source4=source, source6=None)
    heard = made.lab.observer.inside(asking).answers
    assert {(each.address, each.form) for each in heard} == {
        (vip, form) for vip in VIPS for form in ("own", "probe")
    }
    assert {each.mac for each in heard} == {made.mac(made.lab.director)}


def main() -> None:
    """Print the table."""
    vips = [{"address": str(vip)} for vip in VIPS]
    server = virtual_server(str(VIPS[0]), RIPS)
    with tempfile.TemporaryDirectory() as folder:
        wanted = director(server, vips=vips), realserver(vips=[str(VIPS[0])])
        with rig(Path(folder), *wanted) as made:
            made.lab.director.ip(*(f"address add {vip}/32 dev eth0" for vip in VIPS))
            print_table(made)


def print_table(made: Rig) -> None:
    """Measure in turns, and print medians and ratios."""
    observer = made.lab.observer
    ours, whole, first, patient = [], [], [], []
    for turn in range(RUNS):
        ours.append(seconds(lambda: asked(made)))
        whole.append(seconds(lambda: lvsdr(observer, "verify", made.director)))
        for vip in VIPS[turn :: len(VIPS) // SAMPLE][: SAMPLE // RUNS]:
            command = ("arping", "-I", "eth0", "-w", "1", str(ip_address(vip)))
            first.append(seconds(lambda c=command: observer.run(*c, "-c", "1", check=False)))
            patient.append(seconds(lambda c=command: observer.run(*c, "-b", check=False)))
    print(f"{len(VIPS)} VIPs, median of {RUNS} runs; arping: median of {SAMPLE} calls, times VIPs")
    print(f"{'':42}{'seconds':>9}{'ratio':>8}")
    for title, took in (
        ("who_has (two forms, all answers)", median(ours)),
        ("lvsdr verify (whole command)", median(whole)),
        ("arping -c 1 (first answer, one form) *", median(first) * len(VIPS)),
        ("arping -w 1 (all answers, one form) *", median(patient) * len(VIPS)),
    ):
        print(f"{title:42}{took:9.2f}{took / median(ours):8.1f}")
    print(f"who_has: {min(ours):.2f} to {max(ours):.2f} s; * extrapolated from one call")


if __name__ == "__main__":
    main()
