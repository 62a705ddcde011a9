"""Classic BPF (linux/filter.h): the instructions that our socket filters are made of."""

from __future__ import annotations

import struct
from collections.abc import Sequence

LOAD, LOAD_HALF, LOAD_BYTE = 0x20, 0x28, 0x30
# From an offset that the index register X is added to.
LOAD_HALF_X, LOAD_BYTE_X = 0x48, 0x50
# Into X, the length of the IPv4 header that begins at an offset.
IPV4_HEADER_TO_X = 0xB1
EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x15, 0x35, 0x45, 0x06
# Offsets at which the kernel shows what it knows of a frame (SKF_AD_OFF and what is added to it).
PACKET_TYPE, VLAN_TAG, HAS_VLAN_TAG = (0xFFFFF000 + offset for offset in (4, 44, 48))
# Jump targets: the two instructions that `assemble` puts at the end.
DROP, ACCEPT = -2, -1
_WHOLE = 65536

Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false (each from the next instruction, or DROP, ACCEPT), value."""


def assemble(instructions: Sequence[Instruction]) -> bytes:
    """Return the program of `instructions`, in host byte order.

    Two instructions are added: return nothing (DROP), return the whole frame (ACCEPT). A program
    that runs to the end of `instructions` drops the frame.
    """
    program = [*instructions, (RETURN, 0, 0, 0), (RETURN, 0, 0, _WHOLE)]
    return b"".join(
        struct.pack("HBBI", code, _jump(program, at, then), _jump(program, at, other), value)
        for at, (code, then, other, value) in enumerate(program)
    )


def _jump(program: Sequence[object], at: int, to: int) -> int:
    return to if to >= 0 else len(program) + to - at - 1
