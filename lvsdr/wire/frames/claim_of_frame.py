"""What a frame of ARP or neighbour discovery claims: that an address is at a MAC address."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from lvsdr.model.address import IPAddress
from lvsdr.model.neighbour_claim import ClaimForm, NeighbourClaim
from lvsdr.wire.frames import arp, ethernet, neighbour_discovery
from lvsdr.wire.frames.ethernet import Frame, FrameError


def decode(data: bytes) -> NeighbourClaim:
    """Return the claim in a frame, or raise FrameError.

    The claim is on the MAC address inside the packet, which is what caches learn; where an IPv6
    message has none, on the source of the frame. Where the two differ, that is its sender.
    """
    frame = ethernet.decode(data)
    if frame.ethertype == ethernet.ARP:
        return _arp(frame)
    if frame.ethertype == ethernet.IPV6:
        return _neighbour_discovery(frame)
    raise FrameError("neither ARP nor IPv6")


def claim_on(addresses: AbstractSet[IPAddress], data: bytes) -> NeighbourClaim | None:
    """Return the claim in a frame if it is on one of `addresses`, else None."""
    try:
        claim = decode(data)
    except FrameError:
        return None
    return claim if claim.address in addresses else None


def _arp(frame: Frame) -> NeighbourClaim:
    packet = arp.decode(frame.payload)
    form: ClaimForm = "request" if packet.operation == arp.REQUEST else "reply"
    if packet.sender_ip == packet.target_ip:
        form = "announcement"
    mac = packet.sender_mac
    sender = _sender(frame, mac)
    return NeighbourClaim(packet.sender_ip, mac, form, packet.target_ip, sender=sender)


def _neighbour_discovery(frame: Frame) -> NeighbourClaim:
    message = neighbour_discovery.decode(frame.payload)
    mac = message.mac or frame.source
    to, sender = message.destination, _sender(frame, mac)
    if isinstance(message, neighbour_discovery.Solicitation):
        return NeighbourClaim(message.source, mac, "request", to, sender=sender)
    announces = message.override and not message.solicited
    form: ClaimForm = "announcement" if announces else "reply"
    return NeighbourClaim(message.target, mac, form, to, message.override, sender)


def _sender(frame: Frame, mac: str) -> str:
    return "" if frame.source == mac else frame.source
