"""A table that a real keepalived owns, from the configuration that lvsdr writes for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import program
import pytest
from keepers import keeping
from rig import (
    RIPS,
    VIP,
    Document,
    Rig,
    director,
    lvsdr,
    realserver,
    rig,
    settled,
    virtual_server,
    write,
)
from witnesses import ipvsadm

from lvsdr.formats.keepalived.track_files import DOWN, UP, track_file_name
from lvsdr.lab.services import ask, serving
from lvsdr.model.ipvs import RealServer, Service

LIMIT = 30.0
# With nothing else on the machine it takes at most three seconds.
IN_TIME = 3.0 if os.environ.get("LVSDR_TORTURE") else 9.0
WEB = Service("tcp", ip_address(VIP), 80)
SHORTLY = ("--seconds", "0.5")
HEALTH = {"interval": 0.5, "timeout": 0.4, "fall": 2}
FIRST, SECOND = (RealServer(WEB, ip_address(rip), 80) for rip in RIPS)


@dataclass
class Made:
    """A director whose table is keepalived's: the files that tell it who serves are in `files`."""

    rig: Rig
    folder: Path

    @property
    def files(self) -> Path:
        return self.folder / "track"

    @property
    def conf(self) -> Path:
        return self.folder / "keepalived.conf"

    def run(self, *words: str, expect: int = 0) -> str:
        return lvsdr(self.rig.lab.director, *words, expect=expect)

    def director(self, verb: str, *words: str, expect: int = 0) -> str:
        return self.run("director", verb, *words, str(self.rig.director), expect=expect)

    def verify(self, *, expect: int) -> Document:
        said: Document = json.loads(
            self.director("verify", *SHORTLY, "--format", "json", expect=expect)
        )
        return said

    def say(self, server: RealServer, word: str) -> None:
        """Put the file of a real server in place of the one that is there."""
        new = self.files / ".new"
        new.write_text(word)
        new.replace(self.files / track_file_name(server))

    def table(self) -> list[str]:
        return ipvsadm(self.rig.lab.director)

    def weights(self) -> dict[str, str]:
        lines = [line.split() for line in self.table()]
        return {words[4]: words[-1] for words in lines if words[0] == "-a"}

    def settles(self, weights: dict[str, str]) -> bool:
        return settled(self.weights, weights, LIMIT, every=0.1) == weights

    def log(self) -> str:
        return (self.folder / "log").read_text()[-3000:]


def weights(first: str, second: str) -> dict[str, str]:
    return {f"{RIPS[0]}:80": first, f"{RIPS[1]}:80": second}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    folder = tmp_path_factory.mktemp("keepalived")
    wanted = director(
        virtual_server(scheduler="rr", sorry_server={"rip": "192.168.1.77"}),
        table_owner="keepalived",
        health=HEALTH,
    )
    with rig(folder, wanted, realserver()) as cluster, ExitStack() as stack:
        for host, rip in zip(cluster.lab.realservers, RIPS, strict=True):
            lvsdr(host, "realserver", "apply", cluster.realserver)
            # keepalived asks the RIP, clients the VIP.
            stack.enter_context(serving(host, [WEB, Service("tcp", ip_address(rip), 80)]))
        made = Made(cluster, folder)
        made.files.mkdir()
        words = ("--virtual-servers", "--track-files", str(made.files))
        director_ = ("--allow-insecure-profile", "--director", str(cluster.director))
        made.conf.write_text(made.run("keepalived", "config", *director_, *words))
        yield made


