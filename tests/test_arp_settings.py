"""The values of arp_ignore and arp_announce: one table, and all that depends on it agrees."""

from __future__ import annotations

import pytest

from lvsdr.model.arp_settings import SETTINGS, meaning_of, spoils
from lvsdr.profile import schema
from lvsdr.profile.reader.remedies import reason


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_profile_may_have_what_is_silent_and_all_else_is_refused_with_a_reason(
    setting: str,
) -> None:
    allowed = schema.document("realserver")["properties"][setting]["enum"]

    assert allowed == [value for value in range(20) if meaning_of(setting, value).silent]
    assert [value for value in range(20) if not reason(setting, value)] == allowed


@pytest.mark.parametrize(
    ("setting", "harmless"), [("arp_ignore", [0, 1, 2, 8]), ("arp_announce", [0, 1, 2])]
)
def test_what_is_larger_and_not_silent_spoils_the_other_value(
    setting: str, harmless: list[int]
) -> None:
    assert [value for value in range(20) if not spoils(setting, value)] == harmless
