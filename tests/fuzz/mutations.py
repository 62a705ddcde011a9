"""What the fuzzers share: mutation of the bytes, or of the data that the bytes stand for."""

from __future__ import annotations

import copy
import importlib
import random
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

# Not a dependency of the project: pip install atheris, where these are run.
atheris: Any = importlib.import_module("atheris")

Loads = Callable[[bytes], Any]
Dumps = Callable[[Any], bytes]

STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**64, 10**30, 0.0, 1.0, 1.5, float("inf")),
    *("", "0", "lo", "eth0", "a" * 70, "\x1b[2J", "\u202e", "é" * 10, "192.0.2.10", "10.0.0.0/8"),
    *("fe80::1%eth0", "::ffff:1.2.3.4", "2001:db8::2", "[2001:db8::2]:80", "192.0.2.10:80"),
    *([], {}, [[]], [{}], {"": 0}),
)


def run(
    one: Callable[[bytes], None],
    loads: Loads,
    dumps: Dumps,
    seeds: Iterable[bytes],
    words: Iterable[str],
) -> None:
    """Fuzz `one` with what the command line says, from `seeds` and with `words` to put in."""
    known = sorted(set(words))
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        corpus = folder / "corpus"
        corpus.mkdir()
        for number, seed in enumerate(seeds):
            (corpus / f"{number:04}").write_bytes(seed)
        dictionary = folder / "words"
        dictionary.write_text("".join(f'"{word}"\n' for word in known if word.isalnum()))
        arguments = [*sys.argv, f"-dict={dictionary}", str(corpus)]
        mutator = _mutator(loads, dumps, known)
        atheris.Setup(arguments, one, custom_mutator=mutator)
        atheris.Fuzz()


def _mutator(loads: Loads, dumps: Dumps, words: list[str]) -> Callable[[bytes, int, int], bytes]:
    def mutate(raw: bytes, most: int, seed: int) -> bytes:
        chance = random.Random(seed)
        if chance.random() < 0.8:
            try:
                changed = dumps(_changed(loads(raw), chance, words))
            except (ValueError, TypeError, AttributeError, RecursionError):
                changed = b""
            if 0 < len(changed) <= most:
                return changed
        return bytes(atheris.Mutate(raw, most))

    return mutate


def _changed(data: Any, chance: random.Random, words: list[str]) -> Any:
    """Return `data` with one to three of its parts changed, added, moved or taken away."""
    for _ in range(chance.randint(1, 3)):
        parts = _containers(data)
        if not parts:
            return _value(parts, chance, words)
        part = chance.choice(parts)
        keys: list[Any] = list(part) if isinstance(part, dict) else list(range(len(part)))
        what = chance.random()
        if keys and what < 0.2:
            del part[chance.choice(keys)]
        elif keys and what < 0.7:
            part[chance.choice(keys)] = _value(parts, chance, words)
        elif isinstance(part, dict):
            part[chance.choice(words)] = _value(parts, chance, words)
        else:
            part.append(_value(parts, chance, words))
    return data


def _value(parts: list[Any], chance: random.Random, words: list[str]) -> Any:
    what = chance.random()
    if parts and what < 0.2:
        return copy.deepcopy(chance.choice(parts))
    if what < 0.5:
        return chance.choice(words)
    if what < 0.6:
        return chance.randint(-3, 70_000)
    return copy.deepcopy(chance.choice(STRANGE))


def _containers(data: Any) -> list[Any]:
    found, todo = [], [data]
    while todo:
        part = todo.pop()
        if isinstance(part, dict | list):
            found.append(part)
            todo.extend(part.values() if isinstance(part, dict) else part)
    return found
