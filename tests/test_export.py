"""`lvsdr export`: files of other programs, what they cannot hold, and where they are put."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given

from fuzz.profiles import directors, realservers, times
from lvsdr.cli.main import run
from lvsdr.cli.session import Session
from lvsdr.errors import CannotRun, ProfileError
from lvsdr.formats.export_formats import EXPORT_FORMATS
from lvsdr.formats.networkd import settings
from lvsdr.model.exported import NewFile
from test_keepalived_conf import needs_keepalived
from test_keepalived_config import LINK

Document = dict[str, Any]
OF_THE_TABLE = [name for name, each in EXPORT_FORMATS.items() if each.of_the_table]
OF_LINKS = [name for name in EXPORT_FORMATS if name not in OF_THE_TABLE]
RS1 = {"rip": "192.168.1.11"}
VIP = "192.168.1.2"
CONNECTION = """[connection]
id=uplink
interface-name=eth0

[ipv4]
address1=192.168.1.10/24,192.168.1.1
method=manual

[proxy]
"""


def director(*services: Document, **fields: Any) -> Document:
    web = {"vip": VIP, "protocol": "tcp", "port": 80, "real_servers": [RS1]}
    return {
        "role": "director",
        "name": "web",
        "interface": "eth0",
        "vips": [{"address": VIP}],
        "virtual_servers": [{**web, **each} for each in services or ({},)],
        **fields,
    }


def realserver(**fields: Any) -> Document:
    return {"role": "realserver", "name": "rs", "interface": "eth0", "vips": [VIP], **fields}


def exported(folder: Path, format_: str, data: Document, *words: str) -> tuple[int, str, str]:
    path = folder / "profile.json"
    path.write_text(json.dumps(data))
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(("export", format_, str(path), *words), Session())
    return code, out.getvalue(), err.getvalue()


def files(folder: Path, format_: str, data: Document, *words: str) -> dict[str, str]:
    """Return the text of each file, by its path."""
    code, out, err = exported(folder, format_, data, "--format", "json", *words)
    assert (code in (0, 1), err) == (True, ""), out
    return {each["path"]: each["text"] for each in json.loads(out)["files"]}


def losses(folder: Path, format_: str, data: Document) -> dict[str, str]:
    """Return what is said to be lost, with its severity."""
    _, out, _ = exported(folder, format_, data, "--format", "json")
    found = json.loads(out)["findings"]
    assert {each["rule"] for each in found} <= {"EXPORT-LOST"}
    return {each["message"]: each["severity"] for each in found}


# What is printed, and what is written.


def test_one_file_is_printed_as_it_is(tmp_path: Path) -> None:
    code, out, err = exported(tmp_path, "ipvsadm", director())

    assert out == f"-A -t {VIP}:80 -s wlc\n-a -t {VIP}:80 -r 192.168.1.11:80 -g -w 1\n"
    assert (code, err.splitlines()) == (
        0,
        [
            "lvsdr: warning: EXPORT-LOST: web: ipvsadm does not hold the VIPs",
            "  look: lvsdr export networkd, ifupdown, netplan or networkmanager",
        ],
    )


def test_ipvsadm_is_not_given_a_shell_s_quotes(tmp_path: Path) -> None:
    six = {"vip": "fd00::2", "real_servers": [{"rip": "fd00::11"}]}

    _, out, _ = exported(tmp_path, "ipvsadm", director(six, vips=[{"address": "fd00::2"}]))

    assert out.splitlines()[1] == "-a -t [fd00::2]:80 -r [fd00::11]:80 -g -w 1"


def test_several_files_are_each_printed_below_their_path_silence_first(tmp_path: Path) -> None:
    code, out, _ = exported(tmp_path, "networkd", realserver())

    assert code == 0
    assert [line for line in out.splitlines() if line.startswith("# /")] == [
        "# /etc/sysctl.d/90-lvsdr.conf",
        "# /etc/systemd/network/05-lvsdr0.netdev",
        "# /etc/systemd/network/05-lvsdr0.network",
    ]


def test_files_are_written_below_a_folder_as_they_are_printed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    wanted = files(tmp_path, "networkmanager", realserver())

    code, said, _ = exported(tmp_path, "networkmanager", realserver(), "--out", str(out))

    assert code == 0
    assert said == "".join(f"wrote {out}{path}\n" for path in wanted)
    assert {f"/{each.relative_to(out)}": each.read_text() for each in tree(out)} == wanted
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tree(out)}
    # NetworkManager takes none that others may read.
    assert modes == {"90-lvsdr.conf": 0o644, "lvsdr-lvsdr0.nmconnection": 0o600}


def tree(folder: Path) -> list[Path]:
    return [each for each in sorted(folder.rglob("*")) if not each.is_dir() or each.is_symlink()]


@pytest.mark.parametrize("there", ["file", "dangling"])
def test_a_file_that_is_there_is_never_written_over_and_then_none_is(
    tmp_path: Path, there: str
) -> None:
    last = tmp_path / "out/etc/systemd/network/05-lvsdr0.network"
    last.parent.mkdir(parents=True)
    if there == "file":
        last.write_text("theirs")
    else:
        last.symlink_to(tmp_path / "nowhere")

    code, out, err = exported(tmp_path, "networkd", realserver(), "--out", str(tmp_path / "out"))

    assert (code, out) == (2, "")
    assert err.startswith(f"lvsdr: cannot write {last}: it is there already (EEXIST)\n")
    assert tree(tmp_path / "out") == [last]
    assert not (tmp_path / "nowhere").exists()
    assert not (tmp_path / "out/etc/sysctl.d").exists()


def test_where_one_cannot_be_written_none_is_left_nor_a_folder(tmp_path: Path) -> None:
    (tmp_path / "out/etc").mkdir(parents=True)
    (tmp_path / "out/etc/systemd").write_text("no folder")

    code, _, err = exported(tmp_path, "networkd", realserver(), "--out", str(tmp_path / "out"))

    assert code == CannotRun.exit_code
    assert "cannot write" in err and "not a directory" in err
    assert [each.name for each in sorted((tmp_path / "out/etc").iterdir())] == ["systemd"]


def test_where_writing_stops_in_the_middle_none_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lvsdr.core import new_files

    synced: list[int] = []

    def full(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) > 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    two = [NewFile("/a/one", ("1",)), NewFile("/b/two", ("2",))]

    with pytest.raises(CannotRun, match="no space left on device"):
        new_files.new_files(tmp_path, two)

    assert list(tmp_path.iterdir()) == []


# Usage.


def test_the_table_is_of_directors_alone(tmp_path: Path) -> None:
    for format_ in OF_THE_TABLE:
        code, out, err = exported(tmp_path, format_, realserver())

        assert (code, out) == (2, "")
        assert "director" in err


@pytest.mark.parametrize("format_", ["networkd", "networkmanager"])
def test_the_file_of_the_interface_has_to_be_named(tmp_path: Path, format_: str) -> None:
    code, _, err = exported(tmp_path, format_, director())

    assert code == 2
    assert "no profile says" in err and "--beside" in err


@pytest.mark.parametrize(
    ("format_", "data"),
    [("netplan", director()), ("networkd", realserver()), ("ipvsadm", director())],
)
def test_beside_is_refused_where_it_would_do_nothing(
    tmp_path: Path, format_: str, data: Document
) -> None:
    code, _, err = exported(tmp_path, format_, data, "--beside", "10-eth0.network")

    assert (code, "cannot use --beside" in err) == (2, True)


def test_a_drop_in_is_named_for_its_file_and_only_for_one_of_networkd(tmp_path: Path) -> None:
    made = files(tmp_path, "networkd", director(), "--beside", "/run/systemd/network/1.network")
    code, _, err = exported(tmp_path, "networkd", director(), "--beside", "eth0.netdev")

    assert list(made) == ["/etc/systemd/network/1.network.d/lvsdr.conf"]
    assert (code, "no name of a file of networkd" in err) == (2, True)


def test_profiles_of_one_host_come_together(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(json.dumps(director({"port": 81}, name="other")))

    both = files(tmp_path, "ipvsadm", director(), str(other))["/etc/ipvsadm.rules"]
    code, _, err = exported(tmp_path, "keepalived", director(), str(other))

    assert [line for line in both.splitlines() if line.startswith("-A")] == [
        f"-A -t {VIP}:80 -s wlc",
        f"-A -t {VIP}:81 -s wlc",
    ]
    assert (code, "several profiles" in err) == (2, True)


@pytest.mark.parametrize(
    "name", ['a"b', "eth*", "e'th", "a#b", "a=b", "[eth]", "-eth", "ethé", "$x"]
)
@pytest.mark.parametrize("format_", OF_LINKS)
def test_a_hostile_name_is_refused(tmp_path: Path, format_: str, name: str) -> None:
    held = realserver(holder_link=name)
    asked = realserver(interface=name, rp_filter=2)

    for data in (held, asked) if format_ != "sysctl.d" else (asked,):
        code, out, err = exported(tmp_path, format_, data)

        assert (code, out) == (2, "")
        assert "cannot export the name" in err


@pytest.mark.parametrize("format_", ["netplan", "ifupdown", "networkd", "keepalived"])
@pytest.mark.parametrize("label", ["eth0:'", 'eth0:"', "eth0:#", "eth0:$(x)", "eth0:\\"])
def test_a_hostile_label_is_refused(tmp_path: Path, format_: str, label: str) -> None:
    beside_ = ("--beside", "10-eth0.network") if format_ == "networkd" else ()

    code, out, err = exported(
        tmp_path, format_, director(vips=[{"address": VIP, "label": label}]), *beside_
    )

    assert (code, out) == (2, "")
    assert "cannot" in err


def test_modules_come_before_the_settings_that_are_theirs(tmp_path: Path) -> None:
    of_ipvs = files(tmp_path, "sysctl.d", director(sysctls={"expire_nodest_conn": 1}))
    of_a_tunnel = files(tmp_path, "sysctl.d", realserver(holder="tunl0"))

    for made, module, setting in (
        (of_ipvs, "ip_vs", "net/ipv4/vs/expire_nodest_conn = 1"),
        (of_a_tunnel, "ipip", "net/ipv4/conf/tunl0/rp_filter = 2"),
    ):
        modules, settings_ = made.values()
        assert list(made) == [
            "/etc/modules-load.d/lvsdr-export.conf",
            "/etc/sysctl.d/90-lvsdr.conf",
        ]
        assert modules.splitlines()[-1] == module
        assert setting in settings_.splitlines()


def test_a_link_with_a_dot_keeps_it(tmp_path: Path) -> None:
    text = files(tmp_path, "sysctl.d", realserver(interface="eth0.100", rp_filter=2))

    assert "net/ipv4/conf/eth0.100/rp_filter = 2" in text["/etc/sysctl.d/90-lvsdr.conf"]


def test_a_daemon_on_a_hostile_link_is_refused_to_ipvsadm(tmp_path: Path) -> None:
    daemon = {"state": "master", "syncid": 1, "interface": "a#b"}

    code, _, err = exported(tmp_path, "ipvsadm", director(sync_daemons=[daemon]))

    assert (code, "cannot export the name 'a#b'" in err) == (2, True)


# What is lost.


def test_what_clients_would_see_is_an_error_and_exit_1(tmp_path: Path) -> None:
    data = director({"sorry_server": {"rip": "192.168.1.99"}}, health={})

    code, _, _ = exported(tmp_path, "ipvsadm", data)
    found = losses(tmp_path, "ipvsadm", data)

    assert code == 1
    lost = f"tcp {VIP}:80: ipvsadm"
    assert found == {
        f"{lost} checks no real server: one that dies goes on to be sent connections": "error",
        f"{lost} has no sorry server: 192.168.1.99:80 would never be sent a connection": "error",
        "web: ipvsadm does not hold the VIPs": "warning",
    }


def test_what_is_lost_of_many_services_is_said_once(tmp_path: Path) -> None:
    found = losses(tmp_path, "ipvsadm", director(*({"port": n} for n in range(1, 9)), health={}))

    checks = [each for each in found if "checks" in each]
    assert len(checks) == 1
    assert checks[0].startswith(f"tcp {VIP}:1, tcp {VIP}:2, tcp {VIP}:3 and 5 more: ")


@pytest.mark.parametrize(
    "service",
    [
        {"protocol": "sctp"},
        {"protocol": "udp", "persistence": 5, "persistence_engine": "sip"},
        {"real_servers": [{"rip": "fd00::1", "forwarding_method": "tunnel"}]},
        {
            "real_servers": [
                {**RS1, "forwarding_method": "tunnel", "tunnel_type": "gre"},
            ]
        },
    ],
)
def test_ldirectord_is_not_given_what_it_would_misread(tmp_path: Path, service: Document) -> None:
    data = director(service)

    text = files(tmp_path, "ldirectord", data)["/etc/ha.d/ldirectord.cf"]

    assert "virtual" not in text
    assert "error" in losses(tmp_path, "ldirectord", data).values()


def test_ldirectord_is_not_given_a_sorry_server_of_another_family(tmp_path: Path) -> None:
    data = director({"sorry_server": {"rip": "fd00::9", "forwarding_method": "tunnel"}})

    text = files(tmp_path, "ldirectord", data)["/etc/ha.d/ldirectord.cf"]

    assert f"virtual={VIP}:80" in text and "fallback" not in text
    assert "error" in losses(tmp_path, "ldirectord", data).values()


def test_keepalived_is_not_given_a_service_that_it_ignores(tmp_path: Path) -> None:
    data = director({"real_servers": [{**RS1, "weight": 0}]}, {"port": 81})

    text = files(tmp_path, "keepalived", data)["/etc/keepalived/keepalived.conf"]

    assert f"virtual_server {VIP} 81" in text and f"virtual_server {VIP} 80" not in text
    assert "error" in losses(tmp_path, "keepalived", data).values()


def test_daemons_of_both_states_are_keepalived_s_to_switch(tmp_path: Path) -> None:
    each = {"syncid": 3, "interface": "eth1"}
    both = director(sync_daemons=[{"state": state, **each} for state in ("master", "backup")])
    one = director(sync_daemons=[{"state": "master", **each}])

    text = files(tmp_path, "keepalived", both)["/etc/keepalived/keepalived.conf"]

    assert "lvs_sync_daemon eth1 VI_1 id 3 maxlen 1472 port 8848 ttl 1 group 224.0.0.81" in text
    assert not any("daemons" in said for said in losses(tmp_path, "keepalived", both))
    assert any("sync daemons" in said for said in losses(tmp_path, "keepalived", one))


def test_a_check_of_literal_text_is_a_pattern_for_just_that_text(tmp_path: Path) -> None:
    found = 'a+b "#" é {$x}'
    check = {"http": {"path": '/x"y', "contains": found, "status": "200-299"}}

    text = files(tmp_path, "ldirectord", director({"health": {"check": check}}))

    said = text["/etc/ha.d/ldirectord.cf"]
    pattern = re.search(r'receive="(.*)"', said)
    assert pattern is not None and not set(pattern[1]) & set('"#$@/')
    assert 'request="/x%22y"' in said
    perl = "print 'it is' if <STDIN> =~ /$ARGV[0]/"
    done = subprocess.run(
        ["perl", "-e", perl, pattern[1]],
        input=f"so {found} so".encode(),
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"it is"


@pytest.mark.parametrize("format_", ["netplan", "ifupdown"])
def test_of_a_pair_files_that_hold_the_vips_are_an_error(tmp_path: Path, format_: str) -> None:
    daemons = [{"state": state, "syncid": 1} for state in ("master", "backup")]
    pair = director(standby="synced", sync_daemons=daemons)

    found = losses(tmp_path, format_, pair)

    assert [severity for said, severity in found.items() if "standby" in said] == ["error"]


def test_vips_of_keepalived_s_are_no_manager_s(tmp_path: Path) -> None:
    code, _, err = exported(tmp_path, "ifupdown", director(vips_owner="keepalived"))

    assert (code, "no VIP in it is lvsdr's to hold" in err) == (2, True)


# NetworkManager's connection.


def beside(folder: Path, text: str, data: Document) -> tuple[int, str, str]:
    path = folder / "uplink.nmconnection"
    path.write_text(text)
    return exported(folder, "networkmanager", data, "--beside", str(path))


def test_a_connection_gets_the_vips_behind_its_own_addresses(tmp_path: Path) -> None:
    vips = [{"address": VIP, "label": "eth0"}, {"address": "fd00::2"}]

    code, out, err = beside(tmp_path, CONNECTION, director(vips=vips))
    again = beside(tmp_path, out, director(vips=vips))[1]

    said = list(settings(out))
    assert code == 0
    assert [each for each in said if each[0] == "ipv4"] == [
        ("ipv4", "address1", "192.168.1.10/24,192.168.1.1"),
        ("ipv4", "method", "manual"),
        ("ipv4", "address2", f"{VIP}/32"),
    ]
    assert ("ipv6", "address1", "fd00::2/128") in said
    assert [line for line in out.splitlines() if line in CONNECTION.splitlines()] == (
        CONNECTION.splitlines()
    )
    assert again == out
    assert "deprecate" in err and "label" not in err


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (CONNECTION.replace("eth0", "eth1"), "it is no connection with interface-name=eth0"),
        (CONNECTION.replace("method=manual", "method=disabled"), "its ipv4.method is disabled"),
        ("", "it is no connection"),
    ],
)
def test_a_connection_that_cannot_hold_them_is_refused(tmp_path: Path, text: str, why: str) -> None:
    code, out, err = beside(tmp_path, text, director())

    assert (code, out, why in err) == (2, "", True)


# Any profile.


@contextmanager
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


@pytest.mark.parametrize("format_", OF_THE_TABLE)
@given(data=directors())
@times(40, 20_000)
def test_any_director_has_a_table_to_export(format_: str, data: Document) -> None:
    with folder() as here:
        code, out, err = exported(here, format_, data)

    assert code in (0, 1), err
    assert (code == 1) == ("error: " in err)
    if format_ == "ipvsadm":
        assert not set(out) & set("#'\"\\")
        assert all(line.split() == shlex.split(line) for line in out.splitlines())


@pytest.mark.parametrize("format_", OF_LINKS)
@given(data=directors() | realservers())
@times(40, 20_000)
def test_any_profile_is_exported_or_refused_with_a_reason(format_: str, data: Document) -> None:
    with folder() as here:
        code, out, err = exported(here, format_, data)

    assert (code == ProfileError.exit_code) is (out == "")
    assert ("hint: " in err) is (code == ProfileError.exit_code)


@given(data=directors())
@times(8, 1000)
def test_keepalived_takes_whatever_is_exported_to_it(data: Document) -> None:
    data |= {"interface": LINK, "vips": [{"address": each["address"]} for each in data["vips"]]}
    needs_keepalived()
    with folder() as here:
        code, out, err = exported(here, "keepalived", data)
        assert code in (0, 1), err
        conf = here / "keepalived.conf"
        conf.write_text(out)
        done = subprocess.run(
            ["keepalived", "-t", "-f", str(conf)], capture_output=True, text=True, check=False
        )

    assert done.returncode == 0, done.stderr + out
