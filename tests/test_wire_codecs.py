"""Frames of ARP and neighbour discovery: golden bytes, round trips, and what is refused."""

from __future__ import annotations

import errno
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fuzz.profiles import times
from lvsdr.errors import CannotRun
from lvsdr.model.neighbour_claim import Answer
from lvsdr.wire import announce
from lvsdr.wire.arp_nd_questions import Asker, Questions, neighbour_questions, schedule
from lvsdr.wire.frames import arp, ethernet, neighbour_discovery
from lvsdr.wire.frames.arp import Arp
from lvsdr.wire.frames.ethernet import Frame, FrameError
from lvsdr.wire.frames.neighbour_discovery import Advertisement, Solicitation
from lvsdr.wire.pacing import paced
from lvsdr.wire.packet_socket import link_errors
from lvsdr.wire.who_has import answer

US = "02:00:00:00:00:11"
THEM = "02:00:00:00:00:12"
DIP = IPv4Address("192.0.2.11")
VIP = IPv4Address("192.0.2.12")
DIP6 = IPv6Address("2001:db8::11")
VIP6 = IPv6Address("2001:db8::12")
ASKER = Asker(US, DIP, DIP6)

macs = st.binary(min_size=6, max_size=6).map(ethernet.mac_text)
ip4s = st.ip_addresses(v=4)
ip6s = st.ip_addresses(v=6)
unicasts = ip6s.filter(lambda address: not address.is_multicast)
speakers = unicasts.filter(lambda address: address != neighbour_discovery.NOBODY)
arps = st.builds(Arp, st.sampled_from([arp.REQUEST, arp.REPLY]), macs, ip4s, macs, ip4s)
solicitations = st.builds(Solicitation, speakers, ip6s, unicasts, st.none() | macs) | st.builds(
    neighbour_discovery.probe, unicasts
)
advertisements = st.builds(
    Advertisement,
    unicasts,
    unicasts,
    unicasts,
    st.none() | macs,
    st.booleans(),
    st.booleans(),
    st.booleans(),
) | st.builds(neighbour_discovery.unsolicited, macs, speakers)
padding = st.binary(max_size=18)


# Frames that Linux 6.18, iputils arping and ndisc6 sent, as tcpdump saw them.
LINUX_ARP_REPLY = bytes.fromhex(
    "020000000011 020000000012 0806 0001 0800 0604 0002020000000012 c000020c 020000000011 c000020b"
)
LINUX_ARP_REPLY_TO_PROBE = LINUX_ARP_REPLY[:-4] + bytes(4)
ARPING_GRATUITOUS_REPLY = bytes.fromhex(
    "ffffffffffff 020000000011 0806 0001 0800 0604 0002020000000011 c000020b 020000000011 c000020b"
)
NDISC6_SOLICITATION = bytes.fromhex(
    "3333ff000012 020000000011 86dd 6008de1d 0020 3a ff"
    "fe80000000000000000000fffe000011 ff0200000000000000000001ff000012"
    "8700 4c1f 00000000 20010db8000000000000000000000012 0101 020000000011"
)
LINUX_ADVERTISEMENT = bytes.fromhex(
    "020000000011 020000000012 86dd 60000000 0020 3a ff"
    "20010db8000000000000000000000012 fe80000000000000000000fffe000011"
    "8800 ba69 60000000 20010db8000000000000000000000012 0201 020000000012"
)
LINUX_UNSOLICITED = bytes.fromhex(
    "333300000001 020000000012 86dd 60000000 0020 3a ff"
    "20010db8000000000000000000000012 ff020000000000000000000000000001"
    "8800 f8f7 20000000 20010db8000000000000000000000012 0201 020000000012"
)


@given(macs)
def test_a_mac_address_survives_as_text(mac: str) -> None:
    assert ethernet.mac_text(ethernet.mac_bytes(mac)) == mac
    assert ethernet.mac_bytes(mac.upper()) == ethernet.mac_bytes(mac)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "02:00:00:00:00",
        "02:00:00:00:00:111",
        "02-00-00-00-00-11",
        f"{US}\n",
        "\u06602" + US[2:],
    ],
)
def test_what_is_no_mac_address_is_refused(text: str) -> None:
    with pytest.raises(FrameError):
        ethernet.mac_bytes(text)


