"""A standby of a keepalived that tells lvsdr nothing: its master is heard on the segment."""

from __future__ import annotations

from pathlib import Path

from pairs import LIMIT, pair, said
from rig import VIP, director, refused, settled, write
from witnesses import ipvsadm

ADVERTISE = 0.5


def test_where_keepalived_tells_lvsdr_nothing_its_master_answers(tmp_path: Path) -> None:
    """Without a hook nobody knows of a standby; but whoever has the VIP is heard."""
    with pair(tmp_path, director(vips_owner="keepalived")) as made:
        first, second = made.boxes
        for box in made.boxes:
            box.advertise = ADVERTISE
            box.start()
        assert settled(first.vips, {VIP}, LIMIT), said(first)
        assert settled(lambda: not second.vips(), True, LIMIT), said(second)
        own = write(tmp_path, director(name="own"), "own")

        told = refused(second.host, "director", "apply", own, expect=6)

        assert f"cannot take {VIP}" in told and made.mac(first) in told
        assert (second.vips(), ipvsadm(second.host)) == (set(), [])
