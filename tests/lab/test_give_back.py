"""What others had is theirs again after withdraw, in every attribute, and nothing else is.

The witnesses are ip(8), asked for all that it knows, and ipvsadm(8).
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from pyroute2 import IPRoute
from rig import RIPS, VIP, director, lvsdr, realserver, refused, settled, virtual_server, write

from former_records import make_former
from lvsdr.core import planned_situations, workflow
from lvsdr.core.book import Book
from lvsdr.core.record_decoding import FORMAT
from lvsdr.errors import KernelError
from lvsdr.kernel import namespace
from lvsdr.kernel.linux import LinuxKernel
from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host
from lvsdr.profile.reader import read

VIP6 = "fd00::2"
GUARD = f"{VIP}/32 metric 4294967294"
TABLE = f"""-A -t {VIP}:80 -s sh -b sh-port -p 77 -M 255.255.255.0
-a -t {VIP}:80 -r 192.168.1.11:80 -i -w 7 -x 900 -y 300
"""


@pytest.fixture
def solo() -> Iterator[Host]:
    """Give a host with a link of its own on a segment where nobody else is."""
    with hosts(["solo"]) as made:
        host = made["solo"]
        host.ip(
            "link add eth0 type veth peer name wire0",
            "link set wire0 up",
            "link set eth0 up",
            "address add 192.168.1.10/24 dev eth0",
            "address add fd00::10/64 dev eth0 nodad",
        )
        settled(lambda: '"UP"' in host.run("ip", "-j", "link", "show", "eth0").stdout, True)
        yield host


def addresses(host: Host) -> list[dict[str, Any]]:
    """Return all that ip knows of each address, but for the time that it has left."""
    links = json.loads(host.run("ip", "-j", "-d", "address").stdout)
    return [
        {**each, "link": link["ifname"], "valid_life_time": 0, "preferred_life_time": 0}
        for link in links
        for each in link["addr_info"]
        if not str(each.get("local", "")).startswith("fe80:")
    ]


def lifetimes(host: Host, ip: str) -> tuple[int, int]:
    """Return the seconds for which an address is valid, and preferred."""
    links = json.loads(host.run("ip", "-j", "-d", "address").stdout)
    (found,) = (each for link in links for each in link["addr_info"] if each.get("local") == ip)
    return found["valid_life_time"], found["preferred_life_time"]


def routes(host: Host) -> str:
    """Return all that ip knows of the routes."""
    return (
        host.run("ip", "-j", "-d", "route").stdout
        + host.run("ip", "-j", "-d", "-6", "route").stdout
    )


def state(host: Host) -> tuple[object, ...]:
    """Return what the witnesses say."""
    # Without its first line, which says how large the table of connections is just now.
    thresholds = host.run("ipvsadm", "-Ln", "--thresholds").stdout.partition("\n")[2]
    table = thresholds + host.run("ipvsadm", "-Sn").stdout
    return addresses(host), routes(host), table


@contextmanager
def monitored(host: Host) -> Iterator[list[str]]:
    """Give a list that has, at the end of the block, all that `ip monitor` said of addresses."""
    command = ["nsenter", f"--net={host.path}", "--", "ip", "monitor", "address"]
    heard: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE) as monitor:
        assert monitor.stdout is not None
        try:
            os.set_blocking(monitor.stdout.fileno(), False)
            # Once it has heard of one address it listens, once of another it has heard all.
            _mark(host, monitor.stdout.fileno(), "10.255.0.1")
            yield heard
            heard += _mark(host, monitor.stdout.fileno(), "10.255.0.2")
        finally:
            monitor.kill()


def _mark(host: Host, said: int, ip: str) -> list[str]:
    text: list[str] = []

    def marked() -> bool:
        host.ip(f"address replace {ip}/32 dev lo", f"address del {ip}/32 dev lo")
        with suppress(BlockingIOError):
            text.append(os.read(said, 1 << 20).decode())
        return ip in "".join(text)

    assert settled(marked, True, every=0.1)
    return text


# --- every attribute -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how",
    [
        f"{VIP}/32 brd {VIP} dev lo label lo:0",
        f"{VIP}/32 dev lo label lo:0 noprefixroute",
        f"{VIP}/32 dev lo label lo:0 metric 777",
        f"{VIP} peer 10.9.9.9/32 dev lo label lo:0",
        f"{VIP}/32 dev lo label lo:0 scope link",
        f"{VIP}/32 dev lo scope global",
        f"{VIP}/32 brd + dev lo label lo:0 noprefixroute metric 9",
        f"{VIP6}/128 dev lo noprefixroute",
        f"{VIP6}/128 dev lo home metric 99",
        f"{VIP6} peer fd00:9::9/128 dev lo nodad",
        f"{VIP6}/64 dev lo",
    ],
)
def test_an_address_comes_back_in_every_attribute(solo: Host, tmp_path: Path, how: str) -> None:
    vip = VIP6 if VIP6 in how else VIP
    profile = write(tmp_path, realserver("lo", vips=[vip]))
    solo.ip(f"address add {how}")
    before = state(solo)

    lvsdr(solo, "realserver", "apply", profile)
    applied = state(solo)
    lvsdr(solo, "realserver", "withdraw", profile)

    assert applied != before
    assert state(solo) == before


def test_who_has_made_an_address_is_known_again(solo: Host, tmp_path: Path) -> None:
    """Of iproute2, versions before 6.3 neither set it nor show it: pyroute2 is asked."""
    profile = write(tmp_path, realserver("lo"))
    solo.inside(lambda: made_by(77))

    lvsdr(solo, "realserver", "apply", profile)
    applied = solo.inside(makers)
    lvsdr(solo, "realserver", "withdraw", profile)

    assert applied == {VIP: None}
    assert solo.inside(makers) == {VIP: 77}


def made_by(number: int) -> None:
    """Add the VIP to lo in the name of a program."""
    with IPRoute() as ip:
        ip.addr("add", index=1, address=VIP, prefixlen=32, label="lo:0", proto=number)


def makers() -> dict[str, int | None]:
    """Return who has made the addresses of lo but its own."""
    with IPRoute() as ip:
        found = list(ip.get_addr(index=1, family=socket.AF_INET))
    return {
        each.get_attr("IFA_LOCAL"): each.get_attr("IFA_PROTO")
        for each in found
        if each.get_attr("IFA_LOCAL") != "127.0.0.1"
    }


@pytest.mark.parametrize("length", [128, 64])
def test_an_address_of_the_directors_link_comes_back_in_every_attribute(
    solo: Host, tmp_path: Path, length: int
) -> None:
    servers = virtual_server(), virtual_server(VIP6, ["fd00::11"])
    profile = write(tmp_path, director(*servers))
    solo.ip(
        f"address add {VIP}/32 brd {VIP} dev eth0 label eth0:web noprefixroute",
        f"address add {VIP6}/{length} dev eth0 noprefixroute home",
    )
    settled(lambda: "tentative" in solo.run("ip", "address").stdout, False)
    before = state(solo)

    lvsdr(solo, "director", "apply", profile)
    applied = state(solo)
    held = [each["prefixlen"] for each in addresses(solo) if each["local"] == VIP6]
    lvsdr(solo, "director", "withdraw", profile)

    assert applied != before
    assert held == [128]
    # At once: it does not ask again whether somebody else has the address.
    assert state(solo) == before


def test_a_lifetime_goes_on_while_lvsdr_holds_the_address(solo: Host, tmp_path: Path) -> None:
    profile = write(tmp_path, realserver("lo"))
    solo.ip(f"address add {VIP}/32 dev lo label lo:0 valid_lft 500 preferred_lft 400")

    lvsdr(solo, "realserver", "apply", profile)
    held = lifetimes(solo, VIP)
    plain = json.loads(record(solo).read_text())
    (kept,) = (each["attributes"] for each in plain["baseline"] if each["key"][0] == "address")
    kept["valid_until"], kept["preferred_until"] = (
        kept[f"{each}_until"] - 100 for each in ("valid", "preferred")
    )
    record(solo).write_text(json.dumps(plain))
    lvsdr(solo, "realserver", "withdraw", profile)
    valid, preferred = lifetimes(solo, VIP)

    # ip's word for ever.
    assert held == (4294967295, 4294967295)
    assert 300 <= valid <= 400
    assert 200 <= preferred == valid - 100


@pytest.mark.parametrize("vip", [VIP, VIP6])
def test_a_vip_that_would_expire_stays_for_good(solo: Host, tmp_path: Path, vip: str) -> None:
    """It is all as the profile says, and gone ten minutes later."""
    server = virtual_server(vip, ["fd00::11"] if vip == VIP6 else [RIPS[0]])
    profile = write(tmp_path, director(server))
    label = "label eth0:0" if vip == VIP else "nodad"
    times = "valid_lft 500 preferred_lft " + ("400" if vip == VIP else "0")
    solo.ip(f"address add {vip}/{32 if vip == VIP else 128} dev eth0 {label} {times}")

    planned = lvsdr(solo, "director", "plan", profile, expect=1)
    lvsdr(solo, "director", "apply", profile)
    held, again = lifetimes(solo, vip), lvsdr(solo, "director", "plan", profile)
    lvsdr(solo, "director", "withdraw", profile)

    assert ", for a time)" in planned
    assert held[0] == 4294967295
    assert again == "nothing to change\n"
    assert 300 <= lifetimes(solo, vip)[0] <= 500


def test_the_way_to_the_subnet_does_not_go_with_a_wide_vip(solo: Host, tmp_path: Path) -> None:
    """IPv6 holds an address of a link once, so that a host address takes the wide one's place."""
    profile = write(tmp_path, director(virtual_server(VIP6, ["fd00::11"])))
    solo.ip("address del fd00::10/64 dev eth0", f"address add {VIP6}/64 dev eth0 nodad")
    before = state(solo)

    told = refused(solo, "director", "apply", profile, expect=6)
    untouched = state(solo)
    solo.ip("address add fd00::10/64 dev eth0 nodad")
    lvsdr(solo, "director", "apply", profile)

    assert "the only address in fd00::/64, and the way there would go with it" in told
    assert untouched == before
    assert "fd00::/64 dev eth0" in solo.run("ip", "-6", "route").stdout


