"""The machine that runs our socket filters, after Documentation/networking/filter.rst."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from lvsdr.wire import bpf

# How the kernel receives a frame (linux/if_packet.h).
TO_US, BROADCAST, MULTICAST, TO_OTHERS, OUTGOING = range(5)
_SIZES = {
    bpf.LOAD: ">I",
    bpf.LOAD_HALF: ">H",
    bpf.LOAD_BYTE: ">B",
    bpf.LOAD_HALF_X: ">H",
    bpf.LOAD_BYTE_X: ">B",
}
_BY_X = {bpf.LOAD_HALF_X, bpf.LOAD_BYTE_X}
# Two bytes, two of one, and four: code, jump if true, jump if false, value.
_INSTRUCTION = struct.Struct("HBBI")
_MOST = 4096


def passes(program: bytes, frame: bytes, way: int = TO_US, vlan: int | None = None) -> bool:
    """Return whether a program passes a frame, whose tag `vlan` the kernel has taken off."""
    known = {bpf.PACKET_TYPE: way, bpf.VLAN_TAG: vlan or 0, bpf.HAS_VLAN_TAG: vlan is not None}
    try:
        return _returned(list(_INSTRUCTION.iter_unpack(program)), frame, known) >= len(frame)
    except struct.error:
        # What reads beyond the end of the frame has returned 0.
        return False


def _returned(
    instructions: list[tuple[int, int, int, int]], frame: bytes, known: Mapping[int, int]
) -> int:
    assert len(instructions) <= _MOST, "the kernel takes no more (BPF_MAXINSNS)"
    at = loaded = index = 0
    while True:
        code, then, other, value = instructions[at]
        at += 1
        if code == bpf.RETURN:
            return value
        if code in _SIZES:
            offset = value + index if code in _BY_X else value
            loaded = known[value] if value in known else _read(_SIZES[code], frame, offset)
        elif code == bpf.IPV4_HEADER_TO_X:
            index = 4 * (_read(">B", frame, value) & 0xF)
        elif code == bpf.JUMP:
            at += value
        else:
            at += then if _holds(code, loaded, value) else other


def _read(size: str, frame: bytes, offset: int) -> int:
    (number,) = struct.unpack_from(size, frame, offset)
    return int(number)


def _holds(code: int, loaded: int, value: int) -> bool:
    return {
        bpf.EQUAL: loaded == value,
        bpf.AT_LEAST: loaded >= value,
        bpf.ANY_BIT: bool(loaded & value),
    }[code]
