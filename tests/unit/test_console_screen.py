"""Messages as a terminal shows them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.base import Outbound
from transports.console.screen import rendered


def shown(markdown: str, kind: str = "answer", *, width: int = 60, repeat: bool = False) -> str:
    """Without its SGR sequences."""
    text = rendered(Outbound("console/local", markdown, kind, repeat=repeat), width)
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_console_markup_is_only_text() -> None:
    assert shown("[red]x[/red] [link=http://e]y[/link] :smile:") == "[red]x[/red] [link=http://e]y[/link] :smile:\n"


def test_angle_brackets_are_kept() -> None:
    assert shown("a Vec<String> <b>and</b>\n\n<div>x</div>") == "a Vec<String> <b>and</b>\n\n<div>x</div>\n"


def test_lines_stay_lines() -> None:
    assert shown("one\ntwo\nthree") == "one\ntwo\nthree\n"


def test_links_show_where_they_lead() -> None:
    text = rendered(Outbound("console/local", "[safe](https://evil.example)"), 60)
    assert "\x1b]8" not in text
    assert shown("[safe](https://evil.example)").strip() == "safe (https://evil.example)"


def test_entities_cannot_smuggle_what_was_cleaned() -> None:
    assert "\u202e" not in shown("&#x202E;x &#27;[2J")


def test_a_repeat_is_labelled() -> None:
    assert shown("hello", repeat=True) == "(possible repeat) hello\n"


def test_nothing_to_show_takes_no_line() -> None:
    assert shown(" \n\x1b[2J") == ""


@pytest.mark.parametrize("kind", ["header", "tool"])
def test_what_tells_of_the_work_is_dim(kind: str) -> None:
    assert "\x1b[2m" in rendered(Outbound("console/local", "run 8", kind), 60)
    assert "\x1b[2m" not in rendered(Outbound("console/local", "run 8", "answer"), 60)


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    message = Outbound("console/local", "```python\nx = 1\n```\n`code`")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert re.search(r"\x1b\[[0-9;]*3[0-9]", rendered(message, 60))
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", rendered(message, 60))


def test_a_dumb_terminal_gets_no_sequences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in rendered(Outbound("console/local", "**bold** `code`"), 60)


@pytest.mark.parametrize(
    "odd", ["[a [b](c)](d)", "[![x](y)](z)", "![](", "[[[[" * 50, "> " * 200 + "x", "|a|\n|-|\n" * 9]
)
def test_odd_markdown_is_shown_somehow(odd: str) -> None:
    assert shown(odd).strip()


CONTROLS = ["\x1b]8;;http://x\x07", "\x1b]52;c;aGk=\x1b\\", "\x1b[2J", "\x9b2J", "\u202e", "\ud800"]
ENTITIES = ["&#27;", "&#x9b;", "&#x202e;"]
MARKS = ["[link=x]", "[a](b)", "![a](b)", "```\n", "`", "**", "# ", "> ", "- ", "1. ", "|a|b|\n|-|-|\n|c|d|\n", "<kbd>"]
PIECES = st.sampled_from([*CONTROLS, *ENTITIES, *MARKS, "\n\n", "x"])


@given(
    st.lists(PIECES | st.text(st.characters(), max_size=4), max_size=15).map("".join),
    st.sampled_from(["answer", "tool"]),
    st.integers(1, 120),
)
def test_no_text_can_control_the_terminal(text: str, kind: str, width: int) -> None:
    left = shown(text, kind, width=width)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", left)
