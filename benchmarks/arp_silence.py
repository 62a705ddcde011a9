"""How long it takes to prove 4,096 VIPs silent, against calling arping for each.

Run in the lab: make bench

`--varied` measures other VIPs and services too, without a peer.
"""

from __future__ import annotations

import argparse
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from random import Random
from statistics import median
from time import monotonic

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "lab")]

from rig import (  # noqa: E402
    RIPS,
    Document,
    Rig,
    director,
    lvsdr,
    realserver,
    rig,
    virtual_server,
    write,
)

from lvsdr.lab.lab_host import Host  # noqa: E402
from lvsdr.model.address import IPAddress  # noqa: E402
from lvsdr.wire.who_has import who_has  # noqa: E402

MANY = 4096
VIPS = [IPv4Address("172.16.0.1") + number for number in range(MANY)]
RUNS, SAMPLE = 5, 20
# As an operator runs it, its start and its imports included: arping is a process, too.
PROGRAM = (sys.executable, "-I", "-m", "lvsdr", "verify")
Times = dict[str, list[float]]


def seconds(work: Callable[[], object]) -> float:
    """Return how long it takes to call `work`."""
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


def verified(host: Host, *arguments: str | Path) -> None:
    """Run the whole command, which has to hear each VIP and find nothing."""
    done = host.run(*PROGRAM, *map(str, arguments), check=False, timeout=120.0)
    at = sum(" is at " in line for line in done.stdout.splitlines())
    assert (done.returncode, at) == (0, MANY), (done.returncode, at, done.stderr[-2000:])


def main() -> None:
    """Print the table."""
    asked_for = argparse.ArgumentParser(description=__doc__)
    asked_for.add_argument("--varied", action="store_true")
    varied = asked_for.parse_args().varied
    # The hosts of the lab share the kernel's table of neighbours: once the gateway has learnt where
    # 4,096 VIPs are, a director could not learn who asks it, and would not answer for some seconds.
    for name, room in (("gc_thresh2", 32_768), ("gc_thresh3", 65_536)):
        Path(f"/proc/sys/net/ipv4/neigh/default/{name}").write_text(f"{room}\n", encoding="ascii")
    vips = [{"address": str(vip)} for vip in VIPS]
    server = virtual_server(str(VIPS[0]), RIPS)
    with tempfile.TemporaryDirectory() as folder:
        wanted = director(server, vips=vips), realserver(vips=[str(VIPS[0])])
        with rig(Path(folder), *wanted) as made, served(made):
            print_table(made)
            if varied:
                print_varied(made, Path(folder))


@contextmanager
def served(made: Rig) -> Iterator[None]:
    """Apply the profiles, and let the real servers take connections to all their addresses."""
    made.apply()
    listen = partial(socket.create_server, ("", 80), backlog=1024)
    with ExitStack() as stack:
        for host in made.lab.realservers:
            stack.enter_context(host.inside(listen))
        yield


def print_table(made: Rig) -> None:
    """Measure in turns, and print medians and ratios."""
    observer = made.lab.observer
    ours: Times = {
        "who_has (two forms, all answers)": [],
        "lvsdr verify (one service)": [],
        "lvsdr verify --no-services": [],
    }
    first, patient = list[float](), list[float]()
    works = (
        partial(asked, made),
        partial(verified, observer, made.director),
        partial(verified, observer, "--no-services", made.director),
    )
    for turn in range(RUNS):
        for took, work in zip(ours.values(), works, strict=True):
            took.append(seconds(work))
        for vip in VIPS[turn :: MANY // SAMPLE][: SAMPLE // RUNS]:
            command = ("arping", "-I", "eth0", "-w", "1", str(vip))
            first.append(seconds(partial(observer.run, *command, "-c", "1", check=False)))
            patient.append(seconds(partial(observer.run, *command, "-b", check=False)))
    each, all_answers = median(first) * MANY, median(patient) * MANY
    print(f"{MANY} VIPs, median of {RUNS} runs; arping: median of {SAMPLE} calls, times VIPs")
    print(f"{'':36}{'seconds':>9}{'from':>7}{'to':>7}{'arping -c 1':>13}{'arping -w 1':>13}")
    for title, took in ours.items():
        print(
            f"{title:36}{median(took):9.2f}{min(took):7.2f}{max(took):7.2f}"
            f"{each / median(took):12.1f}x{all_answers / median(took):12.1f}x"
        )
    for title, took in (("arping -c 1 (one form)", first), ("arping -w 1 (one form)", patient)):
        print(f"{title:36}{median(took) * MANY:9.0f}{min(took) * MANY:7.0f}{max(took) * MANY:7.0f}")


# --- other VIPs, and many services ---------------------------------------------------------------


def print_varied(made: Rig, folder: Path) -> None:
    """Print what profiles with other VIPs take, and one with a service for each VIP."""
    observer = made.lab.observer
    observer.ip("address add fd00:2::1/64 dev eth0 nodad")
    print(f"{'varied':36}{'seconds':>9}{'from':>7}{'to':>7}")
    for title, vips in other_vips().items():
        document = {**director(vips=addresses(vips)), "virtual_servers": []}
        path = write(folder, document, "varied")
        with held(made.lab.director, vips):
            print_times(title, partial(verified, observer, "--interface", "eth0", path))
    services = [virtual_server(str(vip), RIPS) for vip in VIPS]
    lvsdr(made.lab.director, "director", "apply", write(folder, director(*services), "director"))
    path = write(folder, realserver(vips=list(map(str, VIPS))), "realserver")
    for host in made.lab.realservers:
        lvsdr(host, "realserver", "apply", path)
    print_times("IPv4, a service each", partial(verified, observer, made.director))


def other_vips() -> dict[str, list[IPAddress]]:
    """Return VIPs by what they are like."""
    chance = Random(1)  # noqa: S311 - no secret
    near: list[IPAddress] = [IPv6Address("fd00:1::1") + number for number in range(MANY)]
    far4 = [IPv4Address(chance.randrange(0x0B000000, 0x7E000000)) for _ in near]
    far6 = [IPv6Address(chance.randrange(0x20010DB8 << 96, 0x20010DB9 << 96)) for _ in near]
    return {
        "IPv4, scattered": [*far4],
        "IPv6, in one subnet": near,
        "IPv6, scattered": [*far6],
        "both families, scattered": [*far4[: MANY // 2], *far6[: MANY // 2]],
    }


def print_times(title: str, work: Callable[[], object]) -> None:
    """Print how long it takes."""
    took = [seconds(work) for _ in range(3)]
    print(f"{title:36}{median(took):9.2f}{min(took):7.2f}{max(took):7.2f}", flush=True)


def addresses(vips: Sequence[IPAddress]) -> list[Document]:
    """Return them as VIPs of a profile."""
    return [{"address": str(vip)} for vip in vips]


@contextmanager
def held(host: Host, vips: Sequence[IPAddress]) -> Iterator[None]:
    """Let a host hold VIPs."""
    own = [f"{vip}/{vip.max_prefixlen} dev eth0" for vip in vips]
    host.ip(*(f"address add {each}{' nodad' if ':' in each else ''}" for each in own))
    yield
    host.ip(*(f"address del {each}" for each in own))


if __name__ == "__main__":
    main()
