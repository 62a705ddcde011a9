"""The VIPs of a director and the labels under which ip shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lvsdr.model.address import IPAddress
from lvsdr.model.printable import printable
from lvsdr.model.profile import LabelledVip
from lvsdr.profile.reader.network_names import LONGEST_LINK, family, fits, host_address
from lvsdr.profile.reader.refusal import distinct, misfit
from lvsdr.profile.reader.wording import Pointer, shown


def labelled_vips(entries: Sequence[Mapping[str, Any]], interface: str) -> tuple[LabelledVip, ...]:
    """Return the VIPs of `entries`, each with the label given or INTERFACE:N by its place."""
    addresses = distinct_vips([entry["address"] for entry in entries], ("address",))
    vips: list[LabelledVip] = []
    taken: dict[str, int] = {}
    for place, (entry, address) in enumerate(zip(entries, addresses, strict=True)):
        label = _label(entry, address, interface, place)
        # The bare name of the link is what an address without a label has; any number may.
        if label is not None and taken.setdefault(label, place) != place and label != interface:
            raise misfit(
                ("vips", place, "label"),
                f"label {shown(label)} is that of /vips/{taken[label]} already",
                "give one of the two another label",
            )
        vips.append(LabelledVip(address, label))
    return tuple(vips)


def distinct_vips(texts: Sequence[str], tail: Pointer = ()) -> tuple[IPAddress, ...]:
    """Return the VIPs that `texts` are; `tail` leads from an entry of vips to its text."""
    found = (host_address(text, ("vips", place, *tail), "VIP") for place, text in enumerate(texts))
    return distinct(found, "vips", tail)


def _label(entry: Mapping[str, Any], address: IPAddress, interface: str, place: int) -> str | None:
    where = ("vips", place, "label")
    if family(address) == "inet6":
        if "label" in entry:
            raise misfit(where, "IPv6 addresses have no labels", "leave out label")
        return None
    label: str = entry.get("label", f"{interface}:{place}")
    link = printable(interface)
    if not fits(label):
        raise misfit(
            where,
            f"label {shown(label)} has {len(label.encode())} bytes, {LONGEST_LINK} are the most",
            f"give this VIP a shorter label that starts with {link}, for example {link}",
        )
    # The kernel does not care; ip refuses it, and ifconfig does not find it.
    if not label.startswith(interface):
        message = f"label {shown(label)} does not start with the name of the link, {link}"
        raise misfit(where, message, f"write {link}:{place}, or leave out label")
    return label