@given(st.builds(Frame, macs, macs, st.integers(0, 0xFFFF), st.binary()))
def test_a_frame_survives_its_bytes(frame: Frame) -> None:
    assert ethernet.decode(ethernet.encode(frame)) == frame


@given(arps, padding)
def test_an_arp_packet_survives_its_bytes_and_padding(packet: Arp, pad: bytes) -> None:
    assert arp.decode(arp.encode(packet) + pad) == packet


@given(solicitations | advertisements, padding)
def test_a_neighbour_message_survives_its_bytes_and_padding(
    message: neighbour_discovery.Message, pad: bytes
) -> None:
    assert neighbour_discovery.decode(neighbour_discovery.encode(message) + pad) == message


def test_an_arp_reply_of_linux_is_read() -> None:
    packet = arp.decode(ethernet.decode(LINUX_ARP_REPLY).payload)

    assert packet == Arp(arp.REPLY, THEM, VIP, US, DIP)


def test_arp_questions_have_these_bytes() -> None:
    asked = neighbour_questions(ASKER, [VIP])

    start = bytes.fromhex("ffffffffffff 020000000011 0806 0001 0800 0604 0001 020000000011")
    assert asked == Questions(
        late=(start + bytes.fromhex("c000020b 000000000000 c000020c"),),
        prompt=(start + bytes.fromhex("00000000 000000000000 c000020c"),),
    )


def test_a_vip_is_claimed_in_the_request_and_the_reply_form() -> None:
    request, reply = announce.claims(US, DIP)

    assert arp.decode(request[14:]) == Arp(arp.REQUEST, US, DIP, ethernet.UNKNOWN, DIP)
    assert reply == ARPING_GRATUITOUS_REPLY


def test_a_vip_is_claimed_on_ipv6_as_linux_does() -> None:
    assert list(announce.claims(THEM, VIP6)) == [LINUX_UNSOLICITED]


def test_an_ipv6_question_has_the_bytes_of_ndisc6() -> None:
    message = neighbour_discovery.question(US, IPv6Address("fe80::ff:fe00:11"), VIP6)

    frame = neighbour_discovery.multicast(US, message)

    without_flow_label = NDISC6_SOLICITATION[:15] + bytes(3) + NDISC6_SOLICITATION[18:]
    assert frame == without_flow_label
    assert neighbour_discovery.decode(NDISC6_SOLICITATION[14:]) == message


def test_an_ipv6_probe_speaks_for_nobody() -> None:
    probe = neighbour_discovery.decode(
        neighbour_discovery.multicast(US, neighbour_discovery.probe(VIP6))[14:]
    )

    assert probe == Solicitation(
        neighbour_discovery.NOBODY, IPv6Address("ff02::1:ff00:12"), VIP6, None
    )


def test_an_advertisement_of_linux_is_read() -> None:
    message = neighbour_discovery.decode(LINUX_ADVERTISEMENT[14:])

    assert message == Advertisement(
        VIP6, IPv6Address("fe80::ff:fe00:11"), VIP6, THEM, solicited=True, override=True
    )


@given(st.integers(0, 27))
def test_a_truncated_arp_packet_is_refused(size: int) -> None:
    with pytest.raises(FrameError):
        arp.decode(LINUX_ARP_REPLY[14 : 14 + size])


@pytest.mark.parametrize(
    ("at", "value"), [(1, 6), (2, 0x86), (4, 8), (5, 16), (7, 0), (7, 3)], ids=str
)
def test_arp_of_another_kind_is_refused(at: int, value: int) -> None:
    data = bytearray(LINUX_ARP_REPLY[14:])
    data[at] = value

    with pytest.raises(FrameError):
        arp.decode(bytes(data))


