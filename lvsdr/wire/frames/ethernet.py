"""Ethernet II frames, MAC addresses as text, and which frames the kernel lets through."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass

IPV4 = 0x0800
ARP = 0x0806
IPV6 = 0x86DD

BROADCAST = "ff:ff:ff:ff:ff:ff"
UNKNOWN = "00:00:00:00:00:00"

# Classic BPF (linux/filter.h): operations, ancillary data, and jumps to the two ends.
_LOAD, _LOAD_HALF, _LOAD_BYTE = 0x20, 0x28, 0x30
_EQUAL, _ANY_BIT, _RETURN = 0x15, 0x45, 0x06
_PACKET_TYPE, _VLAN_TAG, _HAS_VLAN_TAG = (0xFFFFF000 + offset for offset in (4, 44, 48))
_DROP, _ACCEPT = -2, -1
_OUTGOING = 4
_WHOLE = 65536
Instruction = tuple[int, int, int, int]
"""Code, where to jump if true and if not (counted from the next, or to an end), and a value."""

NO_VLAN: tuple[Instruction, ...] = (
    # Is there a tag at all? Linux 6.1 leaves a stale one behind on a link of a VLAN.
    (_LOAD, 0, 0, _HAS_VLAN_TAG),
    (_EQUAL, 2, 0, 0),
    (_LOAD, 0, 0, _VLAN_TAG),
    # VLAN 0 is no VLAN, only a priority (802.1Q).
    (_ANY_BIT, _DROP, 0, 0x0FFF),
)
# Next header ICMPv6 at byte 20, its type at 54: a solicitation or an advertisement.
_NEIGHBOUR_DISCOVERY = (
    (_EQUAL, 0, _DROP, IPV6),
    (_LOAD_BYTE, 0, 0, 20),
    (_EQUAL, 0, _DROP, 58),
    (_LOAD_BYTE, 0, 0, 54),
    (_EQUAL, _ACCEPT, 0, 135),
    (_EQUAL, _ACCEPT, _DROP, 136),
)

_HEADER = struct.Struct("!6s6sH")
_MAC = re.compile(r"[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}")


class FrameError(ValueError):
    """Bytes from the wire, or the text of a MAC address, are not what they claim to be."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One Ethernet II frame; MAC addresses as text, without the check sequence."""

    destination: str
    source: str
    ethertype: int
    payload: bytes


def encode(frame: Frame) -> bytes:
    """Return the bytes of `frame`, unpadded: the driver pads to 60 bytes."""
    header = _HEADER.pack(mac_bytes(frame.destination), mac_bytes(frame.source), frame.ethertype)
    return header + frame.payload


def decode(data: bytes) -> Frame:
    """Return the frame in `data`; the payload keeps its padding, or raise FrameError."""
    if len(data) < _HEADER.size:
        raise FrameError(f"a frame of {len(data)} bytes has no Ethernet header")
    destination, source, ethertype = _HEADER.unpack_from(data)
    return Frame(mac_text(destination), mac_text(source), ethertype, data[_HEADER.size :])


def mac_text(data: bytes) -> str:
    """Return six bytes as `02:00:00:00:00:11`, lower case."""
    return data.hex(":")


def mac_bytes(text: str) -> bytes:
    """Return the six bytes of `02:00:00:00:00:11`, upper or lower case, or raise FrameError."""
    if not _MAC.fullmatch(text):
        raise FrameError(f"{text!r} is not a MAC address")
    return bytes.fromhex(text.replace(":", ""))


def frame_filter(ethertypes: Sequence[int]) -> bytes:
    """Return the classic BPF program that lets `ethertypes` pass, in the host's byte order.

    Of IPv6 only neighbour discovery passes. What this host sends is dropped,
    and what belongs to a VLAN of the link: the kernel has cut its tag off,
    and it would pass for a frame of the link itself.
    """
    program: list[Instruction] = [
        (_LOAD, 0, 0, _PACKET_TYPE),
        (_EQUAL, _DROP, 0, _OUTGOING),
        *NO_VLAN,
        (_LOAD_HALF, 0, 0, 12),
        *((_EQUAL, _ACCEPT, 0, ethertype) for ethertype in ethertypes if ethertype != IPV6),
        *(_NEIGHBOUR_DISCOVERY if IPV6 in ethertypes else ()),
    ]
    return assembled(program)


def assembled(instructions: Sequence[Instruction]) -> bytes:
    """Return a BPF program that ends by dropping the frame, or by accepting it whole."""
    program = [*instructions, (_RETURN, 0, 0, 0), (_RETURN, 0, 0, _WHOLE)]
    return b"".join(
        struct.pack("HBBI", code, _jump(program, at, then), _jump(program, at, other), value)
        for at, (code, then, other, value) in enumerate(program)
    )


def _jump(program: Sequence[object], at: int, to: int) -> int:
    return to if to >= 0 else len(program) + to - at - 1
