"""The files by which lvsdr tells keepalived's FILE_CHECK which real servers serve.

Measured with keepalived 2.2.7: with weight 0 any number but 0 takes the real server out, at once,
and 0 brings it back; a file that is empty, that is not there, or that holds no number counts as 0.
So a file is put in place of the old one by its name, and never written where it is.
"""

from __future__ import annotations

from lvsdr.model.ipvs import RealServer

UP, DOWN = "0\n", "1\n"


def track_file_name(server: RealServer) -> str:
    """Return the name of a real server's file, which is that of its track_file as well.

    Letters, digits and . _ - only: PROTOCOL-VIP-PORT-RIP, or fwmark-MARK-FAMILY-RIP, and the real
    server's own port behind that where it is another one; with _ in place of : in an address.
    """
    service = server.service
    where = (
        f"fwmark-{service.fwmark}-{service.family}"
        if service.vip is None
        else f"{service.protocol}-{service.vip}-{service.port}"
    )
    port = "" if server.port == service.port else f"-{server.port}"
    return f"{where}-{server.rip}{port}".replace(":", "_")
