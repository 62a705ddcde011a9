"""What cannot be rehearsed is said before anything is built."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lvsdr.errors import ProfileError
from lvsdr.lab.rehearsal import rehearse

REALSERVER = Path(__file__).parent.parent / "profiles" / "realserver.json"
RIP, RIP6 = "192.168.1.11", "2001:db8::11"

UNFIT: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"forwarding_method": "masquerade"}, {}, "masquerade cannot be rehearsed"),
    (
        {"forwarding_method": "tunnel", "tunnel_type": "gre"},
        {},
        f"the tunnel to {RIP} cannot be rehearsed",
    ),
    (
        {"forwarding_method": "tunnel", "rip": RIP6},
        {},
        f"the tunnel to {RIP6} cannot be rehearsed",
    ),
    (
        {},
        {"sync_daemons": [{"state": "backup", "interface": "eth1"}]},
        "no sync daemon on eth1 can be rehearsed",
    ),
]


@pytest.mark.parametrize(("server", "fields", "message"), UNFIT)
def test_a_cluster_that_cannot_be_built_is_refused(
    tmp_path: Path, server: dict[str, Any], fields: dict[str, Any], message: str
) -> None:
    web: dict[str, Any] = {"vip": "192.168.1.2", "protocol": "tcp", "port": 80}
    web["real_servers"] = [{"rip": RIP, **server}]
    document = {"role": "director", "interface": "eth0", "vips": [{"address": "192.168.1.2"}]}
    path = tmp_path / "director.json"
    path.write_text(json.dumps({**document, "virtual_servers": [web], **fields}))

    with pytest.raises(ProfileError) as refused:
        next(rehearse(path, REALSERVER))

    assert message in refused.value.message
    assert refused.value.hints == ["rehearse the rest in a profile of its own"]
