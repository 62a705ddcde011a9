"""Ethernet II frames, and MAC addresses as text."""

from __future__ import annotations

import re
import struct

from lvsdr.model.late_dataclasses import dataclass

IPV4 = 0x0800
ARP = 0x0806
IPV6 = 0x86DD

BROADCAST = "ff:ff:ff:ff:ff:ff"
UNKNOWN = "00:00:00:00:00:00"

_HEADER = struct.Struct("!6s6sH")
_MAC = re.compile(r"[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}")


class FrameError(ValueError):
    """Bytes from the wire, or the text of a MAC address, are malformed."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One Ethernet II frame; MAC addresses as text, without the check sequence."""

    destination: str
    source: str
    ethertype: int
    payload: bytes


def encode(frame: Frame) -> bytes:
    """Return the bytes of `frame` without padding; the driver pads to 60 bytes."""
    header = _HEADER.pack(mac_bytes(frame.destination), mac_bytes(frame.source), frame.ethertype)
    return header + frame.payload


def decode(data: bytes) -> Frame:
    """Return the frame in `data`, padding left in its payload, or raise FrameError."""
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
