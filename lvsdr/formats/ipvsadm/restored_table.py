"""The table that the kernel has once ipvsadm -R has read a file, and what it made nothing of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address

from lvsdr.formats.ipvsadm.line_settings import Line
from lvsdr.formats.ipvsadm.option_values import LookUp, prefix_of
from lvsdr.formats.ipvsadm.option_words import Ends, Skips
from lvsdr.formats.ipvsadm.restored_line import read_line
from lvsdr.formats.taken_table import TakenReal, TakenService, TakenTable
from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.imported import refused
from lvsdr.model.ipvs import Service
from lvsdr.model.scheduler_flags import SCHEDULERS

TIMEOUTS = ("tcp", "tcp_fin", "udp")


def words_of(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the words of each line that has any, with its number; the program's name is none."""
    for number, line in enumerate(text.split("\n"), start=1):
        # No other blanks of Unicode separate words; a word ends at a zero byte.
        words = [
            each.partition("\0")[0]
            for each in line.replace("\r", " ").replace("\t", " ").split(" ")
            if each
        ]
        while words and words[0] == "ipvsadm":
            del words[0]
        if words:
            yield number, words


class Restored:
    """The table, line after line; `findings` say which of them the tool makes nothing of."""

    def __init__(self, file: str, look_up: LookUp) -> None:
        self.table = TakenTable(file)
        self.findings: list[Finding] = []
        self._look_up = look_up
        # Services that were refused, with how many real servers were refused for it.
        self._lacking: dict[Service, int] = {}

    def read(self, text: str) -> None:
        """Read a whole text as ipvsadm -R does."""
        for number, words in words_of(text):
            try:
                self.run(words, number)
            except Skips as skipped:
                self._tell(number, f"{skipped}: ipvsadm -R skips the line", WARNING)
            except Ends as ended:
                reason = f"{ended}: ipvsadm -R ends here, and reads nothing of what follows"
                self._tell(number, reason, ERROR)
                break
        for service, count in self._lacking.items():
            if count:
                message = f"{count} real servers of {service}, which it lacks, are not in its table"
                self.findings.append(refused(self.table.file, 0, message, WARNING))

    def run(self, words: Sequence[str], number: int) -> Line:
        """Do as ipvsadm does with these words; raise Ends or Skips where it makes nothing of it."""
        line = read_line(words, self._look_up)
        self._carry_out(line, number)
        return line

    def _tell(self, number: int, message: str, severity: str) -> None:
        self.findings.append(refused(self.table.file, number, message, severity))

    def _carry_out(self, line: Line, number: int) -> None:
        verb = line.command
        if verb == "clear":
            self.table.services.clear()
        elif verb in ("add-service", "edit-service"):
            self._put_service(line, number)
        elif verb == "delete-service":
            if self.table.services.pop(line.service, None) is None:
                raise Skips(f"there is no {line.service} to delete")
        elif verb in ("add-server", "edit-server", "delete-server"):
            self._put_server(line, number)
        elif verb == "set":
            named = zip(TIMEOUTS, line.timeouts, strict=True)
            self.table.timeouts |= {name: seconds for name, seconds in named if seconds}
        elif verb == "start-daemon":
            if line.state in self.table.daemons:
                raise Skips(f"a sync daemon {line.state} runs already")
            self.table.daemons[line.state] = line.sync
        elif verb == "stop-daemon" and self.table.daemons.pop(line.state, None) is None:
            raise Skips(f"no sync daemon {line.state} runs")

    def _put_service(self, line: Line, number: int) -> None:
        service = line.service
        there = self.table.services.get(service)
        adds = line.command == "add-service"
        if adds and there is not None:
            raise Skips(f"{service} is there already")
        if not adds and there is None:
            raise Skips(f"there is no {service} to edit")
        if line.scheduler not in SCHEDULERS or line.engine not in (None, "sip"):
            name = line.scheduler if line.scheduler not in SCHEDULERS else line.engine
            self._lacking[service] = 0
            raise Skips(f"no Linux has {name}, so that the kernel refuses {service}")
        self._lacking.pop(service, None)
        made = TakenService(
            service,
            number,
            line.scheduler,
            line.persistence,
            one_packet=line.one_packet,
            flags=line.flags,
            engine=line.engine,
            reals=there.reals if there is not None else {},
        )
        if isinstance(line.mask, IPv4Address):
            made.prefix = prefix_of(line.mask)
            made.mask = "" if made.prefix else str(line.mask)
        else:
            made.prefix = line.mask
        self.table.services[service] = made

    def _put_server(self, line: Line, number: int) -> None:
        known = self.table.services.get(line.service)
        if known is None:
            if line.service in self._lacking and line.command == "add-server":
                self._lacking[line.service] += 1
                return
            raise Skips(f"there is no {line.service}")
        assert line.rip is not None, "read_line asks for a real server"
        real = TakenReal(
            line.rip,
            line.rport,
            number,
            line.weight,
            line.method,
            line.upper,
            line.lower,
            line.tunnel,
        )
        there = real.place in known.reals
        if line.command == "add-server" and there:
            raise Skips(f"{line.rip} port {line.rport} of {line.service} is there already")
        if line.command != "add-server" and not there:
            raise Skips(f"{line.service} has no {line.rip} port {line.rport}")
        if line.command == "delete-server":
            del known.reals[real.place]
            return
        _acceptable(line)
        known.reals[real.place] = real


def _acceptable(line: Line) -> None:
    """Raise Skips for a real server that the kernel refuses."""
    rip = line.rip
    assert rip is not None, "read_line asks for a real server"
    if line.lower > line.upper:
        raise Skips(f"the lower threshold of {rip} is above the upper one, {line.upper}")
    inet6 = rip.version == 6
    nowhere = (
        rip.is_multicast
        or str(rip) == "255.255.255.255"
        or (rip.packed[0] == 0 if not inet6 else rip.is_unspecified or rip.is_link_local)
    )
    if nowhere:
        raise Skips(f"{rip} is the address of no host")
