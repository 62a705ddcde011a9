"""A setting of a server in the words of those who are told of it: people, ipvsadm, keepalived."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lvsdr.model.late_dataclasses import Field, field

PEOPLE, IPVSADM, KEEPALIVED = "people", "ipvsadm", "keepalived"

WORDS = "words"
ALWAYS = "always"


def setting(default: object, *, always: bool = False, **words: str) -> Any:
    """Return the field of a dataclass for one setting, with a format string for each audience.

    It is said where it is not its default, or `always`. Who is given no words for it is told in
    another way (two thresholds at once), or cannot be told at all: see `unsaid`.
    """
    return field(default=default, metadata={WORDS: words, ALWAYS: always})


def said(each: Field[Any], value: object, audience: str) -> str:
    """Return the words of one setting that is `value`, empty where there is nothing to say."""
    words: Mapping[str, str] = each.metadata.get(WORDS, {})
    if value == each.default and not each.metadata.get(ALWAYS):
        return ""
    return words.get(audience, "").format(value)


def has_words(each: Field[Any], audience: str) -> bool:
    """Return whether `audience` is told of a setting by itself."""
    return audience in each.metadata.get(WORDS, {})


def all_said(settings: Iterable[tuple[Field[Any], object]], audience: str) -> list[str]:
    """Return the words of settings, each with its value."""
    return [words for each, value in settings if (words := said(each, value, audience))]


def unsaid(settings: Iterable[tuple[Field[Any], object]], audience: str) -> list[str]:
    """Return the names of the settings that are not their default and have no words."""
    return [
        each.name
        for each, value in settings
        if value != each.default and not has_words(each, audience)
    ]


def limits_in_words(upper: object, lower: object) -> str:
    """Return two thresholds that are not both 0 to people, as numbers or as their texts."""
    return "" if str(upper) == str(lower) == "0" else f"thresholds {upper}/{lower}"
