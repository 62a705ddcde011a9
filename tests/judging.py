"""A good keepalived.conf, and what is found in changed ones."""

from __future__ import annotations

import json
from pathlib import Path

from lvsdr.formats.keepalived.conf_syntax import lines_of
from lvsdr.formats.keepalived.configuration import read_by_each_host
from lvsdr.formats.keepalived.judge import findings
from lvsdr.model.finding import Finding
from lvsdr.model.profile import DirectorProfile
from lvsdr.profile.reader import read

DIRECTOR = Path(__file__).parent.parent / "profiles" / "director.json"
GOOD = """
global_defs {
    vrrp_version 3
    enable_script_security
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    advert_int 0.1
    notify "/bin/true lvsdr"
}
"""


SERVED = "lb_kind DR\nprotocol TCP\nreal_server 192.168.1.11 80 {\nTCP_CHECK {\n}\n}\n"
"""What a virtual_server needs at least."""


def changed(folder: Path, **fields: object) -> Path:
    path = folder / "changed.json"
    path.write_text(json.dumps({**json.loads(DIRECTOR.read_text()), **fields}))
    return path


def rules(*texts: str, director: DirectorProfile | None = None) -> list[str]:
    return [each.rule for each in judged(*texts, director=director)]


def judged(*texts: str, director: DirectorProfile | None = None) -> list[Finding]:
    """Return what is found in the files of one cluster: 0.conf, 1.conf, ..."""
    files = [f"{number}.conf" for number in range(len(texts))]
    pairs = zip(files, texts, strict=True)
    read = [each for file, text in pairs for each in read_by_each_host(lines_of(text, file), file)]
    return list(findings(read, director))


def profile(folder: Path, **fields: object) -> DirectorProfile:
    found = read(changed(folder, **fields), "director")
    assert isinstance(found, DirectorProfile)
    return found
