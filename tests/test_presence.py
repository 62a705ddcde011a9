"""Whether keepalived is there: tables of looks, and what comes about with each."""

from __future__ import annotations

from itertools import product

import pytest

from lvsdr.keepalived.presence import DEAF_AFTER, GONE_AFTER, Look, Presence, Turn

LOOKS = {"W": Look.WRITER, "L": Look.LIVES, ".": Look.NOBODY}
TURNS = {
    Turn.CAME_BACK: "back",
    Turn.STOPPED_BEFORE: "before",
    Turn.GONE: "gone",
    Turn.DEAF: "deaf",
    None: "-",
}


def turns(looks: str) -> list[str]:
    """Return what comes about with each of some looks, from the first one of a reader."""
    presence, found = Presence(), []
    for look in looks:
        presence, turn = presence.after(LOOKS[look])
        found.append(TURNS[turn])
    return found


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        pytest.param("WWW", "- - -", id="it is there"),
        pytest.param("W.", "- -", id="it closes the FIFO for a moment, as at a reload"),
        pytest.param("W.W.W", "- - - - -", id="again and again"),
        pytest.param("W..", "- - gone", id="it goes"),
        pytest.param("W.....", "- - gone - - -", id="it goes once"),
        pytest.param("W..W", "- - gone back", id="it comes back"),
        pytest.param("W....W", "- - gone - - back", id="it comes back later"),
        pytest.param("W..WW..", "- - gone back - - gone", id="it goes again"),
        pytest.param(".", "before", id="it stopped before the reader began"),
        pytest.param("..", "before gone", id="and stays away"),
        pytest.param(".W", "before -", id="it starts after the reader"),
        pytest.param("...W", "before gone - back", id="it starts long after the reader"),
        pytest.param("L.", "- before", id="it lives unheard, and then stops"),
        pytest.param("LW", "- -", id="it opens the FIFO a moment after the reader has begun"),
        pytest.param("LLLL", "- - deaf -", id="it lives, and nobody hears it: told once"),
        pytest.param("W.LLLL", "- - - - deaf -", id="the FIFO was removed: it has not gone"),
        pytest.param("W.LL.", "- - - - gone", id="unheard, and then it goes"),
        pytest.param("W.LWL.", "- - - - - gone", id="a look at a writer makes all good"),
        pytest.param("W.LLWWW.LLL", "- - - - - - - - - - deaf", id="deaf counts in a row"),
        pytest.param("W..L", "- - gone -", id="what has gone is not asked for any more"),
    ],
)
def test_what_comes_about_with_each_look(looks: str, expected: str) -> None:
    assert turns(looks) == expected.split()


@pytest.mark.parametrize("looks", list(map("".join, product("WL.", repeat=6))))
def test_whatever_is_seen_a_keepalived_goes_before_it_comes_back(looks: str) -> None:
    found = turns(looks)

    mattering = [each for each in found if each in ("gone", "back")]
    assert mattering == ["gone", "back"] * (len(mattering) // 2) + mattering[:1] * (
        len(mattering) % 2
    )
    # What nobody read is taken for granted at most once, and before all else that is known.
    assert "before" not in found[1:] or set(looks[: found.index("before")]) == {"L"}
    assert ("back" in found) <= ("W" in looks)


@pytest.mark.parametrize(
    ("looks", "in_doubt"), [("", True), ("W", False), ("W.", True), ("W..", False), (".", True)]
)
def test_processes_are_looked_at_where_it_matters_alone(looks: str, in_doubt: bool) -> None:
    presence = Presence()
    for look in looks:
        presence, _ = presence.after(LOOKS[look])

    assert presence.is_in_doubt == in_doubt


def test_a_reload_is_shorter_than_what_is_taken_for_gone_or_deaf() -> None:
    assert GONE_AFTER > 1
    assert DEAF_AFTER > 1