@contextmanager
def keepalived(made: Made) -> Iterator[None]:
    """Let keepalived own the table inside the block, without its vrrp part."""
    pids = [f"--{part}pid={made.folder}/{part}pid" for part in ("", "checkers_")]
    command = ["keepalived", "-n", "-l", "-D", "-C", "-f", str(made.conf), *pids]
    with (made.folder / "log").open("a") as log:
        process = subprocess.Popen(
            ["nsenter", f"--net={made.rig.lab.director.path}", "--", *command],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(LIMIT)


def test_what_is_printed_is_sound(made: Made) -> None:
    checked = json.loads(made.run("keepalived", "check", str(made.conf), "--format", "json"))

    assert [each for each in checked["findings"] if each["severity"] == "error"] == []


def test_a_group_of_instances_is_sound(made: Made) -> None:
    made.rig.lab.director.ip(
        "link add eth7 type dummy",
        "link set eth7 multicast on",
        "address add 10.7.0.1/24 dev eth7",
        "link set eth7 up",
    )
    words = ("--sync-group", "G", "--sync-link", "eth7", "--director", str(made.rig.director))
    conf = made.folder / "group.conf"
    conf.write_text(made.run("keepalived", "config", "--allow-insecure-profile", *words))
    checked = json.loads(made.run("keepalived", "check", str(conf), "--format", "json"))
    made.rig.lab.director.ip("link delete eth7")

    assert [each for each in checked["findings"] if each["rule"] == "KEEPALIVED-SYNTAX"] == []


RICH = director(
    virtual_server(
        port=81,
        scheduler="mh",
        scheduler_flags=["mh-port", "mh-fallback"],
        persistence=300,
        persistence_prefix=24,
    ),
    virtual_server(port=82, method="masquerade", scheduler="wrr"),
    virtual_server(port=83, method="tunnel"),
    virtual_server(port=53, protocol="udp", one_packet=True),
    {"fwmark": 7, "real_servers": [{"rip": RIPS[0], "weight": 3}]},
    {
        **virtual_server(port=84),
        "real_servers": [{"rip": RIPS[0], "upper_threshold": 9, "lower_threshold": 3}],
    },
    table_owner="keepalived",
    health=None,
)


def test_what_is_printed_becomes_the_table_of_the_profile(made: Made) -> None:
    path = write(made.folder, RICH, "rich")
    words = ("keepalived", "config", "--allow-insecure-profile", "--virtual-servers")
    made.conf.rename(made.folder / "first.conf")
    made.conf.write_text(made.run(*words, "--director", str(path)))

    def states() -> dict[str, str]:
        done = program.run(
            made.rig.lab.director, "director", "status", str(path), "--format", "json"
        )
        servers = ("virtual_server", "real_server")
        rows = json.loads(done.stdout)["objects"]
        return {str(each["key"]): each["state"] for each in rows if each["object"] in servers}

    with ExitStack() as stack:
        # Else keepalived takes them out again, soon after it has entered them.
        for host, rip in zip(made.rig.lab.realservers, RIPS, strict=True):
            asked = (("tcp", 81), ("tcp", 82), ("tcp", 83), ("tcp", 84), ("udp", 53))
            here = [Service(protocol, ip_address(rip), port) for protocol, port in asked]
            stack.enter_context(serving(host, here))
        stack.enter_context(keepalived(made))
        seen = settled(lambda: set(states().values()), {"ok"}, LIMIT, every=0.5)
        told = states()
    (made.folder / "first.conf").replace(made.conf)

    assert seen == {"ok"}, (told, made.log())


def test_a_table_of_keepalived_is_looked_at_and_never_written(made: Made) -> None:
    made.director("apply")
    before = made.verify(expect=1)
    with keepalived(made):
        assert made.settles(weights("1", "1")), made.log()
        whole = made.verify(expect=0)
        status = made.director("status")
        made.say(FIRST, DOWN)
        assert made.settles(weights("0", "1")), made.log()
        one_out = made.verify(expect=0)
        for verb, code in (("plan", 0), ("apply", 0), ("status", 1)):
            made.director(verb, expect=code)
        drained = made.director("drain", "--rip", RIPS[1], expect=6)
        out = made.weights()
        answered = ask(made.rig.lab.client, WEB, made.rig.lab.client_addresses(4), 4)
        made.say(FIRST, UP)
        assert made.settles(weights("1", "1")), made.log()
        made.director("withdraw")
        after = made.weights()

    (missing,) = before["findings"]
    assert (missing["rule"], missing["hint"]) == ("TABLE-DIFFERS", None)
    assert whole["findings"] == []
    assert {each["verdict"] for each in whole["paths"]} == {"served"}
    assert all(rip in status for rip in RIPS)
    (taken_out,) = one_out["findings"]
    assert (taken_out["rule"], taken_out["rip"]) == ("TABLE-OUT", RIPS[0])
    assert drained == ""
    assert (out, after) == (weights("0", "1"), weights("1", "1"))
    assert answered[made.rig.lab.realservers[1].name] == 4


@pytest.mark.parametrize("word", ["1\n", "1", "-1\n", "7\n"])
def test_any_number_but_0_takes_a_real_server_out_at_once(made: Made, word: str) -> None:
    with keepalived(made):
        assert made.settles(weights("1", "1")), made.log()
        made.say(SECOND, word)
        assert made.settles(weights("1", "0")), made.log()
        made.say(SECOND, UP)
        assert made.settles(weights("1", "1")), made.log()


@pytest.mark.parametrize("word", ["", "junk\n", "0\n", None])
def test_a_file_that_says_nothing_takes_nobody_out(made: Made, word: str | None) -> None:
    with keepalived(made):
        made.say(SECOND, DOWN)
        assert made.settles(weights("1", "0")), made.log()
        if word is None:
            (made.files / track_file_name(SECOND)).unlink()
        else:
            made.say(SECOND, word)
        assert made.settles(weights("1", "1")), made.log()


def test_what_a_file_says_outlives_keepalived(made: Made) -> None:
    made.say(FIRST, DOWN)
    with keepalived(made):
        assert made.settles(weights("0", "1")), made.log()
    assert made.table() == []
    with keepalived(made):
        assert made.settles(weights("0", "1")), made.log()
        made.say(FIRST, UP)
        assert made.settles(weights("1", "1")), made.log()


def test_the_sorry_server_comes_where_no_other_serves_and_is_no_stranger(made: Made) -> None:
    made.director("apply")
    with keepalived(made):
        for each in (FIRST, SECOND):
            made.say(each, DOWN)
        assert settled(lambda: "192.168.1.77:80" in made.weights(), True, LIMIT), made.log()
        said = made.verify(expect=0)
        for each in (FIRST, SECOND):
            made.say(each, UP)
        assert made.settles(weights("1", "1")), made.log()
    made.director("withdraw")

    assert {each["rule"] for each in said["findings"]} == {"TABLE-OUT"}


def lost(made: Made) -> str:
    """Take the VIP from the first real server, whose service answers on its RIP still."""
    made.rig.lab.realservers[0].ip(f"address del {VIP}/32 dev lvsdr0")
    return f"address add {VIP}/32 dev lvsdr0 scope host"


def test_keepalived_alone_keeps_a_real_server_that_has_lost_the_vip(made: Made) -> None:
    with keepalived(made):
        assert made.settles(weights("1", "1")), made.log()
        back = lost(made)
        out = settled(made.weights, weights("0", "1"), IN_TIME + 1, every=0.1)
        made.rig.lab.realservers[0].ip(back)

    assert out == weights("1", "1")


def test_with_a_keeper_keepalived_takes_it_out_in_time(made: Made) -> None:
    host = made.rig.lab.director
    files = ("--track-files", str(made.files))
    with keepalived(made), keeping(host, "director", made.rig.director, *files) as keeper:
        assert made.settles(weights("1", "1")), made.log()
        back = lost(made)
        out = settled(made.weights, weights("0", "1"), IN_TIME, every=0.1)
        made.rig.lab.realservers[0].ip(back)
        again = made.settles(weights("1", "1"))
        keeper.end()
    made.director("withdraw")

    assert (out, again) == (weights("0", "1"), True), made.log()
    assert keeper.kinds.count("DOWN") == keeper.kinds.count("UP") == 1


def test_a_keeper_that_may_not_write_the_table_says_how_it_can_help(made: Made) -> None:
    done = program.run(
        made.rig.lab.director,
        *("director", "keep", "--allow-insecure-profile", str(made.rig.director)),
    )
    made.director("withdraw")

    assert done.returncode == 6
    assert "give --track-files DIR" in done.stderr


def test_a_folder_that_others_may_write_is_refused_before_the_first_change(made: Made) -> None:
    host, folder = made.rig.lab.director, made.folder / "anybodys"
    folder.mkdir()
    folder.chmod(0o777)
    before = host.run("ip", "-br", "address").stdout

    done = program.run(
        host,
        *("director", "keep", "--allow-insecure-profile", "--track-files", str(folder)),
        str(made.rig.director),
    )

    assert (done.returncode, "KEEPING" in done.stdout) == (6, False)
    assert "others than root may write there" in done.stderr
    assert host.run("ip", "-br", "address").stdout == before
