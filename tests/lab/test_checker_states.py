"""What keepalived's own checks find, as lvsdr's reader of its FIFO exports it."""

from __future__ import annotations

import json
from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path

import program
from load import ECHO
from pairs import LIMIT, pair, said
from rig import RIPS, VIP, Document, director, settled, virtual_server, write
from witnesses import ipvsadm

from lvsdr.lab.services import serving
from lvsdr.model.ipvs import Service
from lvsdr.model.profile import DirectorProfile
from lvsdr.profile.reader import read

WEB = f"[{VIP}]:tcp:80"
CHECKED = director(table_owner="keepalived", health={"action": "remove"})
FIRST = f"[{RIPS[0]}]:tcp:80"


def test_what_keepalived_finds_down_is_exported_as_such(tmp_path: Path) -> None:
    """Its table has one port of the VIP, that of lvsdr another one."""
    with pair(tmp_path, director(virtual_server(port=ECHO))) as made, ExitStack() as stack:
        box = made.boxes[0]
        checked = read(write(tmp_path, CHECKED, "checked"), "director")
        assert isinstance(checked, DirectorProfile)
        box.checked = checked
        up = [stack.enter_context(ExitStack()) for _ in made.lab.realservers]
        for host, rip, answering in zip(made.lab.realservers, RIPS, up, strict=True):
            # It asks the RIP, not the VIP.
            answering.enter_context(serving(host, [Service("tcp", ip_address(rip), 80)]))

        def states() -> dict[str | None, str]:
            told: Document = json.loads(
                # Exit 1 while the state is not carried out yet.
                program.run(box.host, "keepalived", "status", "--format", "json").stdout
            )
            assert {each["virtual_server"] for each in told["servers"]} <= {WEB}
            return {each["real_server"]: each["state"] for each in told["servers"]}

        def served() -> set[str]:
            lines = [line.split() for line in ipvsadm(box.host)]
            return {words[4] for words in lines if words[0] == "-a" and words[4].endswith(":80")}

        def told(wanted: dict[str | None, str]) -> bool:
            return settled(states, wanted, LIMIT, every=0.5) == wanted

        box.follow()
        box.start()
        assert settled(served, {f"{rip}:80" for rip in RIPS}, LIMIT), said(box)
        # It speaks of real servers where they change.
        assert told({None: "UP"}), said(box)
        up[0].close()
        assert settled(served, {f"{RIPS[1]}:80"}, 2 * LIMIT) == {f"{RIPS[1]}:80"}
        assert told({None: "UP", FIRST: "DOWN"}), said(box)
        box.stop()
        assert told({}), said(box)
