"""What a host is as a director, as a profile: its table, its VIPs, the settings of IPVS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from lvsdr.core.kernel_interface import Kernel
from lvsdr.core.running_table import (
    HERE,
    IPVS,
    NARROWED,
    USUAL_SYSCTLS,
    USUAL_TIMEOUTS,
    daemon_entry,
    taken_real,
    taken_service,
)
from lvsdr.formats.sayable_table import Sayable
from lvsdr.formats.table_documents import director_document
from lvsdr.formats.taken_table import TakenService, TakenTable
from lvsdr.model.address import IPAddress, host_fault
from lvsdr.model.finding import ERROR, Finding
from lvsdr.model.host import Host
from lvsdr.model.imported import USUAL_LINK, Document, lost, noted
from lvsdr.model.ipvs_daemons import SyncDaemon, Timeout
from lvsdr.model.objects import Address, Key, Sysctl


class RunningDirector:
    """The director that a host is; `findings` say what of it no profile can."""

    def __init__(self, host: Host, held: Sequence[Address], kernel: Kernel, link: str) -> None:
        self._host = host
        self._kernel = kernel
        self._held = [each for each in held if host.speaks_arp(each.link)]
        self.findings: list[Finding] = []
        self._link = link or self._usual_link()

    def _vips(self) -> set[IPAddress]:
        found = (each.service.vip for each in self._host.virtual_servers)
        return {each for each in found if each is not None and host_fault(each) is None}

    def _usual_link(self) -> str:
        """Return the link that holds most of the VIPs."""
        vips = self._vips()
        links = Counter(each.link for each in self._held if each.ip.ip in vips)
        if links:
            return links.most_common(1)[0][0]
        addressed = [each.link for each in self._held]
        link = addressed[0] if addressed else USUAL_LINK
        self.findings.append(
            noted(HERE, f"no link holds a VIP: {link} is written", "choose it with --interface")
        )
        return link

    def document(self) -> Document:
        """Return the profile."""
        table = self._table()
        said = Sayable(table)
        services = said.services()
        vips = self._held_vips(services)
        labels = {ip: each.label for ip, each in vips.items() if each is not None and each.label}
        document = director_document(table, said, services, list(vips), self._link, labels=labels)
        self.findings += [*said.findings, *self._marked(services, vips), *self._weightless()]
        return document

    def _table(self) -> TakenTable:
        table = TakenTable(HERE)
        elsewhere = self._elsewhere()
        for each in self._host.virtual_servers:
            if each.service.vip not in elsewhere:
                table.services[each.service] = taken_service(each)
        # The kernel shows first who came last.
        for one in reversed(self._host.real_servers):
            if one.service in table.services:
                real = taken_real(one)
                table.services[one.service].reals[real.place] = real
        table.timeouts = self._timeouts()
        table.sysctls = self._sysctls()
        table.daemons = self._daemons()
        return table

    def _elsewhere(self) -> set[IPAddress]:
        """Return the VIPs that another link holds, whose services are for another profile."""
        here = {each.ip.ip for each in self._held if each.link == self._link}
        found = {}
        for each in self._held:
            if each.ip.ip in self._vips() - here:
                found[each.ip.ip] = each.link
        for vip, link in found.items():
            meant = f"services of {vip} are left out: {link} holds it, and a profile has one link"
            instead = f"import once more, with --interface {link}, into another folder"
            self.findings.append(lost(HERE, 0, meant, instead))
        return set(found)

    def _held_vips(self, services: Sequence[TakenService]) -> dict[IPAddress, Address | None]:
        """Return the VIPs in the order of the link, each with how it is held; None for not at all.

        Beside those of services, other host addresses that have an alias of the link as label.
        """
        wanted = dict.fromkeys(it.service.vip for it in services if it.service.vip is not None)
        found: dict[IPAddress, Address | None] = {}
        for each in self._held:
            alias = each.label is not None and ":" in each.label
            single = each.ip.network.num_addresses == 1
            if each.link == self._link and (each.ip.ip in wanted or (alias and single)):
                found[each.ip.ip] = each
                if not single:
                    self.findings.append(_wide(each))
        for vip in wanted:
            if vip not in found:
                found[vip] = None
                meant = f"{vip} has services, and no link that answers for it"
                instead = (
                    "apply puts it on the link: clients then come here; on a standby apply the"
                    " profile when its turn comes"
                )
                self.findings.append(noted(HERE, meant, instead, ERROR))
        return found

    def _timeouts(self) -> dict[str, int]:
        keys = [(Timeout.kind, name) for name in USUAL_TIMEOUTS]
        found = self._kernel.observe(keys).values()
        return {
            each.protocol: each.seconds
            for each in found
            if isinstance(each, Timeout) and USUAL_TIMEOUTS[each.protocol] != each.seconds
        }

    def _sysctls(self) -> dict[str, int | str]:
        keys: list[Key] = [(Sysctl.kind, IPVS + name) for name in USUAL_SYSCTLS]
        found: dict[str, int | str] = {}
        for each in self._kernel.observe(keys).values():
            if isinstance(each, Sysctl):
                name = each.path.removeprefix(IPVS)
                if each.value != USUAL_SYSCTLS[name]:
                    found[name] = each.value if name == "sync_threshold" else int(each.value)
        return found

    def _daemons(self) -> dict[str, Document]:
        keys: list[Key] = [(SyncDaemon.kind, state) for state in ("master", "backup")]
        found = {}
        for each in self._kernel.observe(keys).values():
            if isinstance(each, SyncDaemon):
                found[each.state] = daemon_entry(each)
        return found

    def _marked(
        self, services: Sequence[TakenService], vips: Mapping[IPAddress, Address | None]
    ) -> Iterator[Finding]:
        for each in services:
            version = 6 if each.service.family == "inet6" else 4
            if each.service.vip is None and not any(vip.version == version for vip in vips):
                meant = f"{each.service} has no VIP on {self._link} that it may be for"
                yield noted(HERE, meant, "add the addresses that the firewall marks to vips")

    def _weightless(self) -> Iterator[Finding]:
        checkers = [each for each in self._kernel.checkers() if each.running]
        for each in checkers:
            meant = f"{each.program} runs here by {each.place}, and writes services of this table"
            kind = each.program if each.program in ("keepalived", "ldirectord") else ""
            instead = f"lvsdr import {kind} {each.place} has its checks too" if kind else "stop it"
            if any(each.has(one.service) for one in self._host.virtual_servers):
                yield noted(HERE, meant, f"{instead}; one of the two has to keep the table")
        for one in self._host.real_servers:
            if one.weight == 0:
                by = next((it.program for it in checkers if it.checks(one)), "")
                reason = (
                    f"{by} checks it, and may have found it dead"
                    if by
                    else ("somebody drains it, or a check has found it dead")
                )
                meant = f"{one.title} has weight 0: {reason}; it is written as it is"
                yield noted(HERE, meant, "write the weight that it has while it serves")


def _wide(each: Address) -> Finding:
    return Finding(
        "VIP-PREFIX",
        ERROR,
        each.link,
        f"{each.link} holds {each.ip}, which is more than a host address: it goes when the first"
        " address of that subnet goes; the profile has it as one",
        look=NARROWED[each.ip.version],
        vip=each.ip.ip,
    )
