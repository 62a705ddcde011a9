"""systemd-networkd, NetworkManager and ifupdown: what their files say, and what is found of it."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from lvsdr.formats import ifupdown, networkmanager
from lvsdr.formats.networkd import keeps_addresses
from lvsdr.kernel.views.foreign_config_files import owners
from lvsdr.model.finding import Finding
from lvsdr.model.foreign_program import Owner
from lvsdr.model.host import Host
from lvsdr.model.profile import DirectorProfile, LabelledVip, RealServerProfile
from lvsdr.rules.host.network_managers import of_director, of_realserver
from typed_hints import fault_of_hint

VIP = ip_address("192.0.2.10")
DIRECTOR = DirectorProfile("web", "eth0", (LabelledVip(VIP, "eth0"),), (), ())
REALSERVER = RealServerProfile("rs", "eth0", "dummy", "lvsdr0", (VIP,))
STANZA = "auto eth0\niface eth0 inet static\n    address 192.0.2.1/24\n"


def write(root: Path, files: dict[str, str]) -> Path:
    """Return the folder in which files are, as below /."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def of_eth0(root: Path) -> list[Owner]:
    return list(owners({"lo": 1, "eth0": 2}, root))


def found(*who: Owner) -> list[Finding]:
    return list(of_director(DIRECTOR, Host({}, owners=who)))


@pytest.mark.parametrize(
    ("texts", "kept"),
    [
        ([""], False),
        (["[Network]\nKeepConfiguration=static\n"], True),
        (["[Network]\nKeepConfiguration=yes\n"], True),
        (["[Network]\nKeepConfiguration = Yes\n"], True),
        (["[Network]\nKeepConfiguration=dhcp\n"], False),
        (["[Network]\n#KeepConfiguration=yes\n;KeepConfiguration=yes\n"], False),
        # systemd-networkd takes it for unknown there, and goes on.
        (["[Match]\nKeepConfiguration=yes\n"], False),
        (["[Network]\nKeepConfiguration=yes\n", "[Network]\nKeepConfiguration=no\n"], False),
    ],
)
def test_addresses_are_kept_where_the_last_line_says_so(texts: list[str], kept: bool) -> None:
    assert keeps_addresses(texts) is kept


def test_a_drop_in_of_etc_hides_that_of_its_name_below_usr(tmp_path: Path) -> None:
    keep = "[Network]\nKeepConfiguration={}\n"
    root = write(
        tmp_path,
        {
            "run/systemd/netif/links/2": "NETWORK_FILE=/usr/lib/systemd/network/10-eth0.network\n",
            "usr/lib/systemd/network/10-eth0.network": "[Match]\nName=eth0\n",
            "usr/lib/systemd/network/10-eth0.network.d/keep.conf": keep.format("static"),
        },
    )
    before = of_eth0(root)
    write(root, {"etc/systemd/network/10-eth0.network.d/keep.conf": keep.format("no")})

    place = "/usr/lib/systemd/network/10-eth0.network"
    assert (before, of_eth0(root)) == ([], [Owner("systemd-networkd", place, ("eth0",))])


def test_a_file_that_matches_the_holder_is_named_with_what_keeps_it_from_it() -> None:
    files = ("/etc/systemd/network/50-all.network", "/run/systemd/network/0-all.network")
    who = tuple(Owner("systemd-networkd", file, ("lvsdr0",)) for file in files)

    one, other = of_realserver(REALSERVER, Host({}, owners=who))

    assert (one.rule, one.subject) == ("OWNER-NETWORK", "lvsdr0")
    assert files[0] in one.message
    assert fault_of_hint(one.hint) == ""
    assert "> /etc/systemd/network/00-lvsdr0.network" in one.hint
    # Nothing comes before it by that name.
    assert (other.hint, files[1] in other.look) == ("", True)


def test_a_file_that_has_the_vip_itself_takes_it_from_nobody(tmp_path: Path) -> None:
    name = "20-lvsdr0.network"
    root = write(
        tmp_path,
        {
            "run/systemd/netif/links/3": f"NETWORK_FILE=/etc/systemd/network/{name}\n",
            f"etc/systemd/network/{name}": "[Match]\nName=lvsdr0\n[Network]\nAddress=dhcp\n"
            "[Address]\nAddress=192.0.2.10/32\nScope=host\n",
        },
    )
    (who,) = owners({"lvsdr0": 3}, root)

    assert who.claims == ("lvsdr0", "192.0.2.10")
    assert list(of_realserver(REALSERVER, Host({}, owners=(who,)))) == []


@pytest.mark.parametrize("claim", ["eth0", "lo"])
def test_a_real_servers_own_links_are_the_managers(claim: str) -> None:
    who = Owner("systemd-networkd", "/etc/systemd/network/all.network", (claim,))

    on_lo = RealServerProfile("rs", "eth0", "lo", "lo", (VIP,))
    assert list(of_realserver(on_lo, Host({}, owners=(who,)))) == []


@pytest.mark.parametrize(
    ("addresses", "count"),
    [
        ("address1=192.0.2.1/24,192.0.2.254\naddress2=192.0.2.10/32\n", 0),
        ("address1=192.0.2.1/24,192.0.2.254\n", 1),
        ("addresses=192.0.2.1/24;192.0.2.10/32;\n", 0),
        ("[connection]\ninterface-name=eth0\n", 1),
    ],
)
def test_networkmanager_gives_back_a_vip_that_its_connection_has(
    tmp_path: Path, addresses: str, count: int
) -> None:
    root = write(
        tmp_path,
        {
            "run/NetworkManager/devices/2": "[device]\nmanaged=true\nconnection-uuid=a-b\n",
            "etc/NetworkManager/system-connections/other": "[connection]\nuuid=c\n"
            "[ipv4]\naddress1=192.0.2.10/32\n",
            "etc/NetworkManager/system-connections/eth0.nmconnection": "[connection]\nuuid=a-b\n"
            f"[ipv4]\n{addresses}",
        },
    )

    said = found(*of_eth0(root))

    assert [each.rule for each in said] == ["OWNER-NETWORK"] * count


