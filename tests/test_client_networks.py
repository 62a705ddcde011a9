"""The field `clients` of both profiles."""

from __future__ import annotations

import json
from ipaddress import ip_network
from pathlib import Path

import pytest

from lvsdr.errors import ProfileError
from lvsdr.model.profile import DirectorProfile, Profile
from lvsdr.profile import reader

BASE: dict[str, dict[str, object]] = {
    "director": {"role": "director", "interface": "eth0", "vips": [{"address": "192.0.2.2"}]},
    "realserver": {"role": "realserver", "interface": "eth0", "vips": ["192.0.2.2"]},
}


def _read(role: str, clients: list[str], folder: Path) -> Profile:
    data = {**BASE[role], "clients": clients}
    if role == "director":
        data["virtual_servers"] = []
    file = folder / "profile.json"
    file.write_text(json.dumps(data))
    return reader.read(file)


@pytest.mark.parametrize("role", ["director", "realserver"])
def test_networks_of_both_families_are_read(role: str, tmp_path: Path) -> None:
    profile = _read(role, ["10.0.0.0/8", "2001:db8::/32"], tmp_path)

    assert profile.clients == (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))
    assert isinstance(profile, DirectorProfile) is (role == "director")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("10.0.0.1/8", "write 10.0.0.0/8"),
        ("10.0.0.1", "write 10.0.0.1/32"),
        ("10.0.0.0/255.0.0.0", "write 10.0.0.0/8"),
        ("fe80::%eth0/64", "write fe80::/64"),
        ("everybody", "10.0.0.0/8"),
        ("10.0.0.0/33", "10.0.0.0/8"),
    ],
)
def test_what_is_no_prefix_is_refused_with_the_place(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="/clients/0") as caught:
        _read("realserver", [text], tmp_path)

    assert said in " ".join(caught.value.hints)


def test_a_network_stands_once(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"/clients/1: 10\.0\.0\.0/8 is in /clients/0 already"):
        _read("director", ["10.0.0.0/8", "10.0.0.0/8"], tmp_path)
