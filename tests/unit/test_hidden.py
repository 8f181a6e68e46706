"""Which values are hidden where, and in which forms."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from bot import hidden
from bot.redact import MARK
from bot.store.rules import REPLY_LIMIT, end_columns, keyed
from dispatcher.model import Notice, Outcome, RunState
from tests.hidden_world import noted

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nbGluZS1vbmUtb2YtdGhlLWtleQ\nbGluZS10d28\n-----END OPENSSH PRIVATE KEY-----"
OTHER_KEY = KEY.replace("bGlu", "c2Vj")


@pytest.mark.parametrize(
    "value", ["a1b2c3d4", "hunter2-x", "Passw0rd", "correct horse battery staple", "123456789012345678901", "p@ssword"]
)
def test_what_can_hardly_be_anything_else_is_hidden_in_chats(value: str) -> None:
    with noted(value):
        assert hidden.shown(f"it is <{value}>.") == f"it is <{MARK}>."


@pytest.mark.parametrize(
    "value",
    [
        "hunter2",
        "password",
        "harbour",
        "my-project",
        "Correct Horse",
        "20261121",
        "/home/me/.ssh/id_ed25519",
        "schlüssel",
    ],
)
def test_what_may_be_a_word_is_hidden_in_the_log_alone(value: str) -> None:
    with noted(value):
        assert hidden.shown(f"it is <{value}>.") == f"it is <{value}>."
        assert hidden.masked(f"it is <{value}>.") == f"it is <{MARK}>."


def test_a_value_is_hidden_as_programs_write_it() -> None:
    value = 'quo"ted\\ & more-1'
    with noted(value):
        for form in (value, json.dumps(value)[1:-1], repr(value)[1:-1], quote(value, safe="")):
            assert hidden.shown(f"<{form}>") == f"<{MARK}>"


def test_shapes_of_the_log_are_words_in_a_chat() -> None:
    for said in ("Bearer authentication is used", "see /login?code=required"):
        assert hidden.shown(said) == said
        assert MARK in hidden.masked(said)


def test_a_noted_key_does_not_hide_from_us_that_another_is_one() -> None:
    """Its first line is the same as any other's."""
    with noted(KEY):
        for text in (OTHER_KEY, KEY, f"{KEY}\n{OTHER_KEY}".replace("\n", "\r\n")):
            assert "c2Vj" not in hidden.masked(text) + hidden.shown(text)
            assert "bGlu" not in hidden.masked(text) + hidden.shown(text)


def test_values_that_overlap_are_one() -> None:
    with noted("first-value-1x", "1x-second-value", "1x-second"):
        assert hidden.shown("a first-value-1x-second-value b") == f"a {MARK} b"
        assert hidden.shown("https://me:first-value-1x@host") == f"https://{MARK}@host"


def test_of_the_environment_what_is_named_like_a_secret_or_asked_for() -> None:
    environ = {
        "MY_API_KEY": "value-of-one-1",
        "THING": "value-of-two-2",
        "OTHER": "value-of-three-3",
        "TERM": "xterm-256color",
        "X_BASE_URL": "https://me:value-of-four-4@example.org/",
    }
    with noted():
        hidden.note_environment(environ, ["THING", "TERM", "X_BASE_URL", "ABSENT"])
        said = hidden.shown(" ".join((*environ.values(), "value-of-four-4")))
    assert said == f"{MARK} {MARK} value-of-three-3 xterm-256color https://{MARK}@example.org/ {MARK}"


def test_nothing_that_is_put_down_for_chats_or_in_records_shows_one() -> None:
    with noted("value-of-ours-1"):
        (kept, changed) = keyed(
            [
                Notice("t", "an aside", asides=((0, 2),)),
                Notice("t", "it is value-of-ours-1", key="k", asides=((0, 2),)),
            ]
        )
        record: dict[str, object] = {"reply": f"{'x' * (REPLY_LIMIT - 8)}value-of-ours-1", "cost": 1.5}
        ended = end_columns(Outcome(RunState.FAILED, "no value-of-ours-1", (), record), 0.0)
    assert (kept.text, kept.asides) == ("an aside", ((0, 2),))
    assert (changed.text, changed.key, changed.asides) == (f"it is {MARK}", "k", ())
    assert (ended["error"], ended["cost"]) == (f"no {MARK}", 1.5)
    assert str(ended["reply"]).endswith(f"x{MARK}")
