"""The one decision: what has to change, in which order, and the way back from anywhere."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from lvsdr.core.plan_order import EXPIRE_NODEST_CONN, to_stand_by, to_take_over
from lvsdr.core.planner import plan, touched, way_back
from lvsdr.model.change import Change
from lvsdr.model.ipvs import RealServer, Service, VirtualServer
from lvsdr.model.ipvs_daemons import SyncDaemon
from lvsdr.model.objects import Address, Baseline, Link, Object, Objects, Route, Sysctl, keyed

WEB = Service("tcp", ip_address("192.0.2.10"), 80)
QUIET = Sysctl("net/ipv4/conf/all/arp_ignore", "1")
LOUD = Sysctl("net/ipv4/conf/all/arp_ignore", "0")
HOLDER = Link("lvsdr0", "dummy", up=True, arp=False)
LOOSE = Sysctl("net/ipv4/conf/tunl0/rp_filter", "2")
GUARD = Route(ip_network("192.0.2.10/32"), 4_294_967_294)
SPREAD = VirtualServer(WEB)
SERVER = RealServer(WEB, ip_address("192.0.2.11"), 80)
VIP = Address("lvsdr0", ip_interface("192.0.2.10/32"))
FROM_THE_GROUND_UP: tuple[Object, ...] = (QUIET, HOLDER, LOOSE, GUARD, SPREAD, SERVER, VIP)


def test_what_is_desired_comes_from_the_ground_up() -> None:
    for order in list(permutations(FROM_THE_GROUND_UP))[::97]:
        todo = plan(keyed(order), {}, {})

        assert todo == tuple(Change(None, item) for item in FROM_THE_GROUND_UP)


def test_what_is_given_up_goes_from_the_top_down() -> None:
    for order in list(permutations(FROM_THE_GROUND_UP))[::97]:
        todo = plan({}, keyed(order), {item.key: None for item in order})

        assert todo == tuple(Change(item, None) for item in reversed(FROM_THE_GROUND_UP))


def test_what_is_desired_comes_before_anything_is_given_up() -> None:
    other = Link("other", "dummy", up=True, arp=False)

    todo = plan(keyed([VIP, other]), keyed([HOLDER, QUIET]), {HOLDER.key: None, QUIET.key: LOUD})

    assert todo == (
        Change(None, other),
        Change(None, VIP),
        Change(HOLDER, None),
        Change(QUIET, LOUD),
    )


def test_objects_of_one_layer_keep_the_order_of_the_profile() -> None:
    vips = [Address("lo", ip_interface(f"192.0.2.{last}/32")) for last in (9, 3, 7, 1)]

    assert [change.after for change in plan(keyed(vips), {}, {})] == vips
    given_up: Baseline = {vip.key: None for vip in vips}
    assert [change.before for change in plan({}, keyed(vips), given_up)] == vips


def test_a_value_that_goes_back_is_given_up_though_it_is_still_there() -> None:
    goes_back, comes = Change(QUIET, LOUD), Change(None, VIP)

    assert plan(keyed([VIP]), keyed([QUIET]), {QUIET.key: LOUD}) == (comes, goes_back)
    assert plan(keyed([VIP, LOUD]), keyed([QUIET]), {}) == (goes_back, comes)
    given_up = plan({}, keyed([QUIET, VIP]), {QUIET.key: LOUD, VIP.key: None})
    assert given_up == (Change(VIP, None), goes_back)


def test_what_is_as_it_should_be_is_not_touched() -> None:
    assert plan(keyed([VIP, QUIET]), keyed([VIP, QUIET]), {}) == ()
    assert plan({}, keyed([LOUD]), {QUIET.key: LOUD, VIP.key: None}) == ()


def test_what_differs_is_changed_from_what_it_is() -> None:
    assert plan(keyed([QUIET]), keyed([LOUD]), {}) == (Change(LOUD, QUIET),)


def test_what_neither_the_profile_nor_the_record_names_is_never_named() -> None:
    assert plan(keyed([QUIET]), keyed([QUIET, HOLDER, SPREAD]), {VIP.key: None}) == ()


def test_what_is_still_desired_does_not_go_back() -> None:
    assert plan(keyed([QUIET]), keyed([LOUD]), {QUIET.key: LOUD}) == (Change(LOUD, QUIET),)


def test_what_was_there_before_lvsdr_comes_back() -> None:
    assert plan({}, {}, {SPREAD.key: SPREAD}) == (Change(None, SPREAD),)


MASTER, BACKUP = (
    SyncDaemon(state, "eth0", 1, 1472, ip_address("224.0.0.81"), 8848, 1)
    for state in ("master", "backup")
)
RESTING = RealServer(WEB, SERVER.rip, 80, weight=0)


def test_who_takes_over_chooses_itself_before_a_daemon_stops_and_all_else_is_by_layers() -> None:
    kept = Sysctl(EXPIRE_NODEST_CONN.path, "0")
    desired = keyed([VIP, MASTER, SPREAD, RESTING, EXPIRE_NODEST_CONN, QUIET])

    observed = keyed([SERVER, kept, BACKUP, LOUD])
    todo = plan(desired, observed, {BACKUP.key: None}, to_take_over)

    assert todo == (
        Change(kept, EXPIRE_NODEST_CONN),
        Change(SERVER, RESTING),
        Change(BACKUP, None),
        Change(LOUD, QUIET),
        Change(None, SPREAD),
        Change(None, MASTER),
        Change(None, VIP),
    )


def test_who_stands_by_stops_its_daemon_and_starts_the_other_before_all_else() -> None:
    desired, observed = keyed([QUIET, SPREAD, BACKUP]), keyed([LOUD, MASTER, VIP])

    todo = plan(desired, observed, {VIP.key: None, MASTER.key: None}, to_stand_by)

    assert todo == (
        Change(MASTER, None),
        Change(None, BACKUP),
        Change(LOUD, QUIET),
        Change(None, SPREAD),
        Change(VIP, None),
    )


def test_the_way_back_undoes_the_newest_first() -> None:
    done = plan(keyed(FROM_THE_GROUND_UP), {}, {})

    back = way_back({}, keyed(FROM_THE_GROUND_UP), done)

    assert back == tuple(change.inverse() for change in reversed(done))


def test_the_way_back_is_from_what_is_there_and_not_from_what_was_sent() -> None:
    half = Link("lvsdr0", "dummy", up=False, arp=False)
    done = (Change(LOUD, QUIET), Change(None, HOLDER), Change(None, VIP))

    back = way_back(keyed([LOUD]), keyed([QUIET, half]), done)

    assert back == (Change(half, None), Change(QUIET, LOUD))


def test_the_way_back_brings_back_what_went_without_its_being_asked() -> None:
    done = (Change(VIP, Address("lvsdr0", VIP.ip, "other")),)

    assert way_back(keyed([VIP]), {}, done) == (Change(None, VIP),)


def test_there_is_no_way_back_where_nothing_differs() -> None:
    assert way_back(keyed([LOUD]), keyed([LOUD]), (Change(LOUD, QUIET),)) == ()


# Any host and any wish.

VARIANTS: tuple[tuple[Object, ...], ...] = (
    (QUIET, LOUD, Sysctl(QUIET.path, "8")),
    (HOLDER, Link("lvsdr0", "dummy", up=False, arp=True)),
    (GUARD,),
    (SPREAD, VirtualServer(WEB, "mh", 300)),
    (SERVER, RealServer(WEB, SERVER.rip, 80, weight=0)),
    (VIP, Address("lvsdr0", VIP.ip, "lvsdr0:0")),
)
SOME: st.SearchStrategy[Objects] = st.tuples(
    *[st.sampled_from((None, *each)) for each in VARIANTS]
).map(lambda chosen: keyed(item for item in chosen if item is not None))
BEFORE: st.SearchStrategy[Baseline] = st.tuples(SOME, st.sets(st.integers(0, 5))).map(
    lambda drawn: {
        each[0].key: drawn[0].get(each[0].key)
        for place, each in enumerate(VARIANTS)
        if place in drawn[1]
    }
)


def after(changes: tuple[Change, ...], objects: Objects) -> Objects:
    """Return `objects` once each of `changes` was made, in their order."""
    there = dict(objects)
    for change in changes:
        assert there.pop(change.key, None) == change.before
        if change.after is not None:
            there[change.key] = change.after
    return there


@given(SOME, SOME, BEFORE)
def test_a_plan_leads_to_what_is_desired_in_the_fewest_changes_and_back(
    desired: Objects, observed: Objects, baseline: Baseline
) -> None:
    todo = plan(desired, observed, baseline)

    there = after(todo, observed)
    assert {**there, **desired} == there
    assert all(there.get(key) == was for key, was in baseline.items() if key not in desired)
    assert plan(desired, there, baseline) == ()
    named = [change.key for change in todo]
    assert len(named) == len(set(named))
    assert set(named) <= desired.keys() | baseline.keys()
    for taken in range(len(todo) + 1):
        halfway = after(todo[:taken], observed)
        assert after(way_back(observed, halfway, todo), halfway) == observed


def test_a_plan_may_have_changed_all_but_the_services_that_it_does_not_name() -> None:
    mail = Service("tcp", WEB.vip, 25)
    other = (VirtualServer(mail), RealServer(mail, SERVER.rip, 25))
    mark = VirtualServer(Service("fwmark", fwmark=80))
    keys = keyed((*FROM_THE_GROUND_UP, *other, mark)).keys()

    heavier = (Change(SERVER, replace(SERVER, weight=2)),)
    told = touched(keys, heavier)
    quiet = touched(keys, (Change(LOUD, QUIET),))
    all_of_them = touched(keys, tuple(Change(None, item) for item in FROM_THE_GROUND_UP))

    assert keys - told == {*keyed(other), mark.key}
    assert keys - quiet == {*keyed(other), mark.key, SPREAD.key, SERVER.key}
    assert all_of_them == keys
