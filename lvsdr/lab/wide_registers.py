"""Hosts whose registers are wider than User-Mode Linux knows, and how it runs there all the same.

Up to 6.12 it keeps 2,696 bytes of a process's vector registers: those up to AVX-512. Where the
host has AMX it reads so many by PTRACE_GETREGSET, the host takes no less than all of them back, and
so its first process dies. Where the host refuses to read them, it keeps the registers of SSE alone,
by PTRACE_GETFPREGS: then nothing in the guest may use the wider ones.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Mapping
from pathlib import Path

from lvsdr.wire.bpf import EQUAL, LOAD, RETURN

# linux/auxvec.h; with registers up to AVX-512 a signal's frame takes 3,632 bytes.
AT_MINSIGSTKSZ, WIDEST_FRAME = 51, 3632

# glibc and OpenSSL choose by what the processor says that it can do.
NARROW: Mapping[str, str] = {
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX,-AVX2,-AVX512F,-AVX512VL,-AVX512BW"
    ",-AVX_Fast_Unaligned_Load",
    # Bit 60 of the first word is AVX; the second is all that came after it.
    "OPENSSL_ia32cap": "~0x1000000000000000:0",
}

# linux/prctl.h, linux/seccomp.h, linux/audit.h, linux/ptrace.h
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
SECCOMP_RET_ERRNO, SECCOMP_RET_ALLOW = 0x00050000, 0x7FFF0000
AUDIT_ARCH_X86_64, PTRACE, PTRACE_GETREGSET = 0xC000003E, 101, 0x4204
# Offsets in what a filter sees of a system call (struct seccomp_data).
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16


def too_wide(auxv: Path = Path("/proc/self/auxv")) -> bool:
    """Return whether this host has registers that User-Mode Linux does not know."""
    told: dict[int, int] = dict(struct.iter_unpack("@LL", auxv.read_bytes()))
    return told.get(AT_MINSIGSTKSZ, 0) > WIDEST_FRAME


def refuse_to_read() -> None:
    """Let this process, and all that it starts, read no wide registers; raises OSError."""
    program = b"".join(
        struct.pack("HBBI", *instruction)
        for instruction in (
            (LOAD, 0, 0, ARCHITECTURE),
            (EQUAL, 0, 5, AUDIT_ARCH_X86_64),
            (LOAD, 0, 0, NUMBER),
            (EQUAL, 0, 3, PTRACE),
            (LOAD, 0, 0, FIRST_ARGUMENT),
            (EQUAL, 0, 1, PTRACE_GETREGSET),
            (RETURN, 0, 0, SECCOMP_RET_ERRNO | errno.EIO),
            (RETURN, 0, 0, SECCOMP_RET_ALLOW),
        )
    )
    held = ctypes.create_string_buffer(program, len(program))
    filters = ctypes.create_string_buffer(
        struct.pack("@HP", len(program) // struct.calcsize("HBBI"), ctypes.addressof(held))
    )
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    _prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(filters))


def _prctl(*arguments: int) -> None:
    words = [ctypes.c_ulong(each) for each in (*arguments, 0, 0, 0, 0)[:5]]
    if ctypes.CDLL(None, use_errno=True).prctl(*words):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
