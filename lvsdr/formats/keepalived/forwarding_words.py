"""lvs_method in the words of a profile."""

from __future__ import annotations

from collections.abc import Sequence

from lvsdr.formats.keepalived.server_words import number
from lvsdr.model.imported import Document

METHODS = {"NAT": "masquerade", "DR": "dr", "TUN": "tunnel"}
CHECKSUMS = {"nocsum": "none", "csum": "csum", "remcsum": "remcsum"}
HAVE = {"ipip": ("none",), "gue": ("none", "csum", "remcsum"), "gre": ("none", "csum")}
NAT: Document = {"forwarding_method": "masquerade"}


def forwarding(words: Sequence[str]) -> Document | None:
    """Return the fields of a real server that an lvs_method means; None where it counts as none.

    keepalived knows capitals alone, and an option that does not fit spoils the line.
    """
    method = METHODS.get(words[0]) if words else None
    if method != "tunnel":
        return None if method is None else {"forwarding_method": method}
    return _tunnel(words[1:])


def _tunnel(words: Sequence[str]) -> Document | None:
    kind, port, checksum = "ipip", None, "none"
    rest = list(words)
    while rest:
        name = rest.pop(0)
        if name in CHECKSUMS:
            checksum = CHECKSUMS[name]
        elif name == "type" and rest and rest[0] in HAVE:
            kind = rest.pop(0)
        elif name == "port" and rest:
            port = number(rest.pop(0), 1, 65535)
            if port is None:
                return None
        else:
            return None
    if (kind == "gue") != (port is not None) or checksum not in HAVE[kind]:
        return None
    return {
        "forwarding_method": "tunnel",
        **({"tunnel_type": kind} if kind != "ipip" else {}),
        **({"tunnel_port": port} if port is not None else {}),
        **({"tunnel_checksum": checksum} if checksum != "none" else {}),
    }
