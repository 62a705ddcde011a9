"""What adopt prints where keepalived would be back at the next boot, typed under traffic."""

from __future__ import annotations

import shlex
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from masked_units import leave_out
from recipe_clusters import KEEPALIVED
from rig import RIPS, VIP, director, lvsdr, realserver, rig, virtual_server
from steady_traffic import steady
from test_units import UNITS, Booted, systemd
from witnesses import ipvsadm

from lvsdr.lab.services import serving

CONF = Path("/etc/keepalived/keepalived.conf")
BY_HAND = (
    f"ipvsadm -A -t {VIP}:80 -s rr",
    *(f"ipvsadm -a -t {VIP}:80 -r {rip}:80 -g" for rip in RIPS),
    f"ip address add {VIP}/32 dev eth0",
)


def adopted(booted: Booted, profile: Path) -> subprocess.CompletedProcess[str]:
    """Adopt where systemd is the first process: what it starts at boot counts there."""
    words = ("-I", "-m", "lvsdr", "director", "apply", "--adopt", str(profile))
    return booted.inside(sys.executable, *words)


def printed_hint(booted: Booted, profile: Path) -> str:
    """Return the command that adopt prints, which refuses; the table is as it was."""
    before = ipvsadm(booted.host)
    done = adopted(booted, profile)
    assert (done.returncode, ipvsadm(booted.host)) == (6, before), done.stdout
    assert "at the next boot" in done.stderr
    (hint,) = [it.partition("hint: ")[2] for it in done.stderr.splitlines() if "hint: " in it]
    return hint


def typed(booted: Booted, command: str) -> None:
    done = booted.inside(*shlex.split(command))
    assert done.returncode == 0, done.stderr


def test_keepalived_that_no_boot_starts_any_more_leaves_what_was_adopted(
    tmp_path: Path,
) -> None:
    CONF.write_text(KEEPALIVED)
    UNITS.mkdir(parents=True, exist_ok=True)
    leave_out(UNITS)
    served = director(
        virtual_server(scheduler="rr"), vips=[{"address": VIP, "label": "eth0"}], health={}
    )
    with rig(tmp_path, served, realserver()) as made, ExitStack() as stack:
        for host in made.lab.realservers:
            lvsdr(host, "realserver", "apply", made.realserver)
            stack.enter_context(serving(host, made.services))
        booted = stack.enter_context(systemd(made.lab.director, tmp_path))
        made.lab.director.run("sh", "-ec", "\n".join(BY_HAND))
        typed(booted, "systemctl enable keepalived")
        with steady(made.lab.client, tmp_path) as traffic:
            begun = traffic.well()
            typed(booted, printed_hint(booted, made.director))
            done = adopted(booted, made.director)
            ended = traffic.well()
        found = traffic.between(begun, ended)

        assert done.returncode == 0, done.stderr
        assert booted.systemctl("is-enabled", "keepalived").stdout == "disabled\n"
        # It is as dead as before: what disables a unit neither starts nor stops it.
        assert booted.systemctl("is-active", "keepalived").stdout == "inactive\n"
        # Some are late, and end at one moment: the guest has one CPU, and systemd reloads for
        # twenty seconds; TCP would have sent again after one.
        assert found.lost == 0, found
