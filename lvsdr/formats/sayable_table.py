"""What of an IPVS table a profile can say, and a finding for each thing that it cannot."""

from __future__ import annotations

from collections.abc import Iterator

from lvsdr.formats.taken_table import TakenReal, TakenService, TakenTable
from lvsdr.model.address import host_fault
from lvsdr.model.finding import ERROR, WARNING, Finding
from lvsdr.model.imported import USUAL_LINK, Document, lost
from lvsdr.model.link_names import is_link_name
from lvsdr.model.printable import printable
from lvsdr.model.scheduler_flags import SCHEDULER_FLAGS

FAMILY = {4: "inet", 6: "inet6"}
LONGEST_TIMEOUT = 2147483
LEAST_OF_A_BACKUP, MOST_OF_IPV6 = 1024, 65487


def flag_names(each: TakenService) -> list[str]:
    """Return the flags of a service's own scheduler, by name."""
    known = SCHEDULER_FLAGS.items()
    return [name for name, (owner, bit) in known if owner == each.scheduler and each.flags & bit]


class Sayable:
    """What of a table a profile can say; `findings` name the rest, line by line."""

    def __init__(self, table: TakenTable) -> None:
        self._table = table
        self.findings: list[Finding] = []
        self._vips = {each.vip for each in table.services if each.vip is not None}

    def _lose(self, line: int, meant: str, instead: str, severity: str = ERROR) -> None:
        self.findings.append(lost(self._table.file, line, meant, instead, severity))

    def services(self) -> list[TakenService]:
        """Return the services that can be said, without what of them cannot."""
        return [each for each in self._table.services.values() if self._sayable(each)]

    def _sayable(self, each: TakenService) -> bool:
        service = each.service
        fault = None if service.vip is None else host_fault(service.vip)
        if fault:
            self._lose(
                each.line,
                f"{service} is left out: {service.vip} is {fault}, which no VIP is",
                "write the address that clients connect to",
            )
            return False
        self._settings(each)
        each.reals = {one.place: one for one in each.reals.values() if self._real(each, one)}
        each.reals = {one.place: one for one in self._at_one_port(each)}
        if each.sorry is not None and not self._sorry(each, each.sorry):
            each.sorry = None
        return service.vip is not None or self._of_its_family(each)

    def _settings(self, each: TakenService) -> None:
        line, service = each.line, each.service
        if each.persistence is not None and each.mask:
            each.prefix = None
            self._lose(
                line,
                f"clients of {service} stick together by the mask {each.mask}, which is no prefix;"
                " each is by itself now",
                "write persistence_prefix, for example 24 for 255.255.255.0",
            )
        kept = sum(bit for owner, bit in SCHEDULER_FLAGS.values() if owner == each.scheduler)
        if each.flags & ~kept:
            self._lose(
                line,
                f"flags of {service} that its scheduler {each.scheduler} has none of are left out:"
                " they do nothing",
                "remove them there too",
                WARNING,
            )
        if each.engine is not None and (
            each.persistence is None or service.protocol not in ("udp", "fwmark")
        ):
            each.engine = None
            self._lose(
                line,
                f"the persistence engine of {service} is left out: it does nothing without"
                " persistence, and for UDP and marks alone",
                "remove it there too",
                WARNING,
            )
        if each.persistence is None:
            each.prefix = None
        elif each.one_packet:
            each.one_packet = False
            self._lose(
                line,
                f"{service} is both persistent and one-packet; it is persistent now",
                "choose one of the two",
            )

    def _real(self, each: TakenService, one: TakenReal) -> bool:
        """Return whether a real server can be said; set it right where that changes nothing."""
        fault = host_fault(one.rip) or ("a VIP of this table" if one.rip in self._vips else None)
        if fault:
            self._lose(
                one.line,
                f"real server {one.rip} of {each.service} is left out: it is {fault}",
                "write the real server's own address (RIP); a director that serves too has its own",
            )
            return False
        port = each.service.port
        if one.port == port:
            return True
        if one.method != "masquerade":
            self._lose(
                one.line,
                f"port {one.port} of real server {one.rip} is left out: {one.method} keeps the port"
                f" that was asked for",
                "nothing, if it serves there; else change the port at which it listens",
                WARNING,
            )
            one.port = port
        elif one.port == 0:
            self._lose(
                one.line,
                f"real server {one.rip} of {each.service} is left out: it is sent to port 0",
                "write the port at which it serves",
            )
            return False
        return True

    def _at_one_port(self, each: TakenService) -> Iterator[TakenReal]:
        """Yield the real servers, of those that are one by now the first."""
        seen = set()
        for one in each.reals.values():
            if one.place not in seen:
                seen.add(one.place)
                yield one
                continue
            self._lose(
                one.line,
                f"real server {one.rip} of {each.service} was there once for each of two ports, and"
                " got twice the share; it is there once now",
                "add the weights of the two",
            )

    def _sorry(self, each: TakenService, one: TakenReal) -> bool:
        if not self._real(each, one):
            return False
        if one.place not in each.reals:
            return True
        self._lose(
            one.line,
            f"{one.rip} is both a real server of {each.service} and who serves when none does",
            "name another host as its sorry_server",
        )
        return False

    def _of_its_family(self, each: TakenService) -> bool:
        """Return whether the real servers tell of which family a mark is; the first does."""
        wanted = each.service.family
        own = [one for one in each.reals.values() if FAMILY[one.rip.version] == wanted]
        if own:
            others = [one for one in each.reals.values() if FAMILY[one.rip.version] != wanted]
            each.reals = {one.place: one for one in (*own, *others)}
            return True
        if not each.reals and wanted == "inet":
            return True
        self._lose(
            each.line,
            f"{each.service} is left out: no real server of it says that it is for {wanted}",
            "name one of that family first",
        )
        return False

    def timeouts(self) -> dict[str, int]:
        """Return the timeouts that a profile can have."""
        kept = {
            name: each for name, each in self._table.timeouts.items() if each <= LONGEST_TIMEOUT
        }
        for name in self._table.timeouts.keys() - kept.keys():
            self._lose(
                0,
                f"the timeout {name} of {self._table.timeouts[name]} s is left out",
                f"write at most {LONGEST_TIMEOUT} s",
            )
        return kept

    def daemons(self, link: str) -> list[Document]:
        """Return the entries of the sync daemons."""
        found = []
        for state, settings in self._table.daemons.items():
            own = dict(settings)
            if fault := _daemon_fault(state, own):
                self._lose(0, f"the sync daemon {state} is left out: {fault}", "write it by hand")
                continue
            if own.get("interface", USUAL_LINK) == link:
                own.pop("interface", None)
            else:
                own.setdefault("interface", USUAL_LINK)
            found.append({"state": state, **own})
        mixed = any(
            FAMILY[one.rip.version] != each.service.family
            for each in self._table.services.values()
            for one in each.reals.values()
        )
        if found and mixed:
            self._lose(
                0,
                "the sync daemons are left out: a real server is of another family than its"
                " service",
                "give it an address of the same family",
            )
            return []
        return found


def _daemon_fault(state: str, own: Document) -> str:
    """Return why a profile has no such sync daemon; empty where it may have it."""
    link, length = str(own.get("interface", USUAL_LINK)), int(own.get("sync_maxlen", 1472))
    if not is_link_name(link):
        return f"{printable(link)} is the name of no link"
    if state == "backup" and length < LEAST_OF_A_BACKUP:
        return f"its messages have less than {LEAST_OF_A_BACKUP} bytes"
    inet6 = ":" in str(own.get("group", ""))
    return "its messages are too long for IPv6" if inet6 and length > MOST_OF_IPV6 else ""
