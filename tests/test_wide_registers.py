"""The throw-away kernel on hosts whose registers are wider than it knows (AMX)."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from lvsdr.errors import CannotRun
from lvsdr.lab import uml, uml_kernel, wide_registers
from lvsdr.lab.wide_registers import AT_MINSIGSTKSZ

pytestmark = [
    pytest.mark.skipif("LVSDR_LAB" in os.environ, reason="of the host, not of its guest"),
    pytest.mark.skipif(uml_kernel.available() is not None, reason=str(uml_kernel.available())),
]

# ptrace() of a process that nobody traces: ESRCH where the host looks for it at all.
ASK = """
import ctypes, errno, sys
from lvsdr.lab import wide_registers
libc = ctypes.CDLL(None, use_errno=True)
for request in (0x4204, 14):
    libc.ptrace(request, 0, 0, 0)
    print(errno.errorcode[ctypes.get_errno()])
    wide_registers.refuse_to_read()
    libc.ptrace(request, 0, 0, 0)
    print(errno.errorcode[ctypes.get_errno()])
"""


# As hosts with AVX2, with AVX-512 and with AMX say it, and one that says nothing.
@pytest.mark.parametrize(
    ("frame", "wide"), [(1776, False), (3632, False), (11952, True), (None, False)]
)
def test_a_host_says_how_wide_its_registers_are(
    tmp_path: Path, frame: int | None, wide: bool
) -> None:
    told = [(6, 4096), *([(AT_MINSIGSTKSZ, frame)] if frame else []), (0, 0)]
    auxv = tmp_path / "auxv"
    auxv.write_bytes(b"".join(struct.pack("@LL", *pair) for pair in told))

    assert wide_registers.too_wide(auxv) is wide


def test_no_more_than_the_wide_registers_are_refused() -> None:
    command = [sys.executable, "-I", "-c", ASK]

    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    # PTRACE_GETREGSET, before and after; then PTRACE_GETFPREGS.
    assert said == ["ESRCH", "EIO", "ESRCH", "ESRCH"]


def test_without_it_the_guest_dies_exactly_on_such_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = wide_registers.too_wide()
    monkeypatch.setattr(wide_registers, "too_wide", lambda: False)

    try:
        died = uml.run(["true"], timeout=60.0) != 0
    except CannotRun as error:
        died = "the throw-away kernel died" in error.message

    assert died == wide


def test_the_guest_copies_what_it_is_given_whole() -> None:
    """Where its programs use registers that are not kept, a copy to fresh memory is damaged."""
    copy = "import os; a = os.urandom(1 << 20); assert all(bytearray(a) == a for _ in range(200))"

    assert uml.run([sys.executable, "-I", "-c", copy]) == 0