def test_what_is_no_address_of_a_connection_is_passed_over() -> None:
    text = "[ipv4]\naddress1=here/there\ndns=192.0.2.9/32\n[ipv6]\naddress1=2001:db8::1/64\n"

    assert list(networkmanager.addresses(text)) == [ip_address("2001:db8::1")]


@pytest.mark.parametrize(
    ("interfaces", "state", "count"),
    [
        (STANZA, "lo=lo\neth0=eth0\n", 1),
        # Not set up by it, or not yet.
        (STANZA, "lo=lo\n", 0),
        (STANZA + "    post-up lvsdr director apply || true\n", "eth0=eth0\n", 0),
        (STANZA + "\n    up systemctl restart lvsdr-director@director\n", "eth0=eth0\n", 0),
        (STANZA + "iface eth1 inet static\n    up lvsdr director apply\n", "eth0=eth0\n", 1),
        ("iface eth0 inet manual\n", "eth0=eth0\n", 0),
        ("iface eth0 inet manual\niface eth0 inet6 auto\n", "eth0=eth0\n", 1),
        ("iface home inet \\\n dhcp\n", "eth0=home\n", 1),
        ("source interfaces.d/*\n", "eth0=eth0\n", 1),
        ("source-directory interfaces.d\nsource interfaces\n", "eth0=eth0\n", 1),
        ("# iface eth0 inet static\n", "eth0=eth0\n", 0),
    ],
)
def test_ifupdown_is_told_of_where_it_sets_up_the_interface(
    tmp_path: Path, interfaces: str, state: str, count: int
) -> None:
    files = {
        "run/network/ifstate": state,
        "etc/network/interfaces": interfaces,
        "etc/network/interfaces.d/eth0": STANZA,
    }

    said = found(*of_eth0(write(tmp_path, files)))

    assert [(each.rule, each.hint) for each in said] == [("OWNER-NETWORK", "")] * count


def test_a_stanza_ends_where_another_begins(tmp_path: Path) -> None:
    text = STANZA + "    up one two\nallow-hotplug eth1\n    up three\niface eth1\n    up four\n"
    root = write(tmp_path, {"etc/network/interfaces": text})

    said = list(ifupdown.stanzas(Path("/etc/network/interfaces"), root))

    assert [(each.link, each.method, each.commands) for each in said] == [
        ("eth0", "static", ("one two",)),
        ("eth1", "", ("four",)),
    ]


# Files that name links by index or name are those of one network namespace alone.

FILES = {
    "run/systemd/netif/links/2": "NETWORK_FILE=/etc/systemd/network/eth0.network\n",
    "etc/systemd/network/eth0.network": "[Match]\nName=eth0\n",
    "run/NetworkManager/devices/2": "[device]\nmanaged=true\n",
    "run/network/ifstate": "eth0=eth0\n",
    "etc/network/interfaces": STANZA,
}
BOOT, CONTAINER = "net:[1]", "net:[2]"


def process(root: Path, name: str, program: str, namespace: str, above: Path | None = None) -> None:
    """Add a process to the /proc of a host."""
    folder = root / "proc" / name
    (folder / "ns").mkdir(parents=True)
    links = {"exe": f"/usr/sbin/{program}", "ns/net": namespace, "root": str(above or root)}
    for link, target in links.items():
        (folder / link).symlink_to(target)


def who_sets_up(root: Path, namespace: str) -> list[str]:
    process(root, "1", "systemd", BOOT)
    process(root, "thread-self", "python3", namespace)
    return [each.program for each in of_eth0(write(root, FILES))]


def test_a_hosts_managers_set_up_its_own_links_and_no_containers(tmp_path: Path) -> None:
    for name in ("host", "container"):
        for number, program in enumerate(("NetworkManager", "systemd-networkd"), start=7):
            process(tmp_path / name, str(number), program, BOOT)

    seen = who_sets_up(tmp_path / "host", BOOT), who_sets_up(tmp_path / "container", CONTAINER)

    assert seen == (["NetworkManager", "systemd-networkd", "ifupdown"], [])


def test_a_manager_that_runs_in_another_namespace_sets_up_the_links_there(tmp_path: Path) -> None:
    process(tmp_path, "7", "NetworkManager", BOOT)
    process(tmp_path, "8", "systemd-networkd", CONTAINER)

    assert who_sets_up(tmp_path, CONTAINER) == ["systemd-networkd"]


def test_a_containers_own_manager_has_files_of_its_own(tmp_path: Path) -> None:
    guest = tmp_path / "guest"
    guest.mkdir()
    process(tmp_path, "8", "systemd-networkd", CONTAINER, guest)

    assert who_sets_up(tmp_path, CONTAINER) == []


def test_a_manager_that_ends_meanwhile_sets_up_nothing(tmp_path: Path) -> None:
    process(tmp_path, "8", "systemd-networkd", CONTAINER)
    (tmp_path / "proc/8/root").unlink()

    assert who_sets_up(tmp_path, CONTAINER) == []
