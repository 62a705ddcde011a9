"""From checked data to a real server's profile, and the rules that hold between its fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lvsdr.model.address import IPAddress
from lvsdr.model.holder_kinds import HOLDER_KINDS
from lvsdr.model.printable import printable
from lvsdr.model.profile import RealServerProfile
from lvsdr.profile.reader.client_networks import client_networks
from lvsdr.profile.reader.network_names import family, host_address, ip_version, link_name
from lvsdr.profile.reader.refusal import distinct, misfit
from lvsdr.profile.reader.remedies import ON_THE_LINK
from lvsdr.profile.reader.vip_labels import distinct_vips
from lvsdr.profile.reader.wording import shown

Entry = Mapping[str, Any]


def realserver_profile(data: Entry, name: str) -> RealServerProfile:
    """Return the profile that `data` is, with its defaults filled in; raise Refusal."""
    interface = link_name(data["interface"], ("interface",))
    profile = RealServerProfile(
        name=name,
        interface=interface,
        holder=data["holder"],
        holder_link=_holder_link(data, interface),
        vips=distinct_vips(data["vips"]),
        arp_ignore=data["arp_ignore"],
        arp_announce=data["arp_announce"],
        arp_scope=data["arp_scope"],
        rp_filter=data.get("rp_filter"),
        guard=data["guard"],
        proxy_entries=data["proxy_entries"],
        rips=_rips(data.get("rips", ())),
        clients=client_networks(data.get("clients", ())),
    )
    _carries(profile)
    _apart(profile)
    return profile


def _holder_link(data: Entry, interface: str) -> str:
    kind = data["holder"]
    holder = HOLDER_KINDS[kind]
    link = link_name(data.get("holder_link", holder.link), ("holder_link",))
    if link == interface:
        # Where no name was given, it follows from the kind: what is wrong is the interface.
        if holder.named and "holder_link" in data:
            remedy = "leave out holder_link, or write another name"
            raise misfit(("holder_link",), f"{shown(link)} is the interface", remedy, ON_THE_LINK)
        remedy = "write the link with the real server's own address (RIP)"
        raise misfit(
            ("interface",), f"{shown(link)} is the link of the holder", remedy, ON_THE_LINK
        )
    if not holder.named and link != holder.link:
        raise misfit(
            ("holder_link",),
            f"holder {kind} is always the link {holder.link}, not {shown(link)}",
            "leave out holder_link",
        )
    others = ((other, taken.link) for other, taken in HOLDER_KINDS.items() if other != kind)
    owners = [other for other, taken in others if taken == link]
    if owners:
        raise misfit(
            ("holder_link",),
            f"{printable(link)} is not a {kind} link",
            f"leave out holder_link, or write {owners[0]} as the holder",
        )
    return link


def _carries(profile: RealServerProfile) -> None:
    carried = HOLDER_KINDS[profile.holder].families
    for place, vip in enumerate(profile.vips):
        if family(vip) not in carried:
            raise misfit(
                ("vips", place),
                f"{profile.holder} carries {ip_version(carried[0])} only, not {vip}",
                "write dummy as the holder, or put this VIP into a profile of its own",
            )


def _rips(texts: Sequence[str]) -> tuple[IPAddress, ...]:
    found = (host_address(text, ("rips", place), "RIP") for place, text in enumerate(texts))
    return distinct(found, "rips")


def _apart(profile: RealServerProfile) -> None:
    for place, rip in enumerate(profile.rips):
        if rip in profile.vips:
            raise misfit(
                ("rips", place),
                f"{rip} is a VIP of this profile",
                "write the real server's own address (RIP)",
            )