@given(st.integers(0, 71))
def test_a_truncated_neighbour_message_is_refused(size: int) -> None:
    with pytest.raises(FrameError):
        neighbour_discovery.decode(LINUX_ADVERTISEMENT[14 : 14 + size])


@given(st.integers(0, 71), st.integers(1, 255))
def test_a_changed_byte_is_refused_or_belongs_to_the_class_of_traffic(at: int, bits: int) -> None:
    data = bytearray(LINUX_ADVERTISEMENT[14:])
    data[at] ^= bits

    if (at == 0 and bits < 16) or at in (1, 2, 3):
        assert neighbour_discovery.decode(bytes(data)) == neighbour_discovery.decode(
            LINUX_ADVERTISEMENT[14:]
        )
    else:
        with pytest.raises(FrameError):
            neighbour_discovery.decode(bytes(data))


def with_body(source: IPv6Address, destination: IPv6Address, body: str) -> bytes:
    """Return an IPv6 packet with this ICMPv6 body and the checksum that belongs there."""
    raw = bytearray.fromhex(body)
    ends = source.packed + destination.packed
    words = ends + len(raw).to_bytes(4, "big") + bytes([0, 0, 0, 58]) + raw
    total = sum(int.from_bytes(words[i : i + 2], "big") for i in range(0, len(words), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    raw[2:4] = (~total & 0xFFFF).to_bytes(2, "big")
    return bytes.fromhex("60000000") + len(raw).to_bytes(2, "big") + b"\x3a\xff" + ends + raw


TARGET = "20010db8000000000000000000000012"
TO_US = "8800 0000 60000000" + TARGET
GROUP = neighbour_discovery.solicited_node(VIP6)


@pytest.mark.parametrize(
    ("source", "destination", "body"),
    [
        pytest.param(VIP6, DIP6, "8801 0000 60000000" + TARGET, id="code"),
        pytest.param(VIP6, DIP6, "8900 0000 60000000" + TARGET, id="a redirect"),
        pytest.param(VIP6, DIP6, "8800 0000 20000000 ff02" + TARGET[4:], id="target is a group"),
        pytest.param(GROUP, DIP6, TO_US, id="a group speaks"),
        pytest.param(VIP6, neighbour_discovery.ALL_NODES, TO_US, id="solicited, to a group"),
        pytest.param(VIP6, DIP6, TO_US + "0200 020000000012", id="option of no length"),
        pytest.param(VIP6, DIP6, TO_US + "0202 020000000012", id="option is cut off"),
        pytest.param(VIP6, DIP6, TO_US + "02", id="option without length"),
        pytest.param(VIP6, DIP6, TO_US + "0202" + "00" * 14, id="link-layer address of EUI-64"),
        pytest.param(
            neighbour_discovery.NOBODY, VIP6, "8700 0000 00000000" + TARGET, id="probe to one host"
        ),
        pytest.param(
            neighbour_discovery.NOBODY,
            GROUP,
            "8700 0000 00000000" + TARGET + "0101 020000000012",
            id="probe, MAC",
        ),
    ],
)
def test_what_the_rfc_tells_to_discard_is_refused(
    source: IPv6Address, destination: IPv6Address, body: str
) -> None:
    with pytest.raises(FrameError):
        neighbour_discovery.decode(with_body(source, destination, body))


def test_of_two_link_layer_addresses_the_first_counts_and_other_options_do_not() -> None:
    options = "0e01 0000000000000201 0200000000120201 020000000099"

    message = neighbour_discovery.decode(with_body(VIP6, DIP6, TO_US + options))

    assert message.mac == THEM


def test_the_group_and_its_mac_follow_the_last_three_bytes() -> None:
    group = neighbour_discovery.solicited_node(IPv6Address("2001:db8::12:3456"))

    assert group == IPv6Address("ff02::1:ff12:3456")
    assert neighbour_discovery.multicast_mac(group) == "33:33:ff:12:34:56"


@times(1_000, 10_000)
@given(st.binary(max_size=128))
@example(LINUX_ARP_REPLY)
@example(NDISC6_SOLICITATION)
def test_arbitrary_bytes_raise_nothing_but_frame_errors(data: bytes) -> None:
    for decode in (ethernet.decode, arp.decode, neighbour_discovery.decode):
        try:
            decode(data)
        except FrameError:
            continue


@times(500, 2_000)
@given(
    st.sampled_from([LINUX_ARP_REPLY, NDISC6_SOLICITATION, LINUX_ADVERTISEMENT]),
    st.lists(st.tuples(st.integers(0, 90), st.integers(0, 255)), max_size=4),
    st.integers(0, 90),
)
def test_damaged_frames_never_raise_when_asked_for_an_answer(
    frame: bytes, damage: list[tuple[int, int]], size: int
) -> None:
    data = bytearray(frame)
    for at, value in damage:
        data[at % len(data)] = value

    found = answer(bytes(data[:size]), ASKER, frozenset({VIP, VIP6}))

    assert found is None or found.address in {VIP, VIP6}


def arp_frame(packet: Arp, source: str = THEM) -> bytes:
    return ethernet.encode(Frame(US, source, ethernet.ARP, arp.encode(packet)))


def nd_frame(message: neighbour_discovery.Message, source: str = THEM) -> bytes:
    return ethernet.encode(Frame(US, source, ethernet.IPV6, neighbour_discovery.encode(message)))


OTHER = IPv4Address("192.0.2.77")
OTHER6 = IPv6Address("2001:db8::77")


@pytest.mark.parametrize(
    ("frame", "form"),
    [
        pytest.param(LINUX_ARP_REPLY, "own", id="reply to our question"),
        pytest.param(LINUX_ARP_REPLY_TO_PROBE, "probe", id="reply to our probe"),
        pytest.param(
            arp_frame(Arp(arp.REPLY, THEM, VIP, US, OTHER)), "overheard", id="reply to others"
        ),
        pytest.param(
            arp_frame(Arp(arp.REQUEST, THEM, VIP, US, DIP)), "overheard", id="asks in its name"
        ),
        pytest.param(
            arp.broadcast(arp.gratuitous_reply(THEM, VIP)), "overheard", id="gratuitous reply"
        ),
        pytest.param(
            nd_frame(Advertisement(VIP6, DIP6, VIP6, THEM, solicited=True, override=True)),
            "own",
            id="ND: own",
        ),
        pytest.param(
            nd_frame(Advertisement(VIP6, DIP6, VIP6, THEM, solicited=True)),
            "proxy",
            id="ND: a proxy's",
        ),
        pytest.param(LINUX_UNSOLICITED, "probe", id="ND: to all nodes"),
        pytest.param(
            nd_frame(Advertisement(VIP6, OTHER6, VIP6, THEM)), "overheard", id="ND: to others"
        ),
        pytest.param(
            nd_frame(Solicitation(VIP6, OTHER6, OTHER6, THEM)), "overheard", id="ND: asks"
        ),
    ],
)
def test_the_form_of_an_answer_tells_what_was_asked(frame: bytes, form: str) -> None:
    found = answer(frame, ASKER, frozenset({VIP, VIP6}))

    assert found is not None
    assert (found.mac, found.form) == (THEM, form)


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(arp_frame(Arp(arp.REPLY, THEM, OTHER, US, DIP)), id="another address"),
        pytest.param(arp_frame(Arp(arp.REPLY, US, VIP, US, DIP), source=US), id="our own frame"),
        pytest.param(arp.broadcast(arp.question(THEM, OTHER, VIP)), id="somebody asks for it"),
        pytest.param(nd_frame(neighbour_discovery.probe(VIP6)), id="ND: somebody probes for it"),
        pytest.param(
            nd_frame(neighbour_discovery.question(THEM, OTHER6, VIP6)),
            id="ND: somebody asks for it",
        ),
        pytest.param(LINUX_ARP_REPLY[:30], id="truncated"),
        pytest.param(b"", id="nothing"),
        pytest.param(LINUX_ARP_REPLY[:12] + b"\x08\x00" + LINUX_ARP_REPLY[14:], id="IPv4"),
    ],
)
def test_what_nobody_said_in_the_name_of_the_vip_is_no_answer(frame: bytes) -> None:
    assert answer(frame, ASKER, frozenset({VIP, VIP6})) is None


