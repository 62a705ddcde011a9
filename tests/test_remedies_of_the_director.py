"""What is heard of the director, told on the director itself: its remedy is here."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from lvsdr.model.finding import ERROR, Finding
from lvsdr.model.profile import DirectorProfile, LabelledVip
from lvsdr.rules.host.harm_of_apply import for_the_director
from lvsdr.rules.segment.who_answers import DIRECTOR as THE_DIRECTOR

VIP = ip_address("192.0.2.10")
PROFILE = DirectorProfile("web", "eth0", (LabelledVip(VIP, "eth0:0"),), (), ())
APPLY = "lvsdr director apply"
MISSING = Finding("DRIFT", ERROR, "eth0", "the VIP is not there", APPLY)
NOBODY = Finding(
    *("ARP-NOBODY", ERROR, str(VIP), "nobody answers"), look="is it up?", on=THE_DIRECTOR
)
TWO = replace(NOBODY, rule="ARP-TWO-DIRECTORS", look="which of the two")
HERE = "what else is found on this host: it is the director"


def told(heard: Finding, *found: Finding) -> tuple[str, str, str]:
    (one,) = for_the_director([heard], PROFILE, found, THE_DIRECTOR)
    return one.hint, one.look, one.on


@pytest.mark.parametrize("hint", [APPLY, f"{APPLY} && lvsdr director announce"])
def test_that_nobody_answers_is_mended_by_apply_where_that_is_known_to_mend(hint: str) -> None:
    assert told(NOBODY, replace(MISSING, hint=hint)) == (APPLY, "", "")


@pytest.mark.parametrize("found", [(), (replace(MISSING, hint="", look="but first"),)])
def test_else_it_is_what_is_found_here_that_tells_why(found: tuple[Finding, ...]) -> None:
    assert told(NOBODY, *found) == ("", HERE, "")


def test_what_has_words_of_its_own_keeps_them() -> None:
    assert told(TWO, MISSING) == ("", "which of the two", "")
    assert told(replace(TWO, look=""), MISSING) == ("", HERE, "")


def test_what_is_to_be_done_on_another_host_is_left_as_it_is() -> None:
    elsewhere = replace(NOBODY, on="192.0.2.11")

    assert told(elsewhere, MISSING) == ("", "is it up?", "192.0.2.11")
