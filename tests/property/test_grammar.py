"""The grammar for every message there could be: total, quick, and never a command by accident."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.commands import REGISTRY, complete, parse
from bot.commands.model import CommandCall, Names, PlainText
from bot.commands.quoting import split
from bot.commands.spelling import distance

NAMES = Names(agents=("demo", "claude"), projects={"harbour": "claude", "toy": ""})
PIECES = (*REGISTRY.names, *NAMES.agents, "all", "9", "--now", "-", "=", "/", "!", "'", '"', "\\", " ", "\n", "…", ".")
TEXTS = st.text() | st.lists(st.sampled_from(PIECES) | st.text(max_size=3)).map("".join)
LONG = 33_000
UNHURRIED = settings(deadline=None)  # a shared machine may stall any one example; the last test keeps the time


@UNHURRIED
@given(TEXTS)
@example("/\ud800")
@example("stop \\")
def test_every_text_is_something(text: str) -> None:
    parse(text, NAMES)
    complete(text, NAMES)


@UNHURRIED
@given(TEXTS, TEXTS, st.sampled_from(["\n", "\r\n", "\u2028", "\x0b"]))
def test_several_lines_without_a_prefix_are_text(before: str, after: str, newline: str) -> None:
    text = f"{before.strip().lstrip('/!')}x{newline}x{after}"
    assert parse(text, NAMES) == PlainText()


@UNHURRIED
@given(st.sampled_from(REGISTRY.names), st.text(st.sampled_from(" \t\u00a0\u3000\n")), st.text(st.sampled_from(" \n")))
def test_white_space_around_changes_nothing(name: str, before: str, after: str) -> None:
    assert parse(f"{before}{name}{after}", NAMES) == parse(name, NAMES)


@UNHURRIED
@given(st.text(st.sampled_from(" .!?…\t")), st.sampled_from(["stop", "Stop", "/STOP", "!stop"]))
def test_stop_is_heard_however_it_is_shouted(closing: str, word: str) -> None:
    parsed = parse(word + closing, NAMES)
    assert isinstance(parsed, CommandCall)
    assert parsed.command.name == "stop"


@UNHURRIED
@given(st.text())
def test_stop_and_a_word_that_is_no_id_stops_nothing(rest: str) -> None:
    assert not isinstance(parse(f"stop x{rest}", NAMES), CommandCall)


@UNHURRIED
@given(st.text(), st.text())
def test_distance_is_a_distance(a: str, b: str) -> None:
    assert distance(a, b) == distance(b, a)
    assert (distance(a, b) == 0) == (a == b)
    assert abs(len(a) - len(b)) <= distance(a, b) <= max(len(a), len(b))


@UNHURRIED
@given(st.lists(st.text(st.characters(exclude_characters="'"), min_size=1)))
def test_quoted_words_come_back(words: list[str]) -> None:
    found = split(" ".join(f"'{word}'" for word in words))
    assert found is not None
    assert [word.text for word in found] == words


@pytest.mark.parametrize(
    "text",
    [
        "stop" + " " * LONG + "x",
        "stop " * (LONG // 5),
        "stop " + "'" * (LONG + 1),
        'stop "' + "\\" * LONG,
        "/" + "a" * LONG,
        "/help " + "a " * (LONG // 2),
        "agent " + "c" * LONG,
        "stop" + "! " * (LONG // 2) + "x",
        "run " + "9" * LONG,
        "stop " + "--x " * (LONG // 4),
        "\u00a0" * LONG,
        "a\n" * LONG,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_long_messages_are_quick(text: str) -> None:
    started = time.process_time()  # whatever else the machine is about
    parse(text, NAMES)
    assert time.process_time() - started < 1.0  # linear takes some milliseconds, square takes many seconds
