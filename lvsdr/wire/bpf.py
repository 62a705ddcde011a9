"""Classic BPF (linux/filter.h): the instructions that our socket filters are made of."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

LOAD, LOAD_HALF, LOAD_BYTE = 0x20, 0x28, 0x30
# From an offset that the index register X is added to.
LOAD_HALF_X, LOAD_BYTE_X = 0x48, 0x50
# Into X, the length of the IPv4 header that begins at an offset.
IPV4_HEADER_TO_X = 0xB1
JUMP, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x05, 0x15, 0x35, 0x45, 0x06
# Offsets at which the kernel shows what it knows of a frame (SKF_AD_OFF and what is added to it).
PACKET_TYPE, VLAN_TAG, HAS_VLAN_TAG = (0xFFFFF000 + offset for offset in (4, 44, 48))
# Jump targets: what `assemble` puts behind the instructions.
DROP, ACCEPT, SEARCH = -3, -2, -1
_WHOLE = 65536
# Of 4096 instructions (BPF_MAXINSNS) a search takes five for each of its values.
MOST_VALUES = 768

Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false (each from the next instruction, or DROP, ACCEPT), value."""


def assemble(instructions: Sequence[Instruction], values: Iterable[int] = ()) -> bytes:
    """Return the program of `instructions`, in host byte order.

    It is followed by the jump targets: return nothing (DROP), return the whole frame (ACCEPT), and
    accept the frame if what was loaded last is one of `values` (SEARCH). A program that runs to
    the end of `instructions` drops the frame.
    """
    ends = [(RETURN, 0, 0, 0), (RETURN, 0, 0, _WHOLE)]
    program = [*instructions, *ends, *_search(sorted(set(values)))]
    start = len(instructions)
    return b"".join(
        struct.pack("HBBI", code, _jump(start, at, then), _jump(start, at, other), value)
        for at, (code, then, other, value) in enumerate(program)
    )


def _jump(start: int, at: int, to: int) -> int:
    return to if to >= 0 else start + to - DROP - at - 1


def _search(values: Sequence[int]) -> list[Instruction]:
    """Return a binary search: a frame that costs the kernel little does not hold up the link."""
    if not values:
        return []
    if len(values) == 1:
        return [(EQUAL, 0, 1, values[0]), (RETURN, 0, 0, _WHOLE), (RETURN, 0, 0, 0)]
    middle = len(values) // 2
    below, above = _search(values[:middle]), _search(values[middle:])
    # A conditional jump reaches 255 instructions far, this one any number.
    return [(AT_LEAST, 0, 1, values[middle]), (JUMP, 0, 0, len(below)), *below, *above]
