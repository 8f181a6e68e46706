"""No secret comes through, however the text is cut; and nothing else is lost, or in another place."""

from __future__ import annotations

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot import hidden, redact
from bot.redact import MARK
from bot.replies.screen import LONGEST, Screen
from tests.hidden_world import noted

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIE aGVsbG8\nd29ybGQ\n-----END RSA PRIVATE KEY-----"
SHAPED = (
    "ghp_" + "a1B2" * 9,
    "sk-ant-" + "x9" * 20,
    "sk-" + "x9-" * 90,
    "AKIA" + "A1B2" * 4,
    "AIza" + "aB1_-" * 7,
    "xoxb-1-2-abcdefghijk",
    "tug_" + "x" * 43,
    "https://me:pass@example.org/x",
    "postgres://:p:w@h",
    KEY,
    KEY.replace("\n", "\r\n"),
)
# One begins with what another ends with, or with what a shape begins with; one holds a key; two begin alike.
VALUES = (
    "hunter2-hunter2",
    "2-hunter3",
    "correct horse battery staple",
    "correct horse battery staple\nof the second line",
    "sk-short-1",
    "abcabcabcabcabcabcabc1",
    "geheim-schlüssel-9",
    "://9:9@9.9",
    f"a-bundle\n{KEY}\nwith-more-behind",
    "pass@example.org/x?y",
)
ORDINARY = ("word", " ", "\n", "-----", "-----BEGIN ", "-----BEGIN CERTIFICATE-----", "://", "é", "漢字", "@", ":", "s",
            "sk", "tug", "gh", "A", "_", "-", "x" * 50, "x-" * 200, "task-", KEY[:40], KEY[40:], KEY[-30:])  # fmt: skip
cut_short = st.builds(
    lambda whole, start, end: whole[start : len(whole) - end],
    st.sampled_from(SHAPED + VALUES),
    st.integers(0, 5),
    st.integers(0, 5),
)
texts = st.lists(st.one_of(st.sampled_from(SHAPED + VALUES), cut_short, st.sampled_from(ORDINARY)), max_size=14).map(
    "".join
)


@st.composite
def cut_texts(draw: st.DrawFn) -> list[str]:
    text = draw(texts)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=25)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@settings(max_examples=500, deadline=None)
@given(st.one_of(texts, st.text(alphabet="ghp_sk-tugAKIz:/@ \n1xox", max_size=300)), st.integers(0, 40))
@example("AKIAABCDABCDABCDABCD", 0)
@example("tugl_" + "x" * 43, 1)
def test_shapes_are_found_where_the_plain_pattern_finds_them(text: str, since: int) -> None:
    since = min(since, len(text))
    plain = [match.span() for match in redact._SHAPES.finditer(text, since)]
    assert redact.look(text, since).spans == plain
    assert redact.redact(text) == redact._SHAPES.subn(MARK, text)


@settings(max_examples=600, deadline=None)
@given(cut_texts())
def test_however_text_is_cut_what_comes_out_is_what_the_whole_would_be(pieces: list[str]) -> None:
    with noted(*VALUES):
        screen, said, whole = Screen(), "", hidden.shown("".join(pieces))
        for piece in pieces:
            said += screen.take(piece)
            assert whole.startswith(said)
        assert said + screen.rest() == whole


@settings(max_examples=200, deadline=None)
@given(texts)
def test_letter_by_letter_it_is_the_same(text: str) -> None:
    with noted(*VALUES):
        screen = Screen()
        assert "".join(map(screen.take, text)) + screen.rest() == hidden.shown(text)


@settings(max_examples=400, deadline=None)
@given(cut_texts(), st.data())
def test_a_pause_shows_nothing_of_a_value(pieces: list[str], data: st.DataObject) -> None:
    """After each piece a moment may pass, or a tool be called between whole secrets."""
    with noted(*VALUES):
        screen, said = Screen(), ""
        for piece in pieces:
            said += screen.take(piece)
            if data.draw(st.booleans()):
                said += screen.ease()
        said += screen.rest()
        whole = hidden.shown("".join(pieces))
        for value in VALUES:
            assert said.count(value) <= whole.count(value)
        assert said.count(MARK) == whole.count(MARK)
        # Nothing is lost: but for a letter or two before a mark it is the same.
        assert len(whole) <= len(said) <= len(whole) + 3 * whole.count(MARK)


@settings(max_examples=200, deadline=None)
@given(texts)
def test_nothing_that_is_noted_is_shown(text: str) -> None:
    with noted(*VALUES):
        said = hidden.shown(text)
        assert not any(value in said for value in VALUES)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_words_are_not_held_back(text: str) -> None:
    """Nothing but what may begin a secret: the end of a word is there as soon as it was said."""
    with noted(*VALUES):
        screen = Screen()
        said = screen.take(f"{text} and this is the end.")
        assert said.endswith("the end.") or MARK in said


@settings(max_examples=40, deadline=None)
@given(st.integers(20_000, 60_000), st.integers(1, 30_000), st.integers(0, 40_000), st.booleans())
def test_what_is_too_long_to_hold_back_gives_no_secret_away(length: int, step: int, at: int, key: bool) -> None:
    secret = "ghp_" + "Q7" * 18
    text = (
        f"-----BEGIN PRIVATE KEY-----\n{'Q7 ' * length}\n-----END PRIVATE KEY-----"
        if key
        else (f"{'.' * at}{secret}{'.' * (length - at)}" if at < length else "." * length + secret)
    )
    screen = Screen()
    said = "".join(screen.take(text[start : start + step]) for start in range(0, len(text), step)) + screen.rest()
    assert "Q7Q7" not in said
    assert not re.search("(Q7 ){3}", said)
    assert screen.rest() == ""
    assert screen.take("after ") == "after "


def test_a_value_longer_than_all_else_is_held_back_as_a_whole() -> None:
    value = "".join(f"{number:06x}" for number in range(LONGEST // 2))
    with noted(value):
        screen = Screen()
        text = f"it is {value} indeed"
        pieces = [text[start : start + 1_000] for start in range(0, len(text), 1_000)]
        assert "".join(map(screen.take, pieces)) + screen.rest() == f"it is {MARK} indeed"


def test_a_long_key_that_a_value_reaches_into_is_not_shown_either() -> None:
    with noted("value=-----BEGIN PRIVATE"):
        screen = Screen()
        text = f"value={KEY[:8]} value=-----BEGIN PRIVATE KEY-----\n{'Q7 ' * LONGEST}-----END PRIVATE KEY----- after"
        pieces = [text[start : start + 500] for start in range(0, len(text), 500)]
        said = "".join(map(screen.take, pieces)) + screen.rest()
        assert said == f"value={KEY[:8]} {MARK} after"
