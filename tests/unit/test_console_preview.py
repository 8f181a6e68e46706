"""What is being written, above the prompt until it is finished."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from transports.console.preview import Preview


def lines(text: str, columns: int = 20, rows: int = 10) -> list[str]:
    preview = Preview(lambda: None)
    preview.set(text)
    return preview.lines(columns, rows).split("\n")


def test_it_is_wrapped_at_spaces_and_shows_its_end() -> None:
    assert lines("one two three four five six seven") == ["one two three four", "five six seven"]
    assert lines("a\nb\nc\nd", rows=2) == ["c", "d"]
    assert lines("x" * 45) == ["x" * 19, "x" * 19, "x" * 7]


def test_it_cannot_control_the_terminal() -> None:
    assert lines("a\x1b[2Jb\x07\u202ec") == ["abc"]


def test_nothing_is_shown_where_there_is_nothing_or_no_room() -> None:
    assert lines("") == [""]
    assert lines("text", rows=0) == [""]
    assert lines("text", columns=1) == [""]


def test_only_a_change_is_told() -> None:
    changes: list[int] = []
    preview = Preview(lambda: changes.append(1))
    for text in ("a", "a", "b", "", ""):
        preview.set(text)
    assert len(changes) == 3


@given(st.text(max_size=300), st.integers(2, 30), st.integers(0, 20))
def test_it_keeps_to_its_room(text: str, columns: int, rows: int) -> None:
    shown = lines(text, columns, rows)
    assert len(shown) <= max(1, min(rows, 12))
    assert all(cell_len(line) < columns or cell_len(line) <= 2 for line in shown)
