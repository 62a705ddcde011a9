"""A host that is kept: what others take away comes back, and without the keeper it does not."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import program
import pytest
from keepers import LIMIT, away, held, keeping, vips
from rig import (
    VIP,
    Rig,
    director,
    lvsdr,
    realserver,
    rig,
    settled,
    state,
    virtual_server,
    write,
)
from witnesses import arps, captured, ipvsadm, speakers

from lvsdr.kernel import namespace
from lvsdr.lab.lab_host import Host
from lvsdr.lab.lvsdr_command import lvsdr_command

GONE = f"address del {VIP}/32 dev eth0"
# What the kernel tells nobody of is looked for so often here.
OFTEN = ("--every", "0.5")
TORTURE = bool(os.environ.get("LVSDR_TORTURE"))
# Beside other kernels all takes longer.
SECOND = 1.0 if TORTURE else 10.0
# When a keeper is killed, in seconds after the trouble.
MOMENTS = (0.0, 0.03, 0.1, 0.2, 0.25, 0.3, 0.35, 0.4) if TORTURE else (0.03, 0.2, 0.3, 0.4)
SETTING = "net/ipv4/conf/all/arp_ignore"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("keep")
    with rig(folder, director(virtual_server(persistence=300)), realserver()) as made:
        yield made


def value(host: Host, path: str) -> str:
    return host.run("cat", f"/proc/sys/{path}").stdout.strip()


# --- a director ----------------------------------------------------------------------------------


def test_without_a_keeper_a_vip_that_somebody_removes_stays_away(cluster: Rig) -> None:
    host = cluster.lab.director
    lvsdr(host, "director", "apply", cluster.director)

    host.ip(GONE)

    assert held(host, seconds=2.0) == []
    lvsdr(host, "director", "plan", cluster.director, expect=1)


def test_a_vip_that_somebody_removes_is_back_within_a_second(cluster: Rig) -> None:
    host = cluster.lab.director
    lvsdr(host, "director", "apply", cluster.director)
    times: list[float] = []
    with keeping(host, "director", cluster.director) as keeper:
        with captured(cluster.lab.observer, "eth0", "arp") as frames:
            # What else the machine does is counted in here: the least of three is what it takes.
            while len(times) < 3 and (not times or min(times) >= SECOND):
                host.ip(GONE)
                begun = monotonic()
                back = held(host)
                times.append(monotonic() - begun)
                assert back == [f"{VIP} eth0:0"]
            told = keeper.has("ANNOUNCED")
        keeper.end()

    assert told
    assert min(times) < SECOND, times
    # It has asked who else has the VIP, in its own name, and then announced it.
    assert set(speakers(frames, VIP)) == {cluster.mac(host)}
    repair, *_ = [each for each in keeper.events if each["event"] == "REPAIRED"]
    assert repair["exactly"] and repair["change"]["key"] == [f"{VIP}/32", "eth0"]
    # ip(8) may have ended by then: its number is what is left of it.
    assert "process" in repair["who"]


def test_a_table_that_somebody_clears_or_changes_is_back(cluster: Rig) -> None:
    host = cluster.lab.director
    with keeping(host, "director", cluster.director, *OFTEN) as keeper:
        whole = ipvsadm(host)
        seen = []
        for words in ("-C", f"-e -t {VIP}:80 -r 192.168.1.11:80 -g -w 7"):
            host.run("ipvsadm", *words.split())
            seen.append(settled(lambda: ipvsadm(host), whole, LIMIT))
        keeper.end()

    assert len(whole) == 3
    assert seen == [whole, whole]


def test_without_a_keeper_a_table_that_somebody_clears_stays_empty(cluster: Rig) -> None:
    host = cluster.lab.director
    lvsdr(host, "director", "apply", cluster.director)

    host.run("ipvsadm", "-C")

    assert settled(lambda: bool(ipvsadm(host)), True, 2.0) is False


def test_a_link_that_is_down_is_said_once_and_once_when_it_is_up(cluster: Rig) -> None:
    host = cluster.lab.director
    gateway = cluster.lab.topology.gateway.addresses[0].ip
    with keeping(host, "director", cluster.director, *OFTEN) as keeper:
        host.ip("link set eth0 down")
        refused = keeper.has("REFUSED")
        host.ip("link set eth0 up", f"route replace default via {gateway} dev eth0")
        again = keeper.has("AGAIN")
        keeper.end()

    assert (refused, again, keeper.kinds.count("REFUSED")) == (True, True, 1)
    assert vips(host) == [f"{VIP} eth0:0"]


def test_a_link_that_is_renamed_is_said_and_kept_again_once_it_has_its_name(cluster: Rig) -> None:
    host = cluster.lab.director
    gateway = cluster.lab.topology.gateway.addresses[0].ip
    with keeping(host, "director", cluster.director, *OFTEN) as keeper:
        host.ip("link set eth0 down", "link set eth0 name ens18", "link set ens18 up")
        refused = keeper.has("REFUSED")
        stayed = vips(host, "ens18")
        host.ip("link set ens18 down", "link set ens18 name eth0", "link set eth0 up")
        host.ip(f"route replace default via {gateway} dev eth0")
        again = keeper.has("AGAIN")
        keeper.end()

    assert (refused, again) == (True, True)
    told = [each for each in keeper.events if each["event"] == "REFUSED"]
    assert any("eth0 is called ens18 now" in each["message"] for each in told), told
    assert len(stayed) == 1
    assert vips(host) == [f"{VIP} eth0:0"]


def test_what_another_apply_changes_is_kept_from_then_on(cluster: Rig, tmp_path: Path) -> None:
    host = cluster.lab.director
    other = write(tmp_path, director(virtual_server(), virtual_server(port=443)))
    with keeping(host, "director", cluster.director, *OFTEN) as keeper:
        lvsdr(host, "director", "apply", other)
        wider = ipvsadm(host)
        host.run("ipvsadm", "-D", "-t", f"{VIP}:443")
        back = settled(lambda: ipvsadm(host), wider, LIMIT)
        assert keeper.has("REPAIRED")
        first = [each["message"] for each in keeper.events if each["event"] == "REPAIRED"]
        lvsdr(host, "director", "apply", cluster.director)
        narrow = ipvsadm(host)
        host.ip(GONE)
        held(host)
        keeper.end()

    assert (len(wider), back, len(narrow)) == (6, wider, 3)
    # Not one thing of the other apply was undone.
    assert {line.split()[0] for line in first} == {"+"} and len(first) == 3
    assert ipvsadm(host) == narrow


def test_of_applies_one_after_the_other_none_is_undone(cluster: Rig, tmp_path: Path) -> None:
    """Also where two of them come within a second, from the same file."""
    host = cluster.lab.director
    one, other = director(), director(virtual_server(), virtual_server(port=443))
    profile = write(tmp_path, one)
    with keeping(host, "director", profile, *OFTEN) as keeper:
        seen = []
        for document in (other, one) * 4:
            write(tmp_path, document)
            lvsdr(host, "director", "apply", profile)
            # What the kernel tells brings a look, which is to find nothing.
            host.ip("link add dummy3 type dummy", "link del dummy3")
            settled(lambda: "REPAIRED" in keeper.kinds, True, 0.3)
            seen.append(len(ipvsadm(host)))
        keeper.end()
    lvsdr(host, "director", "apply", cluster.director)

    assert seen == [6, 3] * 4
    assert "REPAIRED" not in keeper.kinds


def test_what_is_withdrawn_by_hand_rests_until_it_is_applied(cluster: Rig) -> None:
    host = cluster.lab.director
    with keeping(host, "director", cluster.director, *OFTEN) as keeper:
        lvsdr(host, "director", "withdraw", cluster.director)
        rests = keeper.has("RESTING")
        stays_away = held(host, seconds=2.0)
        lvsdr(host, "director", "apply", cluster.director)
        settled(lambda: keeper.kinds[-1], "KEEPING", LIMIT)
        host.ip(GONE)
        back = held(host)
        keeper.end()

    assert (rests, stays_away, back) == (True, [], [f"{VIP} eth0:0"])


def test_a_drain_is_no_reason_to_read_the_profile_again(cluster: Rig, tmp_path: Path) -> None:
    """What nobody has applied stays in its file."""
    host = cluster.lab.director
    profile = write(tmp_path, director())
    with keeping(host, "director", profile, *OFTEN) as keeper:
        write(tmp_path, director(virtual_server(port=8080)))
        lvsdr(host, "director", "drain", "--rip", "192.168.1.11", profile, expect=6)
        write(tmp_path, director())
        lvsdr(host, "director", "drain", "--rip", "192.168.1.11", "--timeout", "1", profile)
        write(tmp_path, director(virtual_server(port=8080)))
        drained = ipvsadm(host)
        host.ip(GONE)
        held(host)
        keeper.end()
        write(tmp_path, director())
        lvsdr(host, "director", "drain", "--undo", "--rip", "192.168.1.11", profile)

    assert ipvsadm(host) != drained
    assert any("192.168.1.11:80 -g -w 0" in line for line in drained)
    repairs = [each for each in keeper.events if each["event"] == "REPAIRED"]
    assert [each["change"]["object"] for each in repairs] == ["address"]


def test_whoever_removes_a_vip_again_and_again_is_left_to_it(cluster: Rig) -> None:
    host = cluster.lab.director
    lvsdr(host, "director", "apply", cluster.director)
    with keeping(host, "director", cluster.director, *OFTEN) as keeper:
        removed = 0
        with captured(cluster.lab.observer, "eth0", "arp") as frames:
            while "FIGHT" not in keeper.kinds and removed < 10:
                if vips(host):
                    host.ip(GONE)
                    removed += 1
            left = held(host, seconds=3.0)
        keeper.end()

    (fight,) = [each for each in keeper.events if each["event"] == "FIGHT"]
    assert (removed, left, fight["severity"]) == (4, [], "error")
    # For each of three times, four announcements of two forms each: no storm.
    told = [each for each in arps(frames) if each.sender == each.target == VIP]
    assert 3 * 2 <= len(told) <= 3 * 2 * 4


def test_a_vip_that_another_host_has_taken_over_is_left_to_it(cluster: Rig) -> None:
    host, other = cluster.lab.director, cluster.lab.observer
    lvsdr(host, "director", "apply", cluster.director)
    with keeping(host, "director", cluster.director, *OFTEN) as keeper:
        other.ip(f"address add {VIP}/32 dev eth0")
        with captured(cluster.lab.gateway, "eth0", "arp") as frames:
            host.ip(GONE)
            taken = keeper.has("TAKEN")
            left = held(host, seconds=1.0)
        other.ip(GONE)
        back = held(host)
        again = keeper.has("AGAIN")
        keeper.end()

    assert (taken, left, again, back) == (True, [], True, [f"{VIP} eth0:0"])
    assert keeper.kinds.count("TAKEN") == 1
    assert cluster.mac(host) not in speakers(frames, VIP)


def test_a_keeper_that_was_stopped_for_a_while_repairs_when_it_goes_on(cluster: Rig) -> None:
    host = cluster.lab.director
    with keeping(host, "director", cluster.director) as keeper:
        keeper.send(signal.SIGSTOP)
        host.ip(GONE)
        stays_away = held(host, seconds=2.0)
        keeper.send(signal.SIGCONT)
        back = held(host, seconds=2.0)
        keeper.end()

    assert (stays_away, back) == ([], [f"{VIP} eth0:0"])


def test_a_keeper_that_is_killed_at_any_moment_is_followed_by_another(cluster: Rig) -> None:
    host = cluster.lab.director
    lvsdr(host, "director", "apply", cluster.director)
    whole, before = ipvsadm(host), state(host)
    for moment in MOMENTS:
        with keeping(host, "director", cluster.director, *OFTEN) as keeper:
            host.run("ipvsadm", "-C")
            host.ip(GONE)
            keeper.running.process.join(moment)
            keeper.kill()
        with keeping(host, "director", cluster.director) as keeper:
            seen = vips(host), ipvsadm(host)
            keeper.end()
        assert seen == ([f"{VIP} eth0:0"], whole)
    assert state(host) == before


def test_the_loop_runs_in_the_namespace_that_is_named(cluster: Rig) -> None:
    host, outside = cluster.lab.director, cluster.lab.observer
    netns = ("--netns", str(host.path))
    with keeping(outside, "director", cluster.director, *netns) as keeper:
        host.ip(GONE)
        back = held(host, seconds=2.0)
        keeper.end()

    assert (back, vips(outside)) == ([f"{VIP} eth0:0"], [])


def test_a_hangup_applies_what_the_profile_says_by_now(cluster: Rig, tmp_path: Path) -> None:
    host = cluster.lab.director
    profile = write(tmp_path, director())
    with keeping(host, "director", profile) as keeper:
        profile.write_text("{")
        keeper.send(signal.SIGHUP)
        refused = keeper.has("REFUSED")
        host.ip(GONE)
        kept = held(host)
        write(tmp_path, director(virtual_server(), virtual_server(port=443)))
        keeper.send(signal.SIGHUP)
        wider = settled(lambda: len(ipvsadm(host)), 6, LIMIT)
        again = keeper.has("AGAIN")
        keeper.end()
    lvsdr(host, "director", "apply", cluster.director)

    assert (refused, kept, wider, again) == (True, [f"{VIP} eth0:0"], 6, True)


def test_it_refuses_to_start_as_apply_does(cluster: Rig) -> None:
    host, other = cluster.lab.director, cluster.lab.observer
    lvsdr(host, "director", "withdraw", cluster.director)
    other.ip(f"address add {VIP}/32 dev eth0")

    words = ("director", "keep", str(cluster.director), "--allow-insecure-profile")
    refused = program.run(host, *words)
    other.ip(GONE)

    assert (refused.returncode, vips(host)) == (6, [])
    assert f"cannot take {VIP}" in refused.stderr


def test_a_program_that_is_not_for_root_is_refused_before_the_first_change(
    cluster: Rig, tmp_path: Path
) -> None:
    host = cluster.lab.director
    lvsdr(host, "director", "withdraw", cluster.director)
    open_to_all = tmp_path / "program"
    open_to_all.write_text("#!/bin/sh\n")
    open_to_all.chmod(0o777)
    profile = write(tmp_path, director(health={}, on_change=[str(open_to_all)]))

    refused = program.run(host, "director", "keep", str(profile), "--allow-insecure-profile")

    assert (refused.returncode, vips(host), ipvsadm(host)) == (6, [], [])
    assert "others may write" in refused.stderr


def test_a_second_keeper_of_a_profile_is_refused(cluster: Rig) -> None:
    host = cluster.lab.director
    words = ("director", "keep", str(cluster.director), "--allow-insecure-profile")
    with keeping(host, "director", cluster.director) as keeper:
        refused = program.run(host, *words, "--lock-timeout", "0.2")
        keeper.kill()
    with keeping(host, "director", cluster.director) as keeper:
        keeper.end()

    assert refused.returncode == 6
    assert "cannot keep director:web beside another keeper: process" in refused.stderr


def test_a_standby_is_kept_a_standby(cluster: Rig) -> None:
    host = cluster.lab.director
    hook = ("keepalived", "notify", "--director", str(cluster.director), "INSTANCE", "VI_1")
    lvsdr(host, *hook, "MASTER")
    lvsdr(host, *hook, "BACKUP")
    with keeping(host, "director", cluster.director, *OFTEN) as keeper:
        host.ip(f"address add {VIP}/32 dev eth0")
        gone = away(host)
        lvsdr(host, *hook, "MASTER")
        master = held(host)
        host.ip(GONE)
        back = held(host)
        lvsdr(host, *hook, "BACKUP")
        left = away(host), held(host, seconds=1.5)
        keeper.end()
    lvsdr(host, *hook, "STOP")
    Path(f"/run/lvsdr/{host.inside(namespace.identity)}.keepalived").unlink()

    assert (gone, master, back) == (True, [f"{VIP} eth0:0"], [f"{VIP} eth0:0"])
    assert left == (True, [])


def test_what_the_journal_is_told_has_a_priority(cluster: Rig, tmp_path: Path) -> None:
    host, told = cluster.lab.director, tmp_path / "told"
    words = [*lvsdr_command(), "director", "keep", str(cluster.director), *OFTEN]
    with told.open("w") as out:
        seen = os.fstat(out.fileno())
        named = {**os.environ, "JOURNAL_STREAM": f"{seen.st_dev}:{seen.st_ino}"}
        words.append("--allow-insecure-profile")
        process = host.inside(lambda: subprocess.Popen(words, stdout=out, stderr=out, env=named))
        try:
            kept = settled(lambda: "is kept as" in told.read_text(), True, LIMIT)
            for _ in range(4):
                host.ip(GONE)
                settled(lambda: bool(vips(host)) or "FIGHT" in told.read_text(), True, LIMIT)
            fought = settled(lambda: "FIGHT" in told.read_text(), True, LIMIT)
        finally:
            process.terminate()
            process.wait(LIMIT)
    lines = told.read_text().splitlines()
    kinds = {line.split(": ")[1]: line[:3] for line in lines}

    assert (kept, fought) == (True, True), lines
    assert {each: kinds[each] for each in ("REPAIRED", "FIGHT")} == {
        "REPAIRED": "<5>",
        "FIGHT": "<3>",
    }
    assert all(line.startswith("<") for line in lines)


# --- a real server -------------------------------------------------------------------------------


def test_a_real_server_stays_one_whatever_others_do(cluster: Rig) -> None:
    host = cluster.lab.realservers[0]
    guard = f"unreachable {VIP} metric 4294967294"

    def guards() -> str:
        return host.run("ip", "route", "show", VIP).stdout.strip()

    with keeping(host, "realserver", cluster.realserver, *OFTEN) as keeper:
        before = vips(host, "lvsdr0"), guards()
        host.sysctl(SETTING, 0)
        silent = settled(lambda: value(host, SETTING), "1", LIMIT)
        host.ip(f"route del {guard}")
        guarded = settled(guards, before[1], LIMIT)
        host.ip("link del lvsdr0")
        assert settled(lambda: "lvsdr0" in host.run("ip", "link").stdout, True, LIMIT)
        again = settled(lambda: vips(host, "lvsdr0"), before[0], LIMIT)
        keeper.end()

    assert before[0] and before[1]
    assert (silent, guarded, again) == ("1", before[1], before[0])
    assert "REFUSED" not in keeper.kinds


def test_without_a_keeper_a_real_server_that_somebody_resets_answers(cluster: Rig) -> None:
    host = cluster.lab.realservers[0]
    lvsdr(host, "realserver", "apply", cluster.realserver)

    host.sysctl(SETTING, 0)

    assert settled(lambda: value(host, SETTING), "1", 1.5) == "0"


def test_a_vip_on_the_link_that_speaks_is_said_and_the_rest_is_kept(cluster: Rig) -> None:
    host = cluster.lab.realservers[0]
    with keeping(host, "realserver", cluster.realserver, *OFTEN) as keeper:
        host.ip(f"address add {VIP}/32 dev eth0")
        said = keeper.has("REFUSED")
        host.sysctl(SETTING, 0)
        silent = settled(lambda: value(host, SETTING), "1", LIMIT)
        # Whose it is we do not know: it stays.
        stays = vips(host)
        host.ip(GONE)
        over = keeper.has("AGAIN")
        keeper.end()

    assert (said, silent, len(stays), over) == (True, "1", 1, True)
    assert keeper.kinds.count("REFUSED") == 1


def test_a_link_that_comes_is_silenced_at_once(cluster: Rig, tmp_path: Path) -> None:
    host = cluster.lab.realservers[1]
    scoped = write(tmp_path, realserver(arp_scope="links"))
    path = "net/ipv4/conf/veth7/arp_ignore"
    with keeping(host, "realserver", scoped, "--every", "60") as keeper:
        host.ip(
            "link add veth7 type veth peer name veth8",
            "address add 172.16.7.1/24 dev veth7",
            "link set veth8 up",
            "link set veth7 up",
        )
        begun = monotonic()
        silent = settled(lambda: value(host, path), "1", LIMIT)
        took = monotonic() - begun
        keeper.end()
    host.ip("link del veth7")
    lvsdr(host, "realserver", "withdraw", scoped)

    assert silent == "1"
    assert took < SECOND


def test_a_link_that_joins_a_bridge_is_said_once(cluster: Rig) -> None:
    host = cluster.lab.realservers[1]
    with keeping(host, "realserver", cluster.realserver, *OFTEN) as keeper:
        host.ip("link add br9 type bridge", "link set eth0 master br9")
        refused = keeper.has("REFUSED")
        host.ip("link set eth0 nomaster", "link del br9")
        again = keeper.has("AGAIN")
        keeper.end()

    told = [each["message"] for each in keeper.events if each["event"] == "REFUSED"]
    assert (refused, again, len(told)) == (True, True, 1)
    assert "it is a part of br9" in told[0]
