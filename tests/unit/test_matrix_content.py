"""What we say fits into events, names its place, and is the same event when it is said again."""

from __future__ import annotations

import json

import pytest

from transports.base import Outbound
from transports.matrix.content import (
    WRITING,
    edited,
    file_message,
    new_message,
    place_of,
    reaction,
    size_of,
    transaction_of,
)
from transports.matrix.transport import MAX_LENGTH

LIMIT = 60_000
ENCRYPTED = 40_000
ROOM = "matrix/!room"


def test_places() -> None:
    assert place_of("matrix/!room:a.org") == ("!room:a.org", "")
    assert place_of("matrix/!room/$thread") == ("!room", "$thread")
    assert place_of("matrix/!room/$a/b") == ("!room", "$a/b")
    assert place_of("matrix") == ("", "")


def test_plain_words_are_sent_once() -> None:
    content = new_message(Outbound(ROOM, "hello", "answer"), "", LIMIT)
    assert content == {"msgtype": "m.text", "body": "hello", "m.mentions": {}}


def test_marked_words_are_sent_as_html_too() -> None:
    content = new_message(Outbound(ROOM, "**hello**", "answer"), "", LIMIT)
    assert content["body"] == "**hello**"
    assert content["format"] == "org.matrix.custom.html"
    assert content["formatted_body"] == "<p><strong>hello</strong></p>"


@pytest.mark.parametrize("kind", ["header", "notice", "receipt", "refusal", "tool"])
def test_what_is_no_answer_is_a_notice(kind: str) -> None:
    assert new_message(Outbound(ROOM, "x", kind), "", LIMIT)["msgtype"] == "m.notice"


@pytest.mark.parametrize("kind", ["stream", "answer", "failure"])
def test_an_answer_is_no_notice(kind: str) -> None:
    assert new_message(Outbound(ROOM, "x", kind), "", LIMIT)["msgtype"] == "m.text"
    assert edited("$1", Outbound(ROOM, "x", kind), LIMIT)["m.new_content"]["msgtype"] == "m.text"


def test_a_message_in_a_thread_falls_back_to_a_reply() -> None:
    content = new_message(Outbound(ROOM + "/$root", "x"), "$root", LIMIT)
    assert content["m.relates_to"] == {
        "rel_type": "m.thread",
        "event_id": "$root",
        "is_falling_back": True,
        "m.in_reply_to": {"event_id": "$root"},
    }


def test_nobody_is_mentioned_by_what_an_agent_writes() -> None:
    assert new_message(Outbound(ROOM, "@room look, @ann:a.org"), "", LIMIT)["m.mentions"] == {}
    assert edited("$1", Outbound(ROOM, "@room look"), LIMIT)["m.mentions"] == {}


def test_only_what_may_come_twice_says_so() -> None:
    assert new_message(Outbound(ROOM, "x", repeat=True), "", LIMIT)["body"] == "(perhaps sent before) x"
    assert new_message(Outbound(ROOM, "x", key="k", repeat=True), "", LIMIT)["body"] == "x"


def test_an_edit_points_at_the_original_and_says_all_of_it_anew() -> None:
    content = edited("$original", Outbound(ROOM, "**new**", "stream"), LIMIT)
    assert content["m.relates_to"] == {"rel_type": "m.replace", "event_id": "$original"}
    assert content["m.new_content"]["body"] == "**new**"
    assert content["m.new_content"]["formatted_body"] == "<p><strong>new</strong></p>"
    assert content["body"] == f"* {WRITING}"


def test_a_client_without_edits_gets_the_last_one_whole_and_a_sign_of_the_others() -> None:
    for message, body in ((Outbound(ROOM, "**a**", "stream"), WRITING), (Outbound(ROOM, "**a**", key="k"), "**a**")):
        content = edited("$1", message, LIMIT)
        assert content["body"] == f"* {body}"
        assert content["m.new_content"]["body"] == "**a**"


def test_the_fall_back_of_a_last_edit_costs_it_no_formatting() -> None:
    content = edited("$1", Outbound(ROOM, "*a* " * 3600, key="k"), LIMIT)
    assert content["body"] == f"* {WRITING}"
    assert content["m.new_content"]["formatted_body"]


@pytest.mark.parametrize("limit", [LIMIT, ENCRYPTED])
@pytest.mark.parametrize("unit", ["𝕏", "*𝕏* ", "<&>\n", '"', "\\", "**é** | `x`\n\n"])
def test_the_longest_message_fits(unit: str, limit: int) -> None:
    text = unit * (MAX_LENGTH // len(unit))
    thread = "$" + "t" * 254
    assert size_of(new_message(Outbound(ROOM, text), thread, limit)) <= limit
    assert size_of(edited(thread, Outbound(ROOM, text), limit)) <= limit
    assert size_of(edited(thread, Outbound(ROOM, text, key="k"), limit)) <= limit


def test_where_the_html_is_too_long_the_text_is_all() -> None:
    content = new_message(Outbound(ROOM, "<" * 8000), "", 20_000)
    assert "formatted_body" not in content
    assert content["body"] == "<" * 8000


def test_sizes_are_of_bytes() -> None:
    assert size_of({"a": "é"}) == len('{"a":"é"}'.encode())


def test_hostile_text_is_json_that_every_server_takes() -> None:
    content = new_message(Outbound(ROOM, "a\x1b]52;c;aGk=\x07b \ud800\x00 c"), "", LIMIT)
    assert content["body"] == "ab \ufffd\ufffd c"
    json.dumps(edited("$1", Outbound(ROOM, "\ud800"), LIMIT), ensure_ascii=False).encode()


def test_transactions_are_repeated_and_distinct() -> None:
    first = Outbound(ROOM, "one", key="run 1/part 1")
    again = Outbound(ROOM, "one", key="run 1/part 1", repeat=True)
    others = [
        transaction_of(first),
        transaction_of(first, "👍"),
        transaction_of(Outbound(ROOM, "one", key="run 1/part 2")),
        transaction_of(Outbound(ROOM, "other", key="run 1/part 1")),  # of a data directory that was made anew
        transaction_of(Outbound(ROOM + "/$t", "one", key="run 1/part 1")),
    ]
    assert transaction_of(again) == transaction_of(first)
    assert len(set(others)) == len(others)
    assert all(each.isalnum() and len(each) == 40 for each in others)  # it is a part of a path
    assert transaction_of(Outbound(ROOM, "without a key")) == ""


def test_reactions_and_files() -> None:
    assert reaction("$1", "👍") == {"m.relates_to": {"rel_type": "m.annotation", "event_id": "$1", "key": "👍"}}
    content = file_message("a.png", "image/png", 7, {"url": "mxc://a/b"}, "")
    assert content == {
        "msgtype": "m.image",
        "body": "a.png",
        "filename": "a.png",
        "info": {"mimetype": "image/png", "size": 7},
        "url": "mxc://a/b",
    }
    threaded = file_message("a.bin", "application/octet-stream", 7, {"file": {}}, "$root")
    assert threaded["msgtype"] == "m.file"
    assert threaded["m.relates_to"]["event_id"] == "$root"
