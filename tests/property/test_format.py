"""Splitting and cleaning hold for any text, not only for those we thought of."""

from __future__ import annotations

import itertools
import re
import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from transports.clean import clean_name, clean_output, clean_text
from transports.fences import after_text
from transports.format import Paragraphs, pieces, split_markdown, to_plain

# Dense in what decides a split: markers, white space, long words.
MARKERS = ["```", "````", "~~~", "`", "~", "```py", "~~~ info", "> ", "- ", "1. "]
FILLERS = ["    ", " ", "\n", "\n\n", "\t", "a b", "€", "x" * 70, "word " * 20, "line\n" * 30]
LONG_LINES = ["`" * 70, "~~~ " * 30, "```a" + "b" * 80 + "`", " " * 90]
SNIPPETS = st.sampled_from([*MARKERS, *FILLERS, *LONG_LINES])
TEXTS = st.lists(SNIPPETS | st.text(alphabet="ab `~\n>-", max_size=12), max_size=25).map("".join)
LIMITS = st.integers(64, 200)


@given(TEXTS, LIMITS)
@example("```" + " " * 100 + "x\n", 64)
@example("`" * 67, 64)
def test_slices_of_a_text_are_the_text(text: str, limit: int) -> None:
    made = list(pieces(text, limit))
    assert "".join(piece.body for piece in made) == text
    assert [piece.before for piece in made[1:]] == [piece.after for piece in made[:-1]]


@given(TEXTS, LIMITS)
def test_every_part_keeps_the_limit_and_closes_its_fences(text: str, limit: int) -> None:
    for part in split_markdown(text, limit):
        assert 0 < len(part) <= limit
        assert after_text(None, part) is None


WORDS = st.lists(st.text("abcdefg", min_size=1, max_size=90), min_size=1, max_size=12).map(" ".join)
CODE = st.lists(st.text("abc =()", max_size=50).map(lambda line: "k" + line), min_size=1, max_size=12)
BLOCKS = st.lists(WORDS | CODE, max_size=8)


def _document(blocks: list[str | list[str]]) -> str:
    return "\n\n".join(b if isinstance(b, str) else "\n".join(["```py", *b, "```"]) for b in blocks)


def _code(markdown: str) -> list[tuple[str, str]]:
    """Every line of code with its language, by a parser that shares no code with ours."""
    fences = [token for token in MarkdownIt().parse(markdown) if token.type == "fence"]
    return [(fence.info, line) for fence in fences for line in fence.content.splitlines()]


@given(BLOCKS, LIMITS)
def test_code_stays_code_and_words_stay_words(blocks: list[str | list[str]], limit: int) -> None:
    parts = split_markdown(_document(blocks), limit)
    code = [line for part in parts for line in _code(part)]
    assert code == _code(_document(blocks))
    words = "".join(re.sub(r"(?ms)^```py$.*?^```$|\s", "", part) for part in parts)
    assert words == "".join("".join(b.split()) for b in blocks if isinstance(b, str))


def _fed(chunks: list[str], limit: int) -> list[str]:
    paragraphs = Paragraphs(limit)
    return [part for chunk in chunks for part in paragraphs.feed(chunk)] + paragraphs.rest()


@given(TEXTS, LIMITS, st.lists(st.integers(0, 2000), max_size=20))
def test_paragraphs_do_not_depend_on_the_deltas(text: str, limit: int, at: list[int]) -> None:
    borders = sorted({0, *(min(i, len(text)) for i in at), len(text)})
    chunks = [text[a:b] for a, b in itertools.pairwise(borders)]
    parts = _fed(chunks, limit)
    assert parts == _fed([text], limit) == _fed(list(text), limit)
    assert all(0 < len(part) <= limit and after_text(None, part) is None for part in parts)


@given(BLOCKS, LIMITS)
def test_paragraphs_keep_the_content(blocks: list[str | list[str]], limit: int) -> None:
    parts = _fed(list(_document(blocks)), limit)
    assert [line for part in parts for line in _code(part)] == _code(_document(blocks))


@given(TEXTS)
def test_plain_text_keeps_every_letter(text: str) -> None:
    letters = re.sub(r"(?m)^.*(```|~~~).*$|[^abx€]", "", text)
    kept = iter(re.sub(r"[^abx€]", "", to_plain(text)))
    assert all(letter in kept for letter in letters)


HOSTILE = st.lists(
    st.sampled_from(["\x1b]8;;http://x\x07", "\x1b]52;c;aGk=\x1b\\", "\x1b[2J", "\x9b31m", "\u202e", "\x00", "\ud800"])
    | st.text(st.characters(), max_size=5)
    | st.text("\x1b\x9b\x9d][;m8\x07\\", max_size=6),
    max_size=12,
).map("".join)


@given(HOSTILE)
def test_clean_output_can_move_nothing_on_a_terminal(raw: str) -> None:
    shown = clean_output(raw)
    assert not [c for c in shown if c not in "\t\n" and unicodedata.category(c) in {"Cc", "Cs"}]
    assert not [c for c in shown if unicodedata.bidirectional(c) in {"RLO", "LRO", "RLE", "LRE", "RLI", "LRI", "FSI"}]


@given(HOSTILE)
def test_clean_text_is_what_the_inbox_may_hold(raw: str) -> None:
    clean = clean_text(raw)
    assert clean == clean_text(clean)
    assert not [c for c in clean if c not in "\t\n" and unicodedata.category(c) in {"Cc", "Cs"}]
    assert clean.encode().decode() == clean


@given(HOSTILE)
def test_a_name_is_one_line_and_never_empty(raw: str) -> None:
    name = clean_name(raw)
    assert name
    assert "\n" not in name
    assert len(name) <= 80
