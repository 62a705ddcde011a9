"""The IPVS table for `ipvsadm -R`: the lines that it is typed with, without the program's name.

`-R` reads thresholds, timeouts and daemons as well, which `-S` leaves out. At a `#` it stops
reading, and quotes it takes for part of a word: neither is ever in this file.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from lvsdr.formats.plain_names import plain_name
from lvsdr.formats.table_losses import checks_lost, directors, not_of_the_table
from lvsdr.model.change import Change
from lvsdr.model.exported import Exporting, NewFile
from lvsdr.model.finding import Finding
from lvsdr.model.ipvs import SERVER_KINDS
from lvsdr.model.ipvs_daemons import SyncDaemon, Timeout
from lvsdr.render.shell_commands import COMMANDS

# Debian's; it is /etc/sysconfig/ipvsadm with RPM.
FILE = "/etc/ipvsadm.rules"
KINDS = SERVER_KINDS | {Timeout.kind, SyncDaemon.kind}


def written(host: Exporting) -> Iterator[NewFile | Finding]:
    """Yield the file, and what is no part of the table."""
    table = [each for each in host.objects if each.kind in KINDS]
    for each in table:
        if isinstance(each, SyncDaemon):
            plain_name(each.link)
    words = chain.from_iterable(COMMANDS[each.kind](Change(None, each)) for each in table)
    # Without the program's name; not as a shell takes them, which would have [ in quotes.
    yield NewFile(FILE, tuple(" ".join(each[1:]) for each in words))
    for profile in directors(host):
        yield from checks_lost(profile, "ipvsadm")
    yield from not_of_the_table(host, "ipvsadm")
