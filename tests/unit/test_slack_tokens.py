"""Tokens that were given for one another."""

from __future__ import annotations

import pytest

from transports.slack.tokens import APP, BOT, KINDS, SECRET, Kind, app_of, complaint

GOOD = {BOT: "xoxb-1-2-abcDEF", APP: "xapp-1-A01-2-0a1b", SECRET: "0123456789abcdef" * 2}


@pytest.mark.parametrize("wanted", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("given", KINDS, ids=lambda kind: kind.name)
def test_each_is_taken_for_itself_alone(wanted: Kind, given: Kind) -> None:
    said = complaint(GOOD[given], wanted)
    if wanted is given:
        assert said == ""
        return
    assert said.startswith(f"this is the {given.name} ({given.looks}). Wanted is the {wanted.name}")
    assert wanted.where in said
    assert GOOD[given] not in said


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("", "nothing was given"),
        ("xoxp-1-2", "a user token"),
        ("xoxe.xoxp-1-abc", "app configuration"),
        ("xoxb-1-2\u200b", "not copied whole"),
        ("xoxb-1 xoxb-2", "not copied whole"),
        ("0123456789ABCDEF" * 2, "none of an app's tokens"),
        ("hunter2", "none of an app's tokens"),
    ],
)
def test_what_else_people_find_is_named(value: str, what: str) -> None:
    said = complaint(value, BOT)
    assert what in said
    assert not value or value not in said


def test_an_app_level_token_may_say_whose_it_is() -> None:
    assert app_of(GOOD[APP]) == "A01"
    assert app_of("xapp-fake") == app_of(GOOD[BOT]) == ""
