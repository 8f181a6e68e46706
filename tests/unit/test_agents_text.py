from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.agents.text import Cleaner, Decoder, clean, one_line

PIECES = st.lists(
    st.sampled_from(
        ["a", "é", "日", "😀", "\ud83d", "\ude00", "\r", "\n", "\t", "\x00", "\x1b", "\x1b[3", "1m", "]0;t\x07"]
    )
)


@given(PIECES)
def test_cleaning_pieces_is_cleaning_the_whole(pieces: list[str]) -> None:
    cleaner = Cleaner()
    assert "".join(map(cleaner.feed, pieces)) + cleaner.feed("", final=True) == clean("".join(pieces))


@given(st.binary(), st.lists(st.integers(0, 50), max_size=5))
def test_decoding_pieces_is_decoding_the_whole(data: bytes, cuts: list[int]) -> None:
    decoder, text, rest = Decoder(), "", data
    for cut in cuts:
        text, rest = text + decoder.feed(rest[:cut]), rest[cut:]
    assert text + decoder.feed(rest, final=True) == Decoder().feed(data, final=True)


@given(st.text(st.characters(exclude_categories=())))
def test_what_is_clean_can_be_kept_and_shown(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode()
    assert not any(c < " " and c not in "\n\t" for c in cleaned)
    assert not any("\x7f" <= c <= "\x9f" for c in cleaned)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50%\r60%\r\ndone", "50%\n60%\ndone"),
        ("\x1b[1;31mred\x1b[0m \x1b]8;;x\x1b\\link", "red link"),
        ("bell\x07 nul\x00 del\x7f", "bell nul del"),
        ("\ud83d\ude00 \ud83d", "😀 \ufffd"),
    ],
)
def test_clean(text: str, expected: str) -> None:
    assert clean(text) == expected


def test_a_held_escape_is_bounded() -> None:
    cleaner = Cleaner()
    assert len(cleaner.feed("\x1b]" + "x" * 10_000)) > 9000


def test_one_line() -> None:
    assert one_line("a\n b\x00\tc") == "a b c"
    assert one_line("x" * 300) == "x" * 199 + "…"
