"""Slack: whatever is said, its markup is whole, fits, pings nobody and loses no word."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.slack_fake.blocks import check
from tests.slack_fake.mrkdwn import mistakes, pings
from transports.base import Choice
from transports.slack.blocks import content, streamable
from transports.slack.lines import portions
from transports.slack.markup import asides, lines, to_mrkdwn, unescape
from transports.slack.spans import escape

LIMIT = 8_000
# No letters or digits, but in what Markdown keeps or shows as something else; each in any place.
SIGNS = (
    *(
        "*",
        "**",
        "_",
        "__",
        "~~",
        "~",
        "`",
        "``",
        "\n```\n",
        "\n~~~\n",
        "\n    ",
        "\n",
        "\n\n",
        "\\\n",
        "  \n",
        " ",
        "\t",
    ),
    *(
        "\n# ",
        "\n> ",
        "\n- ",
        "\n1. ",
        "\n- [ ] ",
        "\n---\n",
        "\n> - > ",
        "|",
        "\n|",
        "\n|--|--|\n",
        "\\|",
        "\n| :-: |\n",
    ),
    *("[", "](", ")", "![", "](https://", "](<https://", ">)", "<https://", "<mailto:", ">", "<", " https://", "]: "),
    *(
        "&",
        "& ",
        "&amp;",
        "&lt;",
        "<!channel>",
        "<@U1>",
        "<!",
        "<#C1|",
        "\\",
        "\\*",
        "\\<",
        '"',
        " 'x'",
        "漢",
        "é",
        "👍🏽",
    ),
    *("\u200b", "\u202e", "\x1b[1m", "\x07", "\ud800", "\u2028", "&#10;", "@here ", "#"),
)
sign = st.sampled_from(SIGNS)
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=30)
PIECES = st.lists(sign | ANY_TEXT, max_size=30)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Short ones, and long ones that repeat themselves."""
    once = "".join(draw(PIECES))
    return (once * draw(st.sampled_from([1, 1, 1, 3, 40, 2_000])))[:LIMIT]


@settings(deadline=None)
@given(texts())
@example("&" * LIMIT)
@example("*a " * 2_600)
@example("`" * LIMIT)
@example("- " * 4_000)
@example(">" * LIMIT)
@example("[" * LIMIT)
def test_markup_is_whole_and_pings_nobody(text: str) -> None:
    for made in (lines(text), asides(text)):
        for part in portions(made, 3_000):
            assert 0 < len(part) <= 3_000
            assert not list(mistakes(part))
            assert not pings(part)
            fenced = [line for line in part.split("\n") if "```" in line]
            assert fenced == ["```"] * len(fenced)
            assert len(fenced) % 2 == 0


CHOICES = st.lists(st.builds(Choice, ANY_TEXT | st.just("allow"), ANY_TEXT, st.just("")), max_size=30)


@settings(deadline=None)
@given(texts(), st.lists(st.tuples(st.integers(0, LIMIT), st.integers(0, LIMIT)), max_size=60), CHOICES, ANY_TEXT)
def test_anything_fits(text: str, slices: list[tuple[int, int]], choices: list[Choice], key: str) -> None:
    made = content(text, slices, choices, key)
    check(json.loads(json.dumps(made.blocks)))
    assert len(made.blocks) <= 50
    assert sum(map(len, _texts(made.blocks))) <= 12_000
    assert 0 < len(made.text) <= 5 * 300 + 1
    assert not pings(made.text)
    assert made == content(text, slices, choices, key)


def _texts(found: Any) -> list[str]:
    if isinstance(found, dict):
        own = [found["text"]] if isinstance(found.get("text"), str) else []
        return own + [text for value in found.values() for text in _texts(value)]
    return [text for value in found for text in _texts(value)] if isinstance(found, list | tuple) else []


@given(st.lists(sign | st.none(), max_size=40))
def test_no_word_is_lost(pieces: list[str | None]) -> None:
    words = [f"w{number}x" for number, piece in enumerate(pieces) if piece is None]
    text = "".join(f"w{number}x" if piece is None else piece for number, piece in enumerate(pieces))
    for shown in (to_mrkdwn(text), "\n".join(portions(asides(text), 3_000))):
        shown = re.sub(r"<([^<>|]*)\|([^<>]*)>", r"\2 \1", shown)
        places = [shown.find(word) for word in words]
        assert -1 not in places
        if "](" not in text:  # a picture that is a link comes after it
            assert places == sorted(places)


@given(
    st.lists(
        st.sampled_from(["<", "!", "@", "#", "\\", "\x1b", "[", "]", "1", "m", "\x9d", "\x9c", "\x07", "\n", "\r"])
    )
)
def test_what_grows_in_a_stream_stays_the_start_of_it(pieces: list[str]) -> None:
    before = ""
    for end in range(len(pieces) + 1):
        made = streamable("".join(pieces[:end]))
        assert made.startswith(before)
        assert not re.search("<[!@#]", made)
        before = made


@given(texts(), st.integers(0, LIMIT))
def test_so_does_anything_else(text: str, at: int) -> None:
    assert streamable(text).startswith(streamable(text[:at]))


@given(ANY_TEXT)
def test_what_is_escaped_comes_back(text: str) -> None:
    assert unescape(escape(text)) == text


@given(texts(), st.none() | ANY_TEXT)
def test_anything_that_slack_sends_becomes_words(text: str, name: str | None) -> None:
    unescape(text, lambda user: name)
