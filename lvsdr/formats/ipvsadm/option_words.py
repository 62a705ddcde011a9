"""The options of ipvsadm, and the order in which it takes them from a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

NONE, TEXT, MAYBE = range(3)


class Option(NamedTuple):
    """An option: its long name, its letter, and whether a value goes with it."""

    name: str
    letter: str = ""
    takes: int = NONE


COMMANDS = (
    Option("add-service", "A"),
    Option("edit-service", "E"),
    Option("delete-service", "D"),
    Option("clear", "C"),
    Option("list", "L"),
    Option("list", "l"),
    Option("zero", "Z"),
    Option("add-server", "a"),
    Option("edit-server", "e"),
    Option("delete-server", "d"),
    Option("set"),
    Option("help", "h"),
    Option("version", "v"),
    Option("restore", "R"),
    Option("save", "S"),
    Option("start-daemon", takes=TEXT),
    Option("stop-daemon", takes=TEXT),
)
OTHERS = (
    Option("tcp-service", "t", TEXT),
    Option("udp-service", "u", TEXT),
    Option("sctp-service", takes=TEXT),
    Option("fwmark-service", "f", TEXT),
    Option("scheduler", "s", TEXT),
    Option("persistent", "p", MAYBE),
    Option("netmask", "M", TEXT),
    Option("real-server", "r", TEXT),
    Option("masquerading", "m"),
    Option("ipip", "i"),
    Option("gatewaying", "g"),
    Option("weight", "w", TEXT),
    Option("u-threshold", "x", TEXT),
    Option("l-threshold", "y", TEXT),
    Option("numeric", "n"),
    Option("connection", "c"),
    Option("mcast-interface", takes=TEXT),
    Option("mcast-group", takes=TEXT),
    Option("mcast-port", takes=TEXT),
    Option("mcast-ttl", takes=TEXT),
    Option("sync-maxlen", takes=TEXT),
    Option("syncid", takes=TEXT),
    Option("timeout"),
    Option("daemon"),
    Option("stats"),
    Option("rate"),
    Option("thresholds"),
    Option("persistent-conn"),
    Option("nosort"),
    Option("sort"),
    Option("exact", "X"),
    Option("ipv6", "6"),
    Option("ops", "o"),
    Option("pe", takes=TEXT),
    Option("sched-flags", "b", TEXT),
    Option("tun-type", takes=TEXT),
    Option("tun-port", takes=TEXT),
    Option("tun-nocsum"),
    Option("tun-csum"),
    Option("tun-remcsum"),
)
COMMAND_NAMES = frozenset(each.name for each in COMMANDS)
BY_NAME: Mapping[str, Option] = {each.name: each for each in (*COMMANDS, *OTHERS)}
BY_LETTER: Mapping[str, Option] = {
    each.letter: each for each in (*COMMANDS, *OTHERS) if each.letter
}


class Ends(Exception):
    """ipvsadm exits at this line, and reads no further."""


class Skips(Exception):
    """ipvsadm makes nothing of this line, and reads on."""


class Words:
    """The words of one line, taken one option after the other; what is no option is left over."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._next = 0
        self.left: list[str] = []

    def options(self) -> Iterator[tuple[str, str | None]]:
        """Yield the name of each option, and its value; raise Skips where there is none such."""
        while self._next < len(self._words):
            word = self._taken()
            if word == "--":
                self.left += self._words[self._next :]
                return
            if word.startswith("--"):
                yield self._long(word)
            elif word.startswith("-") and len(word) > 1:
                yield from self._letters(word[1:], word)
            else:
                self.left.append(word)

    def _taken(self) -> str:
        self._next += 1
        return self._words[self._next - 1]

    def _long(self, word: str) -> tuple[str, str | None]:
        name, has_value, value = word[2:].partition("=")
        option = BY_NAME.get(name)
        if option is None:
            raise Skips(f"{word} is no option of it")
        if option.takes == NONE:
            if has_value:
                raise Skips(f"--{name} takes no value")
            return name, None
        return name, value if has_value else self._value(option, word)

    def _letters(self, letters: str, word: str) -> Iterator[tuple[str, str | None]]:
        """Yield the options of a word such as -At; what follows a value's letter is the value."""
        for place, letter in enumerate(letters):
            option = BY_LETTER.get(letter)
            if option is None:
                raise Skips(f"{word} is no option of it")
            rest = letters[place + 1 :]
            if option.takes == NONE:
                if rest.startswith("="):
                    raise Skips(f"-{letter} takes no value")
                yield option.name, None
                continue
            yield option.name, rest.removeprefix("=") if rest else self._value(option, word)
            return

    def _value(self, option: Option, word: str) -> str | None:
        """Return the next word as the value of an option; one that may go without has it or not."""
        there = self._next < len(self._words)
        if option.takes == MAYBE:
            return self._taken() if there and not self._words[self._next].startswith("-") else None
        if not there:
            raise Skips(f"{word} has no value")
        return self._taken()