def test_two_wide_vips_do_not_keep_the_way_for_each_other(solo: Host, tmp_path: Path) -> None:
    servers = (virtual_server(each, ["fd00::11"]) for each in (VIP6, "fd00::3"))
    profile = write(tmp_path, director(*servers))
    solo.ip(
        "address del fd00::10/64 dev eth0",
        *(f"address add {each}/64 dev eth0 nodad" for each in (VIP6, "fd00::3")),
    )
    before = state(solo)

    told = refused(solo, "director", "apply", profile, expect=6)

    assert "the only address in fd00::/64, and the way there would go with it" in told
    assert state(solo) == before


def test_without_that_guard_the_way_is_gone(solo: Host) -> None:
    solo.ip(
        f"address add {VIP6}/64 dev eth0 nodad",
        "address del fd00::10/64 dev eth0",
        f"address del {VIP6}/64 dev eth0",
        f"address add {VIP6}/128 dev eth0 nodad",
    )

    assert "fd00::/64" not in solo.run("ip", "-6", "route").stdout


def test_an_address_whose_time_was_over_is_not_given_back(solo: Host, tmp_path: Path) -> None:
    profile = write(tmp_path, realserver("lo"))
    solo.ip(f"address add {VIP}/32 dev lo label lo:0 valid_lft 2 preferred_lft 2")

    lvsdr(solo, "realserver", "apply", profile)
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    settled(lambda: float(Path("/proc/uptime").read_text().split()[0]) > uptime + 3, True)
    held = VIP in solo.run("ip", "address").stdout
    lvsdr(solo, "realserver", "withdraw", profile)

    assert held
    assert VIP not in solo.run("ip", "address").stdout


