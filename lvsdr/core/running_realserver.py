"""What a host is as a real server, as a profile: the VIPs on its holder, and how silent it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from lvsdr.core.running_table import HERE, NARROWED
from lvsdr.errors import CannotRun
from lvsdr.model.address import IPAddress, host_fault
from lvsdr.model.arp_settings import effective, meaning_of
from lvsdr.model.finding import ERROR, Finding
from lvsdr.model.holder_kinds import HOLDER_KINDS
from lvsdr.model.host import Host
from lvsdr.model.imported import Document, lost, noted
from lvsdr.model.objects import Address

USUAL = ("arp_ignore", "arp_announce")
MENDED = "apply the profile: it sets it"


def held_by_holders(host: Host, held: Sequence[Address]) -> list[Address]:
    """Return the addresses that may be VIPs: those of links that no network has."""
    return [each for each in held if _holder(host, each.link) and not host_fault(each.ip.ip)]


def _holder(host: Host, link: str) -> str:
    """Return the kind of holder that a link is; empty for any other link."""
    seen = host.links.get(link)
    if seen is None:
        return ""
    kinds = (
        name
        for name, kind in HOLDER_KINDS.items()
        if kind.link_kind == seen.link_kind and (kind.named or kind.link == link)
    )
    return next(kinds, "")


class RunningRealServer:
    """The real server that a host is; `findings` say what of it no profile can."""

    def __init__(self, host: Host, held: Sequence[Address], link: str) -> None:
        self._host = host
        self._held = held_by_holders(host, held)
        self.findings: list[Finding] = []
        self._link = link or self._usual_link()

    def _usual_link(self) -> str:
        """Return the link with an address of its own; raise CannotRun where that is not clear."""
        held = {each.ip.ip for each in self._held}
        links = {
            each.link: None
            for each in self._host.addresses
            if self._host.speaks_arp(each.link)
            and each.ip.ip not in held
            and not _holder(self._host, each.link)
            and host_fault(each.ip.ip) is None
        }
        if len(links) != 1:
            known = ", ".join(links) or "none"
            raise CannotRun(
                f"cannot tell the link with the RIP: links with addresses of their own: {known}",
                hints=["choose one with --interface"],
            )
        return next(iter(links))

    def document(self) -> Document:
        """Return the profile."""
        holders = Counter(each.link for each in self._held)
        holder = holders.most_common(1)[0][0]
        vips: dict[IPAddress, None] = {}
        for each in self._held:
            if each.link == holder:
                vips[each.ip.ip] = None
                self._manner(each)
                continue
            meant = f"{each.ip.ip} on {each.link} is left out: a profile has one holder, {holder}"
            self.findings.append(lost(HERE, 0, meant, "write a profile of another name for it"))
        kind = _holder(self._host, holder)
        document: Document = {"role": "realserver", "interface": self._link}
        if kind != "dummy":
            document["holder"] = kind
        elif holder != HOLDER_KINDS[kind].link:
            document["holder_link"] = holder
        document["vips"] = [str(vip) for vip in vips]
        document |= self._silence([vip for vip in vips if vip.version == 4])
        if not any(_guarded(self._host, vip) for vip in vips):
            document["guard"] = False
        told = ", ".join(str(vip) for vip in list(vips)[:5])
        more = f" and {len(vips) - 5} more" if len(vips) > 5 else ""
        meant = f"{told}{more} on {holder} are taken for VIPs"
        self.findings.append(noted(HERE, meant, "remove from vips what clients do not connect to"))
        return document

    def _manner(self, each: Address) -> None:
        """Tell of how an address is held what lvsdr does otherwise."""
        if each.ip.network.num_addresses > 1:
            self.findings.append(
                Finding(
                    "VIP-PREFIX",
                    ERROR,
                    each.link,
                    f"{each.link} holds {each.ip}, which is more than a host address: this host"
                    " takes the whole subnet for its own; the profile has it as one",
                    look=NARROWED[each.ip.version],
                    vip=each.ip.ip,
                )
            )
        differs = []
        if each.label not in (None, each.link):
            differs.append(f"the label {each.label}")
        if each.attributes is not None and each.attributes.broadcast is not None:
            differs.append(f"the broadcast address {each.attributes.broadcast}")
        if differs:
            meant = f"{each.ip.ip} on {each.link} has {' and '.join(differs)}; lvsdr gives it none"
            self.findings.append(noted(HERE, meant, "nothing: clients do not see it"))

    def _silence(self, vips: Sequence[IPAddress]) -> Document:
        """Return how this host is silent on ARP; tell where it is not."""
        if not vips:
            return {}
        found: Document = {}
        values = {name: effective(name, self._link, self._host) for name in USUAL}
        self.findings += self._leaks(vips[0], values)
        if values["arp_ignore"] in (2, 8):
            found["arp_ignore"] = values["arp_ignore"]
        everywhere = [self._host.pair(name, self._link)[0] for name in USUAL]
        if not any(everywhere) and all(values.values()):
            found["arp_scope"] = "links"
        return found

    def _leaks(self, vip: IPAddress, values: Mapping[str, int]) -> Iterator[Finding]:
        link = self._link
        ignore, announce = (values[name] for name in USUAL)
        if not meaning_of("arp_ignore", ignore).silent:
            meant = f"arp_ignore of {link} is {ignore}: {meaning_of('arp_ignore', ignore).meaning}"
            yield Finding("ARP-IGNORE", ERROR, link, meant, look=MENDED, vip=vip)
        if not meaning_of("arp_announce", announce).silent:
            meaning = meaning_of("arp_announce", announce).meaning
            meant = f"arp_announce of {link} is {announce}: {meaning}"
            yield Finding("ARP-ANNOUNCE", ERROR, link, meant, look=MENDED, vip=vip)


def _guarded(host: Host, vip: IPAddress) -> bool:
    return any(vip in network and network.num_addresses == 1 for network in host.dead_ends)