def test_the_mac_inside_counts_and_the_one_of_the_frame_is_kept_beside_it() -> None:
    claimed = "02:00:00:00:00:99"

    found = answer(arp_frame(Arp(arp.REPLY, claimed, VIP, US, DIP)), ASKER, frozenset({VIP}))

    assert found == Answer(VIP, claimed, "own", THEM)


def test_what_another_says_of_our_mac_is_heard() -> None:
    frame = arp_frame(Arp(arp.REPLY, US, VIP, US, DIP))

    assert answer(frame, ASKER, frozenset({VIP})) == Answer(VIP, US, "own", THEM)


def test_an_advertisement_without_a_mac_counts_for_the_source_of_its_frame() -> None:
    frame = nd_frame(Advertisement(VIP6, DIP6, VIP6, None, solicited=True, override=True))

    assert answer(frame, ASKER, frozenset({VIP6})) == Answer(VIP6, THEM, "own")


def test_without_a_source_only_the_probe_is_asked() -> None:
    asked = neighbour_questions(Asker(US, None, None), [VIP, VIP6])

    # Proxies answer the probe of IPv6, too, and that is late.
    assert asked == Questions(
        late=(neighbour_discovery.multicast(US, neighbour_discovery.probe(VIP6)),),
        prompt=(arp.broadcast(arp.probe(US, VIP)),),
    )