@pytest.mark.parametrize(
    "how",
    [
        f"blackhole {GUARD}",
        f"blackhole {GUARD} proto 77 mtu 1400 src 192.168.1.10",
        f"unreachable {GUARD}",
    ],
)
def test_a_route_in_the_place_of_the_guard_comes_back_in_every_attribute(
    solo: Host, tmp_path: Path, how: str
) -> None:
    profile = write(tmp_path, realserver("dummy"))
    solo.ip(f"route add {how}")
    before = state(solo)

    lvsdr(solo, "realserver", "apply", profile)
    applied = state(solo)
    lvsdr(solo, "realserver", "withdraw", profile)

    assert applied != before
    assert state(solo) == before


def test_a_table_and_settings_come_back_in_every_attribute(solo: Host, tmp_path: Path) -> None:
    wanted = director(timeouts={"tcp": 77}, sysctls={"expire_nodest_conn": 1})
    profile = write(tmp_path, wanted)
    solo.run("ipvsadm", "-R", text=TABLE)
    solo.run("ipvsadm", "--set", "101", "102", "103")
    timeouts = solo.run("ipvsadm", "-L", "--timeout").stdout
    before = state(solo)

    lvsdr(solo, "director", "apply", profile)
    applied = state(solo)
    lvsdr(solo, "director", "withdraw", profile)

    assert applied != before
    assert state(solo) == before
    assert solo.run("ipvsadm", "-L", "--timeout").stdout == timeouts


