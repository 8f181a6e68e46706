"""What we say fits into Slack's blocks, whatever it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from tests.slack_fake.blocks import check
from transports.base import Choice
from transports.slack.blocks import buttons, content, streamable
from transports.slack.model import Content

CHOICES = (
    Choice("allow", "Allow", "✅"),
    Choice("allow always", "Allow always", "♾️"),
    Choice("deny", "Deny", "❌"),
)


def said(text: str, asides: Sequence[tuple[int, int]] = (), choices: Sequence[Choice] = ()) -> Content:
    made = content(text, asides, choices, "k1")
    check(json.loads(json.dumps(made.blocks)))  # raises what Slack would answer
    return made


def shown(made: Content) -> list[tuple[str, str]]:
    """Type and text of each block but buttons."""
    blocks: list[Any] = [block for block in made.blocks if block["type"] != "actions"]
    texts = [block["elements"][0] if block["type"] == "context" else block["text"] for block in blocks]
    return [(block["type"], text["text"]) for block, text in zip(blocks, texts, strict=True)]


def kinds(made: Content) -> set[str]:
    return {block["text"]["type"] for block in made.blocks if block["type"] == "section"}


def test_an_answer_is_a_section_that_slack_does_not_fold() -> None:
    made = said("**Done**: a < b")
    section = {
        "type": "section",
        "text": {"type": "mrkdwn", "text": "*Done*: a &lt; b", "verbatim": True},
        "expand": True,
    }
    assert made == Content("Done: a &lt; b", (section,))


def test_lines_about_the_work_are_small() -> None:
    header, tool, answer = "run 8 · claude\n\n", "- cargo test `a`\n▸ # ls\n\n", "Fixed.\n\n- one"
    made = said(header + tool + answer, [(0, len(header)), (len(header), len(header + tool))])
    assert shown(made) == [
        ("context", "run 8 · claude"),
        ("context", "- cargo test `a`\n▸ # ls"),
        ("section", "Fixed.\n\n• one"),
    ]


def test_more_asides_than_there_may_be_blocks_are_lines_as_any() -> None:
    text = "tool\nword\n" * 40
    made = said(text, [(at, at + 5) for at in range(0, len(text), 10)])
    assert [kind for kind, _ in shown(made)] == ["section"]
    assert shown(made)[0][1].split() == text.split()


def test_choices_are_buttons() -> None:
    *_, actions = said("May I?", choices=CHOICES).blocks
    assert actions["type"] == "actions"
    assert [button["action_id"] for button in actions["elements"]] == ["tugbot:0", "tugbot:1", "tugbot:2"]
    assert [button["text"]["text"] for button in actions["elements"]] == ["Allow", "Allow always", "Deny"]
    assert [button.get("style") for button in actions["elements"]] == ["primary", None, "danger"]
    assert json.loads(actions["elements"][1]["value"]) == {"key": "k1", "text": "allow always"}


def test_a_button_that_stops_is_dangerous() -> None:
    assert buttons((Choice("stop 8", "Stop", "🛑"),), "")[0]["elements"][0]["style"] == "danger"


def test_buttons_too_many_or_too_large_are_left_out() -> None:
    assert buttons((), "k") == ()
    assert buttons((Choice("x" * 3_000, "X", ""),), "k") == ()
    many = [Choice(f"x{number}", "label " * 30, "") for number in range(40)]
    made = said("Which?", choices=many)
    assert len(made.blocks[-1]["elements"]) == 25
    assert all(len(button["text"]["text"]) == 75 for button in made.blocks[-1]["elements"])


@pytest.mark.parametrize(
    "text", ["word " * 1_600, "&" * 8_000, "<a>\n" * 2_000, "`&` " * 2_000, "```\n" + "&\n" * 3_990]
)
def test_8000_characters_are_shown_whole(text: str) -> None:
    made = said(text, choices=[Choice(f"x{number}", "label " * 30, "") for number in range(40)])
    counted = "word" if "word" in text else "&" if "&" in text else "a"
    assert "".join(part for _, part in shown(made)).count(counted) == text.count(counted)


def test_what_escaping_makes_too_large_is_plain_text_as_it_was_written() -> None:
    text = "a & b\n\n    **c**\n" * 20 + "&" * 7_000
    made = said(text, [(0, 6)])
    assert kinds(made) == {"plain_text"}
    assert "".join(part for _, part in shown(made)) == text


def test_what_is_too_long_for_anything_says_that_it_goes_on() -> None:
    made = said("&" * 20_000)
    assert shown(made)[-1][1].endswith("…")
    assert sum(len(part) for _, part in shown(made)) > 10_000


def test_a_notification_is_the_first_words_without_marks() -> None:
    made = said("## Title\n\n```py\na < b\n```\n" + "**word** & " * 200)
    assert made.text.startswith("Title a &lt; b word &amp; word")
    assert made.text.endswith("…")
    assert len(made.text) < 600


@pytest.mark.parametrize("nothing", ["", " \n ", "\x1b"])
def test_nothing_is_still_something(nothing: str) -> None:
    made = said(nothing, choices=CHOICES)
    assert made.text == "…"
    assert [block["type"] for block in made.blocks] == ["actions"]


def test_marks_with_no_words_are_shown_as_they_are() -> None:
    assert shown(said("```\n```")) == [("section", "```\n```")]


def test_a_stream_pings_nobody() -> None:
    assert streamable("**a** <!channel> <@U1> <#C1> \\<\\!here> a < b <https://x.org> \x1b[1mc") == (
        "**a** <\u2060!channel> <\u2060@U1> <\u2060#C1> \\<\u2060\\!here> a < b <https://x.org> c"
    )


def test_a_notification_begins_with_what_is_said() -> None:
    text = "run 8 · 1 message · demo\nIt works now."
    assert content(text, ((0, 25),), (), "k").text == "It works now."
    assert content(text, ((0, len(text)),), (), "k").text == "run 8 · 1 message · demo It works now."
