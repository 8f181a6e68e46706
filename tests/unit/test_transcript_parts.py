"""What a chat was shown, in parts."""

from __future__ import annotations

from bot.transcript.model import Part
from bot.transcript.parts import difference, parts_of


def aside(text: str) -> Part:
    return Part(text, aside=True)


def test_words_and_what_tells_of_the_work_are_apart() -> None:
    text = "run 3 · demo\n\n▸ cargo test ✔\n\nIt **works**.\n\n    indented\n\n▸ ls …"
    slices = ((0, 12), (14, 28), (len(text) - 6, len(text)))
    assert parts_of(text, slices) == (
        aside("run 3 · demo"),
        aside("▸ cargo test ✔"),
        Part("It **works**.\n\n    indented"),
        aside("▸ ls …"),
    )


def test_a_plain_text_is_one_part_and_nothing_is_none() -> None:
    assert parts_of("\n \n    code\nmore  \n\n") == (Part("    code\nmore  "),)
    assert parts_of(" \n\t\n") == ()
    assert parts_of("x", ((0, 1), (0, 1), (7, 9))) == (aside("x"),)


def test_what_a_terminal_would_obey_is_gone() -> None:
    assert parts_of("a\x1b[2Jb\x00\ud800\u202e") == (Part("ab\ufffd\ufffd"),)


def test_a_line_of_the_work_that_changes_is_told_with_all_behind_it() -> None:
    before = (aside("▸ ls …"), Part("words"))
    after = (aside("▸ ls ✔"), Part("words"))
    assert difference(before, after) == (0, "", after)
    assert difference(before, (*before[:1], Part("words and more"), aside("▸ ls …"))) == (
        2,
        " and more",
        (aside("▸ ls …"),),
    )
    assert difference(before, ()) == (0, "", ())
