"""What a command in Python cannot do without: its start, its files, the kernel's work.

python3 -I -S commands_floor.py PREPARED json|bytes FILE...

Each FILE is read, as JSON where nobody knows yet what it says, else as bytes. PREPARED has what is
sent to IPVS, as prepared_sends.py writes it; of what comes back nothing is looked at but the end.
Nothing is planned, checked, written or printed.
"""

from __future__ import annotations

import json
import socket
import sys

# linux/netlink.h, asm/socket.h
GENERIC, ERROR, DONE = 16, 2, 3
SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33
SIZE = 4


def main() -> None:
    prepared, kind_of_files, *files = sys.argv[1:]
    for name in files:
        with open(name, "rb") as file:  # noqa: PTH123 - to import pathlib is no part of a floor
            text = file.read()
        if kind_of_files == "json":
            json.loads(text)
    with open(prepared, "rb") as file:  # noqa: PTH123 - the same
        sends = memoryview(file.read())
    wire = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, GENERIC)
    wire.settimeout(60)
    for option in (SO_SNDBUFFORCE, SO_RCVBUFFORCE):
        wire.setsockopt(socket.SOL_SOCKET, option, 2 << 20)
    wire.bind((0, 0))
    room = bytearray(1 << 16)
    while sends:
        size = int.from_bytes(sends[:SIZE], sys.byteorder)
        wire.send(sends[SIZE : SIZE + size])
        sends = sends[SIZE + size :]
        kind = 0
        while kind not in {ERROR, DONE}:
            wire.recv_into(room)
            kind = int.from_bytes(room[4:6], sys.byteorder)
        if kind == ERROR and any(room[16:20]):
            raise SystemExit("the kernel has refused something")


main()
