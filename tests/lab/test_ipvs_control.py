"""Timeouts, sync daemons and settings of IPVS: ours shown by ipvsadm, and its own read by us."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from rig import director, lvsdr, refused, state, virtual_server, write
from test_ipvs_table import carry_out, on

from lvsdr.errors import KernelError
from lvsdr.kernel.linux import LinuxKernel
from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host
from lvsdr.model.change import Change
from lvsdr.model.ipvs_daemons import SyncDaemon, Timeout
from lvsdr.model.objects import Object, Sysctl, keyed

MASTER = SyncDaemon("master", "eth0", 3, 1472, ip_address("224.0.0.81"), 8848, 1)
BACKUP = SyncDaemon("backup", "eth0", 255, 1452, ip_address("ff02::51"), 9000, 3)
DAEMONS = [
    (
        MASTER,
        "--start-daemon master --mcast-interface eth0 --syncid 3",
        "master sync daemon (mcast=eth0, syncid=3, maxlen=1472, group=224.0.0.81, port=8848,"
        " ttl=1)",
    ),
    (
        BACKUP,
        "--start-daemon backup --mcast-interface eth0 --syncid 255 --sync-maxlen 1452"
        " --mcast-group ff02::51 --mcast-port 9000 --mcast-ttl 3",
        "backup sync daemon (mcast=eth0, syncid=255, maxlen=1452, group=ff02::51, port=9000,"
        " ttl=3)",
    ),
]
TIMEOUTS: list[Object] = [Timeout("tcp", 600), Timeout("tcp_fin", 60), Timeout("udp", 30)]
MIXED = "-A -t 192.0.2.10:80 -s rr\n-a -t 192.0.2.10:80 -r [2001:db8::11]:80 -i\n"


@pytest.fixture(scope="module")
def machine() -> Iterator[Host]:
    with hosts(["machine"]) as made:
        made["machine"].ip(
            "link add eth0 type veth peer name cable0",
            "link set eth0 up",
            "link set cable0 up",
            "address add 192.0.2.1/24 dev eth0",
            "address add 2001:db8::1/64 dev eth0 nodad",
            "link add eth1 type veth peer name cable1",
        )
        yield made["machine"]


@pytest.fixture
def fresh(machine: Host) -> Iterator[Host]:
    yield machine
    for daemon in ("master", "backup"):
        machine.run("ipvsadm", "--stop-daemon", daemon, check=False)
    machine.run("ipvsadm", "-C")
    machine.run("ipvsadm", "--set", "900", "120", "300")


def daemons(host: Host) -> str:
    return host.run("ipvsadm", "-L", "--daemon").stdout.strip()


def timeouts(host: Host) -> str:
    return host.run("ipvsadm", "-L", "--timeout").stdout.strip()


@pytest.mark.parametrize(("daemon", "words", "shown"), DAEMONS)
def test_a_daemon_that_we_start_is_shown_and_one_that_we_stop_is_gone(
    fresh: Host, daemon: SyncDaemon, words: str, shown: str
) -> None:
    carry_out(fresh, Change(None, daemon))
    started = daemons(fresh)
    carry_out(fresh, Change(daemon, None))

    assert started == shown
    assert daemons(fresh) == ""


@pytest.mark.parametrize(("daemon", "words", "shown"), DAEMONS)
def test_a_daemon_that_ipvsadm_starts_we_read(
    fresh: Host, daemon: SyncDaemon, words: str, shown: str
) -> None:
    fresh.run("ipvsadm", *words.split())

    seen = on(fresh, lambda kernel: kernel.observe([MASTER.key, BACKUP.key]))

    assert seen == keyed([daemon])


def test_a_daemon_that_changes_is_started_again(fresh: Host) -> None:
    carry_out(fresh, Change(None, MASTER))

    carry_out(fresh, Change(MASTER, replace(MASTER, syncid=4, ttl=9)))

    assert daemons(fresh) == DAEMONS[0][2].replace("syncid=3", "syncid=4").replace("l=1)", "l=9)")


REFUSED = [
    (
        replace(MASTER, link="eth7"),
        "",
        "no link eth7 (ENODEV)",
        "ip link",
    ),
    (
        replace(MASTER, link="eth1"),
        "",
        "link eth1 is down, or has no address (ENETUNREACH)",
        "ip link set eth1 up",
    ),
    (
        MASTER,
        MIXED,
        "it cannot serve a table in which a real server is of another family than its virtual"
        " server (EINVAL)",
        "ipvsadm -Ln",
    ),
]


@pytest.mark.parametrize(("daemon", "table", "reason", "hint"), REFUSED)
def test_a_daemon_that_cannot_be_says_why(
    fresh: Host, daemon: SyncDaemon, table: str, reason: str, hint: str
) -> None:
    fresh.run("ipvsadm", "-R", text=table)

    with pytest.raises(KernelError) as failed:
        carry_out(fresh, Change(None, daemon))

    assert failed.value.message == f"cannot start sync daemon {daemon}: {reason}"
    assert failed.value.hints == [hint]


def test_a_daemon_that_is_there_already_is_a_refusal(fresh: Host) -> None:
    carry_out(fresh, Change(None, MASTER))

    with pytest.raises(KernelError) as failed:
        carry_out(fresh, Change(None, MASTER))

    assert "one runs already (EEXIST)" in failed.value.message


def test_one_timeout_that_we_set_leaves_the_others(fresh: Host) -> None:
    carry_out(fresh, Change(Timeout("tcp_fin", 120), Timeout("tcp_fin", 60)))

    assert timeouts(fresh) == "Timeout (tcp tcpfin udp): 900 60 300"


def test_timeouts_that_ipvsadm_sets_we_read(fresh: Host) -> None:
    fresh.run("ipvsadm", "--set", "600", "60", "30")

    seen = on(fresh, lambda kernel: kernel.observe([item.key for item in TIMEOUTS]))

    assert seen == keyed(TIMEOUTS)


# Each with a kernel that has it, of which the one before has not.
LATER = {
    "est_cpulist": (6, 12),
    "est_nice": (6, 12),
    "conn_lfactor": (7, 2),
    "conn_max": (7, 2),
    "svc_lfactor": (7, 2),
}


def kernel() -> tuple[int, ...]:
    return tuple(map(int, platform.release().split(".")[:2]))


def of_this_kernel() -> set[str]:
    return {each.name for each in Path("/proc/sys/net/ipv4/vs").iterdir()}


def test_every_setting_that_a_profile_may_have_is_one_of_the_kernel(fresh: Host) -> None:
    from lvsdr.profile.schema import document

    known = document("director")["properties"]["sysctls"]["properties"]

    lacking = {name for name, first in LATER.items() if kernel() < first}
    assert set(known) - fresh.inside(of_this_kernel) == lacking


def ends() -> Iterator[tuple[str, str]]:
    """Yield each setting with the values at the ends of its range, and the one of its example."""
    from lvsdr.profile.schema import document

    for name, field in document("director")["properties"]["sysctls"]["properties"].items():
        bounds = (field.get("minimum"), field.get("maximum"))
        values = field.get("enum") or [end for end in bounds if end is not None]
        yield from ((f"net/ipv4/vs/{name}", str(value)) for value in values + field["examples"])


def test_the_kernel_takes_the_ends_of_every_range(fresh: Host) -> None:
    def taken(kernel: LinuxKernel, path: str, value: str) -> str:
        there = Path("/proc/sys") / path
        was = Sysctl(path, there.read_text().strip())
        kernel.execute([Change(was, Sysctl(path, value))])
        seen = there.read_text()
        kernel.execute([Change(None, was)])
        return " ".join(seen.split())

    there = fresh.inside(of_this_kernel)
    every = [end for end in ends() if end[0].rpartition("/")[2] in there]
    seen = on(fresh, lambda kernel: [(path, taken(kernel, path, value)) for path, value in every])

    assert seen == every


def test_a_defence_at_work_is_as_it_was_set(fresh: Host) -> None:
    """While memory is short, the kernel itself goes from 1 to 2 and back."""
    path = "net/ipv4/vs/drop_entry"
    fresh.sysctl(path, 2)

    seen = on(fresh, lambda kernel: kernel.observe([("sysctl", path)]))
    fresh.sysctl(path, 0)

    assert seen == keyed([Sysctl(path, "1")])


def test_a_setting_that_the_kernel_has_not_says_so(fresh: Host) -> None:
    odd = Sysctl("net/ipv4/vs/no_such_thing", "1")

    with pytest.raises(KernelError) as failed:
        carry_out(fresh, Change(None, odd))

    assert failed.value.message == (
        "cannot set sysctl net/ipv4/vs/no_such_thing = 1: this kernel has no such setting (ENOENT)"
    )


@pytest.mark.parametrize("name", ["conn_max", "all"])
def test_what_this_kernel_lacks_is_refused_by_name_before_anything_is_changed(
    fresh: Host, tmp_path: Path, name: str
) -> None:
    values = {"est_cpulist": "0", "est_nice": 5, "conn_lfactor": 2, "conn_max": 9, "svc_lfactor": 0}
    wanted = values if name == "all" else {name: values[name]}
    lacking = [each for each in wanted if kernel() < LATER[each]]
    profile = write(tmp_path, director(sysctls=wanted))
    before = state(fresh), settings(fresh)

    if lacking:
        for verb in ("plan", "apply"):
            said = refused(fresh, "director", verb, profile, expect=6)
            assert f": Linux {platform.release()} has no such setting" in said
            assert f"hint: leave {', '.join(lacking)} out of the profile's sysctls" in said
    else:
        lvsdr(fresh, "director", "apply", profile)
        made = settings(fresh)
        again = lvsdr(fresh, "director", "apply", profile)
        lvsdr(fresh, "director", "withdraw", profile)
        assert {each: made[each] for each in wanted} == {
            each: str(value) for each, value in wanted.items()
        }
        assert again == "nothing to change\n"

    assert (state(fresh), settings(fresh)) == before


def settings(host: Host) -> dict[str, str]:
    """Return the settings of IPVS as the kernel shows them."""
    folder = Path("/proc/sys/net/ipv4/vs")
    return host.inside(
        lambda: {each.name: " ".join(each.read_text().split()) for each in folder.iterdir()}
    )


def test_a_period_below_zero_is_read_and_given_back(fresh: Host, tmp_path: Path) -> None:
    """Linux 7.2 shows -1 as -18262276632972456101, and takes no such number."""
    path = "net/ipv4/vs/sync_refresh_period"
    profile = write(tmp_path, director(sysctls={"sync_refresh_period": 10}))
    for value in ("-1", "-21474836"):
        fresh.sysctl(path, value)
        before = settings(fresh)

        seen = on(fresh, lambda kernel: kernel.observe([("sysctl", path)]))
        lvsdr(fresh, "director", "apply", profile)
        made = settings(fresh)["sync_refresh_period"]
        lvsdr(fresh, "director", "withdraw", profile)

        assert seen == keyed([Sysctl(path, value)])
        assert made == "10"
        assert settings(fresh) == before
    fresh.sysctl(path, 0)


WHOLE = director(
    virtual_server(rips=["192.0.2.11"]),
    timeouts={"tcp": 600, "udp": 60},
    sync_daemons=[{"state": "master", "syncid": 7}, {"state": "backup", "ttl": 3}],
    sysctls={"sync_threshold": "0 0", "drop_entry": 1, "expire_quiescent_template": 1},
)


def test_an_apply_sets_all_and_a_withdrawal_gives_all_back(fresh: Host, tmp_path: Path) -> None:
    fresh.run("ipvsadm", *DAEMONS[0][1].split())
    fresh.run("ipvsadm", "--set", "800", "80", "200")
    profile, before = write(tmp_path, WHOLE), state(fresh)

    lvsdr(fresh, "director", "apply", profile)
    applied = daemons(fresh), timeouts(fresh)
    again = lvsdr(fresh, "director", "apply", profile)
    shown = lvsdr(fresh, "director", "status", profile)
    lvsdr(fresh, "director", "withdraw", profile)

    assert applied[0].splitlines() == [
        "master sync daemon (mcast=eth0, syncid=7, maxlen=1472, group=224.0.0.81, port=8848,"
        " ttl=1)",
        "backup sync daemon (mcast=eth0, syncid=0, maxlen=1472, group=224.0.0.81, port=8848,"
        " ttl=3)",
    ]
    assert applied[1] == "Timeout (tcp tcpfin udp): 600 80 60"
    assert again == "nothing to change\n"
    assert re.search(r"timeout tcp 600 s +ok", shown)
    assert state(fresh) == before


def test_two_profiles_that_want_a_setting_otherwise_quarrel(fresh: Host, tmp_path: Path) -> None:
    plain = {"role": "director", "interface": "eth0"}
    one = write(tmp_path, {**plain, "sysctls": {"drop_entry": 1}}, "one")
    other = write(tmp_path, {**plain, "sysctls": {"drop_entry": 3}}, "other")
    lvsdr(fresh, "director", "apply", one)

    said = refused(fresh, "director", "apply", other, expect=2)
    lvsdr(fresh, "director", "withdraw", one)

    assert "profile director:one has set up sysctl net/ipv4/vs/drop_entry" in said