def test_without_what_is_kept_the_attributes_are_lost(solo: Host, tmp_path: Path) -> None:
    """The record of an older version has none: the address comes back, the rest does not."""
    profile = write(tmp_path, realserver("lo"))
    solo.ip(f"address add {VIP}/32 brd {VIP} dev lo label lo:0")

    lvsdr(solo, "realserver", "apply", profile)
    as_before(solo)
    lvsdr(solo, "realserver", "withdraw", profile)
    (found,) = (each for each in addresses(solo) if each.get("local") == VIP)

    assert (found["label"], found["scope"]) == ("lo:0", "global")
    assert "broadcast" not in found


# --- what others have taken away -----------------------------------------------------------------


ADOPTED = (
    f"ipvsadm -A -t {VIP}:80 -s rr",
    f"ipvsadm -a -t {VIP}:80 -r 192.168.1.11:80 -g -w 7",
    f"ip address add {VIP}/32 dev eth0",
)


@pytest.mark.parametrize(
    "taken",
    [
        ("ipvsadm -C", f"ip address del {VIP}/32 dev eth0"),
        ("ipvsadm -C",),
        (f"ip address del {VIP}/32 dev eth0",),
        (f"ipvsadm -d -t {VIP}:80 -r 192.168.1.11:80",),
        (f"ipvsadm -d -t {VIP}:80 -r 192.168.1.11:80", f"ip address del {VIP}/32 dev eth0"),
        ("ip link del eth0",),
        ("ipvsadm -C", "ip link del eth0"),
    ],
    ids=" ; ".join,
)
def test_what_others_have_taken_away_is_not_brought_back(
    solo: Host, tmp_path: Path, taken: tuple[str, ...]
) -> None:
    """Never is the VIP on the link, not for a moment: another director may be active."""
    profile = write(tmp_path, director())
    for command in ADOPTED:
        solo.run(*command.split())

    lvsdr(solo, "director", "apply", profile)
    for command in taken:
        solo.run(*command.split())
    with monitored(solo) as heard:
        lvsdr(solo, "director", "withdraw", profile)
    table = solo.run("ipvsadm", "-Sn").stdout

    gone = "address del" in " ".join(taken) or "link del" in " ".join(taken)
    assert (VIP in solo.run("ip", "address").stdout) is not gone
    assert not gone or VIP not in "".join(heard)
    assert ("192.168.1.11:80" in table) is ("ipvsadm" not in " ".join(taken))
    assert ("-A -t" in table) is ("ipvsadm -C" not in taken)
    assert "192.168.1.12" not in table


@pytest.mark.parametrize("role", ["director", "realserver"])
def test_a_second_withdraw_has_nothing_to_say_of_what_others_had_made(
    solo: Host, tmp_path: Path, role: str
) -> None:
    wanted = director() if role == "director" else realserver("lo")
    profile = write(tmp_path, wanted)
    label, guard = ("eth0:0", "") if role == "director" else ("lo:0", f"unreachable {GUARD}")
    solo.ip(f"address add {VIP}/32 dev {label.partition(':')[0]} label {label}")
    if guard:
        solo.ip(f"route add {guard}")
    before = state(solo)

    for _ in range(2):
        lvsdr(solo, role, "apply", profile)
        lvsdr(solo, role, "withdraw", profile)
        again = lvsdr(solo, role, "withdraw", profile)
        assert again == "nothing to change\n"
        assert state(solo) == before
    record(solo).unlink()
    unknown = lvsdr(solo, role, "withdraw", profile, expect=1)

    assert "no record says that lvsdr has put it there" in unknown


