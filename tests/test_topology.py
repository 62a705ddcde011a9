"""The cluster that two profiles describe."""

from __future__ import annotations

from ipaddress import ip_address

from lvsdr.lab.topology import Topology, topology
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.profile import DirectorProfile, LabelledVip, RealServerProfile


def cluster(vip: str, *rips: str, dip: str | None = None) -> Topology:
    address = ip_address(vip)
    service = Service("tcp", address, 80, family="inet6" if address.version == 6 else "inet")
    director = DirectorProfile(
        "web",
        "eth0",
        (LabelledVip(address, None),),
        (VirtualServer(service),),
        tuple(RealServer(service, ip_address(rip), 80) for rip in rips),
    )
    realserver = RealServerProfile("rs", "ens3", "lo", "lo", (address,))
    return topology(director, realserver, ip_address(dip) if dip else None)


def test_the_hosts_of_the_classic_letter_get_the_addresses_of_the_classic_letter() -> None:
    lab = cluster("192.168.1.2", "192.168.1.11")

    shown = {station.name: (str(station.addresses[0]), station.mac) for station in lab.segment}
    assert shown == {
        "gateway": ("192.168.1.1/24", "02:00:00:00:00:01"),
        "director": ("192.168.1.10/24", "02:00:00:00:00:10"),
        "observer": ("192.168.1.250/24", "02:00:00:00:02:50"),
        "rs1": ("192.168.1.11/24", "02:00:00:00:00:11"),
    }
    assert lab.realservers[0].link == "ens3"


def test_no_two_hosts_share_an_address_or_a_mac() -> None:
    lab = cluster("10.0.0.1", "10.0.0.10", "10.0.0.250", "10.0.1.10", "10.0.2.1")

    addresses = [ip.ip for station in lab.segment for ip in station.addresses]
    macs = [station.mac for station in lab.segment]
    assert len(set(addresses)) == len(addresses)
    assert ip_address("10.0.0.1") not in addresses
    assert len(set(macs)) == len(macs)


def test_what_is_in_no_common_network_is_reached_on_the_link() -> None:
    lab = cluster("207.175.44.110", "10.0.0.3", "172.16.0.2")

    assert set(map(str, lab.on_link(lab.gateway))) == {"172.16.0.2", "207.175.44.110"}
    assert "10.0.0.3" in map(str, lab.on_link(lab.realservers[1]))
    assert "207.175.44.110" not in map(str, lab.on_link(lab.realservers[0]))


def test_the_clients_are_somewhere_else() -> None:
    assert [str(net) for net in cluster("10.10.10.2", "10.10.10.11").client_networks] == [
        "10.99.99.0/24"
    ]
    assert [str(net) for net in cluster("2001:db8::2", "2001:db8::11").client_networks] == [
        "fd00:10:10:10::/64"
    ]


def test_a_director_whose_address_is_a_rip_is_a_real_server_of_itself() -> None:
    lab = cluster("192.168.1.2", "192.168.1.11", "192.168.1.10", dip="192.168.1.10")

    assert [str(station.addresses[0]) for station in lab.realservers] == ["192.168.1.11/24"]
    assert str(lab.director.addresses[0]) == "192.168.1.10/24"


def test_the_address_of_a_director_is_nobody_elses() -> None:
    lab = cluster("192.168.1.2", "192.168.1.10", dip="192.168.1.250")

    addresses = [str(station.addresses[0]) for station in lab.segment]
    assert str(lab.director.addresses[0]) == "192.168.1.250/24"
    assert len(set(addresses)) == len(addresses)
