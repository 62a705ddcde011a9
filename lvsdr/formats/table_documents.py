"""Profiles of an IPVS table that another tool makes, and what of it they cannot say."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from lvsdr.formats.imported_realservers import realserver_documents
from lvsdr.formats.sayable_table import FAMILY, Sayable, flag_names
from lvsdr.formats.taken_table import TakenReal, TakenService, TakenTable
from lvsdr.model.address import IPAddress
from lvsdr.model.finding import WARNING, Finding
from lvsdr.model.imported import USUAL_LINK, Document, Imported, Labels, Unsaid, lost, noted
from lvsdr.model.ipvs_tunnel import TUNNEL_CHECKSUMS, TUNNEL_TYPES

LONGEST_LABEL = 15
# A profile that has none of these our reader refuses: checks alone are nothing to do.
SOMETHING_TO_DO = {"vips", "virtual_servers", "timeouts", "sync_daemons", "sysctls"}


def imported_table(table: TakenTable, unsaid: Unsaid, findings: Iterable[Finding] = ()) -> Imported:
    """Return the profiles of a table; `findings` are those of its reading, which come first."""
    said = Sayable(table)
    services = said.services()
    vips = list(dict.fromkeys(it.service.vip for it in services if it.service.vip is not None))
    link, told = _link(table, services, vips, unsaid)
    labels = unsaid.labels_of(link, vips)
    document = director_document(table, said, services, vips, link, labels=labels)
    interface = unsaid.realserver_interface or link
    realservers, shared = realserver_documents(document, interface, table.file)
    something = bool(document.keys() & SOMETHING_TO_DO)
    return Imported(
        document if something else None,
        realservers,
        (
            *findings,
            *(told if something else ()),
            *said.findings,
            *_by_hand(table, services, vips),
            *shared,
        ),
    )


def _link(
    table: TakenTable,
    services: Iterable[TakenService],
    vips: Sequence[IPAddress],
    unsaid: Unsaid,
) -> tuple[str, tuple[Finding, ...]]:
    """Return the director's link, and what it was taken for where nobody has said it."""
    if unsaid.interface:
        return unsaid.interface, ()
    rips = {one.rip for each in services for one in each.reals.values()}
    here = unsaid.link_of([*vips, *rips])
    why = "this host has those addresses there" if here else "the usual one"
    link = here or USUAL_LINK
    what = f"no line names the director's link: {link} is written, {why}"
    return link, (noted(table.file, what, "choose it with --interface"),)


def _by_hand(
    table: TakenTable, services: Iterable[TakenService], vips: Collection[IPAddress]
) -> Iterator[Finding]:
    """Yield what has to be added to the profiles by hand."""
    marked = any(
        each.service.vip is None
        and not any(FAMILY[vip.version] == each.service.family for vip in vips)
        for each in services
    )
    if marked:
        meant = "which addresses have a firewall mark is for the firewall to say: no VIP is held"
        instead = "add them to vips of the director and of its real servers"
        yield lost(table.file, 0, meant, instead, WARNING)


def director_document(  # noqa: PLR0913 - parts of one document
    table: TakenTable,
    said: Sayable,
    services: Iterable[TakenService],
    vips: Iterable[IPAddress],
    link: str,
    *,
    labels: Labels,
) -> Document:
    """Return the director's profile of what of a table can be said, with the labels of its VIPs."""
    document: Document = {"role": "director", "interface": link}
    beside = {
        "vips": [_vip(each, f"{link}:{place}", link, labels) for place, each in enumerate(vips)],
        "timeouts": said.timeouts(),
        "sync_daemons": said.daemons(link),
        "sysctls": table.sysctls,
    }
    document |= {name: value for name, value in beside.items() if value}
    if table.checks is not None:
        document["health"] = dict(table.checks)
    entries = [_service_entry(each) for each in services]
    return document | ({"virtual_servers": entries} if entries else {})


def _vip(vip: IPAddress, usual: str, link: str, labels: Labels) -> Document:
    entry = {"address": str(vip)}
    if vip.version == 4:
        # The default label has the place in it, and may be too long.
        fits = len(usual.encode()) <= LONGEST_LABEL
        label = labels.get(vip, usual if fits else link)
        if label != usual:
            entry["label"] = label
    return entry


def _service_entry(each: TakenService) -> Document:
    service = each.service
    named: Document = {"fwmark": service.fwmark}
    if service.vip is not None:
        named = {"vip": str(service.vip), "protocol": service.protocol, "port": service.port}
    if each.scheduler != "wlc":
        named["scheduler"] = each.scheduler
    if flags := flag_names(each):
        named["scheduler_flags"] = flags
    if each.persistence is not None:
        named["persistence"] = each.persistence
        if each.prefix not in (None, 128 if service.family == "inet6" else 32):
            named["persistence_prefix"] = each.prefix
    if each.engine is not None:
        named["persistence_engine"] = each.engine
    if each.one_packet:
        named["one_packet"] = True
    if each.own_checks:
        named["health"] = None if each.checks is None else dict(each.checks)
    if each.sorry is not None:
        named["sorry_server"] = _real_entry(each.sorry, service.port)
    if each.reals:
        named["real_servers"] = [_real_entry(one, service.port) for one in each.reals.values()]
    return named


def _real_entry(real: TakenReal, port: int) -> Document:
    entry: Document = {"rip": str(real.rip)}
    if real.port != port:
        entry["port"] = real.port
    if real.weight != 1:
        entry["weight"] = real.weight
    if real.method != "dr":
        entry["forwarding_method"] = real.method
    if real.upper:
        entry["upper_threshold"] = real.upper
    if real.lower:
        entry["lower_threshold"] = real.lower
    kind, tunnel_port, checksum = real.tunnel
    if kind:
        entry["tunnel_type"] = TUNNEL_TYPES[kind]
    if tunnel_port:
        entry["tunnel_port"] = tunnel_port
    if checksum:
        entry["tunnel_checksum"] = TUNNEL_CHECKSUMS[checksum]
    return entry