def test_without_the_question_the_vip_is_on_the_link_for_a_moment(
    solo: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault is real: all that was there before is put back, as far as the kernel takes it."""
    profile = write(tmp_path, director())
    for command in ADOPTED:
        solo.run(*command.split())
    lvsdr(solo, "director", "apply", profile)
    solo.run("ipvsadm", "-C")
    solo.ip(f"address del {VIP}/32 dev eth0")
    monkeypatch.setattr(planned_situations, "left_to_others", lambda *_: ())

    def withdraw() -> str:
        with LinuxKernel() as kernel, pytest.raises(KernelError) as failed:
            workflow.withdraw(read(profile, "director"), kernel, Book(namespace.identity()))
        return failed.value.message

    with monitored(solo) as heard:
        message = solo.inside(withdraw)
    monkeypatch.undo()
    lvsdr(solo, "director", "withdraw", profile)

    assert "(ESRCH)" in message
    assert VIP in "".join(heard)


def test_a_setting_that_others_have_changed_since_is_theirs(solo: Host, tmp_path: Path) -> None:
    profile = write(tmp_path, realserver("dummy"))
    solo.sysctl("net/ipv4/conf/all/arp_ignore", 0)

    lvsdr(solo, "realserver", "apply", profile)
    solo.sysctl("net/ipv4/conf/all/arp_ignore", 2)
    said = lvsdr(solo, "realserver", "withdraw", profile)

    assert "arp_ignore = 2 stays: others have changed it since" in said
    assert solo.run("cat", "/proc/sys/net/ipv4/conf/all/arp_ignore").stdout == "2\n"
    assert solo.run("cat", "/proc/sys/net/ipv4/conf/all/arp_announce").stdout == "0\n"


def test_a_weight_that_a_checker_has_set_since_stays(solo: Host, tmp_path: Path) -> None:
    profile = write(tmp_path, director())
    for command in ADOPTED:
        solo.run(*command.split())

    lvsdr(solo, "director", "apply", profile)
    solo.run(*f"ipvsadm -e -t {VIP}:80 -r 192.168.1.11:80 -g -w 0".split())
    lvsdr(solo, "director", "withdraw", profile)

    assert "-r 192.168.1.11:80 -g -w 0" in solo.run("ipvsadm", "-Sn").stdout


# --- links that were renamed ---------------------------------------------------------------------


def test_a_renamed_link_is_followed(solo: Host, tmp_path: Path) -> None:
    profile = write(tmp_path, director())
    lvsdr(solo, "director", "apply", profile)
    solo.ip("link set eth0 down", "link set eth0 name ens18", "link set ens18 up")
    shown = solo.run("ip", "address", "show", "dev", "ens18").stdout

    said = lvsdr(solo, "director", "withdraw", profile)

    assert f"{VIP}/32" in shown
    assert f"- {VIP}/32 on ens18" in said
    assert VIP not in solo.run("ip", "address").stdout
    assert solo.run("ipvsadm", "-Sn").stdout == ""


def test_a_renamed_holder_and_its_settings_are_followed(solo: Host, tmp_path: Path) -> None:
    profile = write(tmp_path, realserver("dummy", arp_scope="links"))
    settings = "grep -H . /proc/sys/net/ipv4/conf/e*/arp_ignore"
    for link in ("eth0", "wire0"):
        solo.sysctl(f"net/ipv4/conf/{link}/arp_ignore", 0)
    lvsdr(solo, "realserver", "apply", profile)
    for old, new in (("lvsdr0", "mine0"), ("eth0", "ens18")):
        solo.ip(f"link set {old} down", f"link set {old} name {new}", f"link set {new} up")
    raised = solo.run("sh", "-c", settings).stdout

    lvsdr(solo, "realserver", "withdraw", profile)

    assert raised.endswith("ens18/arp_ignore:1\n")
    assert solo.run("sh", "-c", settings).stdout.endswith("ens18/arp_ignore:0\n")
    assert "mine0" not in solo.run("ip", "link").stdout
    assert VIP not in solo.run("ip", "address").stdout


def test_a_record_of_an_older_version_says_what_it_has_left(solo: Host, tmp_path: Path) -> None:
    """lvsdr/baseline/2 as it was has no numbers of links: the link cannot be followed."""
    profile = write(tmp_path, director())
    lvsdr(solo, "director", "apply", profile)
    as_before(solo)
    solo.ip("link set eth0 down", "link set eth0 name ens18", "link set ens18 up")

    said = lvsdr(solo, "director", "withdraw", profile, expect=1)

    assert f"= address {VIP}/32 on ens18 stays: lvsdr put it on eth0, which is gone" in said
    assert VIP in solo.run("ip", "address").stdout


# --- records -------------------------------------------------------------------------------------


def record(host: Host) -> Path:
    """Return where the record of a host is."""
    return Book(host.inside(namespace.identity)).path


def as_before(host: Host) -> None:
    """Make a record what the first versions of lvsdr/baseline/2 wrote."""
    path = record(host)
    make_former(Book(path.stem), "links", "origins")
    plain = json.loads(path.read_text())
    plain["baseline"] = [
        {name: each[name] for name in ("key", "before")} for each in plain["baseline"]
    ]
    path.write_text(json.dumps(plain))


@pytest.mark.parametrize("role", ["director", "realserver"])
def test_a_record_of_the_version_before_is_read(solo: Host, tmp_path: Path, role: str) -> None:
    profile = write(tmp_path, director() if role == "director" else realserver("dummy"))
    before = state(solo)
    lvsdr(solo, role, "apply", profile)
    as_before(solo)

    planned = lvsdr(solo, role, "plan", profile)
    lvsdr(solo, role, "withdraw", profile)

    assert planned == "nothing to change\n"
    assert state(solo) == before
    assert not record(solo).exists()


@pytest.mark.parametrize("role", ["director", "realserver"])
def test_of_an_unknown_record_nothing_is_lost_from_sight(
    solo: Host, tmp_path: Path, role: str
) -> None:
    profile = write(tmp_path, director() if role == "director" else realserver("dummy"))
    before = addresses(solo), routes(solo), solo.run("ipvsadm", "-Sn").stdout
    lvsdr(solo, role, "apply", profile)
    path = record(solo)
    path.write_text(path.read_text().replace(FORMAT, "lvsdr/baseline/77"))
    applied = state(solo)

    said = [
        refused(solo, *words, expect=6)
        for words in (
            (role, "plan", profile),
            (role, "apply", profile),
            (role, "status", profile),
            (role, "withdraw", profile),
            ("status",),
        )
    ]
    path.unlink()
    left = lvsdr(solo, role, "withdraw", profile, expect=1)
    stayed = state(solo)
    lvsdr(solo, role, "withdraw", "--without-record", profile)

    assert all(f"rm {path}" in each and "--without-record" in each for each in said)
    assert "nothing to change" not in left
    assert f"= address {VIP}/32 on" in left
    assert stayed == applied
    assert (addresses(solo), routes(solo), solo.run("ipvsadm", "-Sn").stdout) == before
    assert lvsdr(solo, role, "withdraw", profile) == "nothing to change\n"


def test_what_is_applied_is_listed_and_withdrawn_without_its_file(
    solo: Host, tmp_path: Path
) -> None:
    before = state(solo)
    profiles = [write(tmp_path, each) for each in (director(), realserver("dummy", name="rs"))]
    for profile in profiles:
        lvsdr(solo, profile.stem, "apply", profile)
        profile.unlink()

    said = json.loads(lvsdr(solo, "status", "--format", "json"))
    for each in said["profiles"]:
        lvsdr(solo, each["role"], "withdraw", "--name", each["name"])

    assert {(each["role"], each["name"], each["file"]) for each in said["profiles"]} == {
        ("director", "web", str(profiles[0])),
        ("realserver", "rs", str(profiles[1])),
    }
    assert lvsdr(solo, "status") == "nothing is applied on this host\n"
    assert addresses(solo) == before[0]
    assert solo.run("ipvsadm", "-Sn").stdout == ""


def test_who_keeps_what_is_withdrawn_is_said(solo: Host, tmp_path: Path) -> None:
    one, two = (write(tmp_path, realserver("dummy", name=name), name) for name in ("one", "two"))
    for profile in (one, two):
        lvsdr(solo, "realserver", "apply", profile)

    said = lvsdr(solo, "realserver", "withdraw", one)
    held = VIP in solo.run("ip", "address").stdout
    lvsdr(solo, "realserver", "withdraw", two)

    assert f"{VIP}/32 on lvsdr0 stays: profile realserver:two holds it too" in said
    assert "nothing to change" not in said
    assert held
    assert VIP not in solo.run("ip", "address").stdout
