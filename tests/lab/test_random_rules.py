"""Random lines for ipvsadm -R: the table that we say it makes, and the kernel's afterwards."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from lvsdr.formats.ipvsadm.restored_table import Restored
from lvsdr.formats.taken_table import TakenService, TakenTable
from lvsdr.kernel.linux import LinuxKernel
from lvsdr.lab.cluster import hosts
from lvsdr.lab.lab_host import Host

FILES = 2000 if os.environ.get("LVSDR_TORTURE") else 40
COMMANDS = ("-A", "-A", "-A", "-E", "-a", "-a", "-a", "-e", "-d", "-D", "-Z", "--add-server", "-q")
SERVICES: Sequence[str] = (
    *("-t 192.0.2.10:80", "-t192.0.2.10:http", "-u 192.0.2.10:53", "-f 5", "-f 5 -6", "-f 05"),
    *("-t [2001:db8::10]:80", "-t 192.0.2.10:0 -p", "-t 192.0.2.10", "--fwmark-service=5"),
)
REALS = ("-r 192.0.2.11", "-r 192.0.2.11:80", "-r 192.0.2.12:81", "-r [2001:db8::11]:80", "-r x")
OF_A_SERVICE = ("-s rr", "-s=wrr", "-srr", "-p", "-p 60", "-p60", "-M 255.255.255.0", "-M 64", "-o")
OF_A_SERVER = ("-g", "-m", "-i", "-w 3", "-w 0", "-x 9 -y 3", "-iw5")
STRANGE: Sequence[str] = (
    *("-y 5", "-w=-1", "-b sh-port -s sh", "-n", "-", "-i --tun-type gue --tun-port 6080", "-X"),
    *("--tun-type gre", "-s robin", "--pe sip", "#", "-s sh -b sh-port", "ipvsadm", "-gw", "--"),
    *("-p -p", "-p=", "-w +4", "-s", "-6", "--numeric", "-C", "--syncid 5", "-M", "-x"),
)


def text_of(seed: int) -> str:
    """Return a file of a dozen lines; most of them are sound."""
    chance = random.Random(seed)
    lines = []
    for _ in range(chance.randint(3, 12)):
        command = chance.choice(COMMANDS)
        words = [command, chance.choice(SERVICES)]
        if command in ("-a", "-e", "-d", "--add-server") or chance.random() < 0.03:
            words.append(chance.choice(REALS[: 5 if chance.random() < 0.1 else 4]))
        usual: dict[str, Sequence[str]] = {"-A": OF_A_SERVICE, "-E": OF_A_SERVICE}
        usual |= dict.fromkeys(("-D", "-d", "-Z"), ())
        known = usual.get(command, OF_A_SERVER)
        for _ in range(chance.randint(0, 2)):
            words += [chance.choice(known)] if known else []
        if chance.random() < 0.08:
            words.insert(chance.randint(1, len(words)), chance.choice(STRANGE))
        lines.append(" ".join(words))
    return "\n".join(lines) + "\n"


def persistence_prefix(each: TakenService) -> int | str | None:
    """Return what our view of the kernel has for the mask."""
    if not each.persistence or each.prefix in (32, 128):
        return None
    return each.mask or each.prefix


def said(table: TakenTable) -> dict[str, Any]:
    """Return what we say that the table is."""
    return {
        str(each.service): (
            each.scheduler,
            each.persistence,
            persistence_prefix(each),
            each.one_packet,
            each.flags,
            each.engine,
            sorted(
                (str(one.rip), one.port, one.weight, one.method, one.upper, one.lower, one.tunnel)
                for one in each.reals.values()
            ),
        )
        for each in table.services.values()
    }


def there() -> dict[str, Any]:
    """Return what the kernel of this host has."""
    with LinuxKernel() as kernel:
        host = kernel.inspect(lambda _: (), table=True, others=False)
    return {
        str(each.service): (
            each.scheduler,
            each.persistence,
            each.persistence_prefix if each.persistence else None,
            each.one_packet,
            each.flags,
            each.engine,
            sorted(
                (
                    str(one.rip),
                    one.port,
                    one.weight,
                    one.forwarding_method,
                    one.upper_threshold,
                    one.lower_threshold,
                    one.tunnel,
                )
                for one in host.real_servers
                if one.service == each.service
            ),
        )
        for each in host.virtual_servers
    }


@pytest.fixture(scope="module")
def machine() -> Iterator[Host]:
    with hosts(["machine"]) as made:
        yield made["machine"]


def no_name(name: str) -> str:
    raise OSError(name)


def test_random_lines_make_the_table_that_we_say(machine: Host) -> None:
    different = {}
    for seed in range(FILES):
        text = text_of(seed)
        restored = Restored("rules", no_name)
        restored.read(text)
        machine.run("ipvsadm", "-C")
        machine.run("sh", "-c", "ipvsadm -R >/dev/null 2>&1 || true", text=text)
        found = machine.inside(there)
        if found != said(restored.table):
            different[text] = (found, said(restored.table))

    assert different == {}