def test_rounds_keep_their_gap_and_long_rounds_follow_each_other() -> None:
    short = paced([b"a", b"b"], 2, 0.15)
    long = paced([b""] * 5000, 3, 0.15)

    assert [frame for _, frame in short] == [b"a", b"b", b"a", b"b"]
    assert [due for due, _ in short] == pytest.approx([0, 0.0002, 0.15, 0.1502])
    assert long[-1][0] == pytest.approx(3, abs=0.001)
    assert paced([], 3, 0.15) == []


FEW, MANY = Questions((b"own",), (b"probe",)), Questions((b"own",) * 4096, (b"probe",) * 4096)


@pytest.mark.parametrize("asked", [FEW, MANY, Questions((), (b"probe",)), Questions((b"own",), ())])
def test_a_proxy_is_waited_for_as_long_as_asked_and_a_busy_owner_for_a_while(
    asked: Questions,
) -> None:
    timed, end = schedule(asked, 1.6, 5000)

    last = {frame: due for due, frame in timed}
    assert end >= last.get(b"own", 0) + 1.6
    assert end >= last.get(b"probe", 0) + 0.5


def test_thousands_are_asked_for_twice_in_each_form_within_the_rate_and_5_seconds() -> None:
    timed, end = schedule(MANY, 1.6, 5000)

    dues = [due for due, _ in timed]
    assert (len(timed), dues == sorted(dues)) == (4 * 4096, True)
    assert all(after - before >= 0.018 for before, after in zip(dues, dues[100:], strict=False))
    assert end < 4


def test_the_rate_is_kept() -> None:
    timed, _ = schedule(FEW, 1.6, 2)

    dues = [due for due, _ in timed]
    assert all(after - before >= 0.49 for before, after in pairwise(dues))


@pytest.mark.parametrize(
    ("number", "said", "hints"),
    [
        (errno.ENETDOWN, "cannot listen on eth0: the link is down (ENETDOWN)", "up"),
        (errno.EPERM, "cannot listen on eth0: operation not permitted (EPERM)", "CAP_NET_RAW"),
        (errno.EIO, "cannot listen on eth0: input/output error (EIO)", ""),
    ],
)
def test_what_a_socket_refuses_is_said_with_what_helps(number: int, said: str, hints: str) -> None:
    with pytest.raises(CannotRun) as refused, link_errors("cannot listen on eth0", "eth0"):
        raise OSError(number, "")

    assert refused.value.message == said
    assert hints in "".join(refused.value.hints)
    assert bool(refused.value.hints) is bool(hints)
