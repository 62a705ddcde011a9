"""The settings that are exported make a real server silent, by systemd's program and procps's."""

from __future__ import annotations

from pathlib import Path

import pytest
from exporting import SYSCTL, answerers, in_place, looks
from rig import VIP, director, lvsdr, realserver, rig

PROGRAMS = {"systemd": (SYSCTL,), "procps": ("sysctl", "--system")}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_vip_on_lo_is_silent_with_the_exported_settings_and_not_without(
    tmp_path: Path, name: str
) -> None:
    with rig(tmp_path, director(), realserver("lo", rp_filter=2)) as made:
        host = made.lab.realservers[0]
        before = looks(host, "eth0")["settings"]
        lvsdr(host, "realserver", "apply", made.realserver)
        wanted = looks(host, "eth0")["settings"]
        lvsdr(host, "realserver", "withdraw", made.realserver)
        # As the usual script leaves it.
        host.ip(f"address add {VIP}/32 dev lo")
        leaking = answerers(made.lab.observer, VIP)
        with in_place(host, "sysctl.d", made.realserver) as lost:
            host.run(*PROGRAMS[name])
        silent = answerers(made.lab.observer, VIP)
        seen = looks(host, "eth0")["settings"]
        mac = made.mac(host)

    assert (leaking, silent) == ({mac}, set())
    assert seen == wanted != before
    assert lost == []
