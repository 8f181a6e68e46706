"""What people say in Slack is read from payloads of any shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.slack.model import EVENTS, LEFT, REVOKED
from transports.slack.reading import (
    Changed,
    Commanded,
    Ended,
    FileRef,
    Pressed,
    Said,
    commanded,
    event,
    is_for,
    pressed,
    strip,
)

ME = "U0BOT"
TS = "1700000000.000100"


def message(**fields: Any) -> dict[str, Any]:
    inner = {"type": "message", "channel": "D1", "channel_type": "im", "user": "U1", "text": "hello", "ts": TS}
    return {"type": "event_callback", "event_id": "Ev1", "event": {**inner, **fields}}


def test_a_message_in_a_conversation_of_two() -> None:
    assert event(message(), ME) == Said("D1", TS, "U1", "hello", direct=True)


def test_a_mention_and_its_message_are_the_same() -> None:
    one = event(message(type="app_mention", channel="C1", channel_type=None, text=f"<@{ME}> hello"), ME)
    two = event(message(channel="C1", channel_type="channel", text=f"<@{ME}> hello"), ME)
    assert one == two == Said("C1", TS, "U1", f"<@{ME}> hello", direct=False)


def test_an_answer_in_a_thread_names_its_root() -> None:
    root = "1699999999.000001"
    said = event(message(channel="C1", channel_type="channel", thread_ts=root, parent_user_id=ME), ME)
    assert said == Said("C1", TS, "U1", "hello", direct=False, thread=root, root_user=ME)


def test_tokens_of_people_are_none_of_ours() -> None:
    told = {"type": "event_callback", "event": {"type": "tokens_revoked", "tokens": {"oauth": ["U1"], "bot": []}}}
    assert event(told, ME) is None


def test_what_another_workspace_is_told_is_not_for_us() -> None:
    assert is_for(message(), "T1")  # it does not say
    assert is_for({"team_id": "T2", "context_team_id": "T1"}, "T1")  # said by people of another, in a shared channel
    assert is_for({"team_id": "T2", "authorizations": [{"team_id": "T1"}]}, "T1")
    assert not is_for({"team_id": "T2", "authorizations": [{"team_id": "T2"}, 7]}, "T1")


def test_the_root_of_a_thread_is_in_none() -> None:
    said = event(message(thread_ts=TS), ME)
    assert isinstance(said, Said)
    assert said.thread == ""


def test_files_come_with_their_message() -> None:
    files = [
        {"name": "a.txt", "url_private": "https://files.slack.com/a", "size": 5},
        {"name": "gone", "mode": "tombstone"},
        "nonsense",
        {"title": "b", "url_private_download": "https://files.slack.com/b", "size": "big"},
    ]
    said = event(message(subtype="file_share", text="", files=files), ME)
    assert isinstance(said, Said)
    assert said.files == (
        FileRef("a.txt", "https://files.slack.com/a", 5),
        FileRef("b", "https://files.slack.com/b", 0),
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"user": ME},
        {"user": "USLACKBOT"},
        {"bot_id": "B1"},
        {"subtype": "bot_message", "bot_id": "B1"},
        {"subtype": "channel_join"},
        {"subtype": "message_replied"},
        {"text": ""},
        {"text": " \n"},
        {"text": None},
        {"ts": "yesterday"},
        {"channel": "../etc"},
        {"user": "<@U1>"},
        {"user": None},
        {"type": "reaction_added"},
    ],
)
def test_what_nobody_said_to_us_is_nothing(fields: dict[str, Any]) -> None:
    assert event(message(**fields), ME) is None


def test_a_message_that_was_passed_on_without_a_word_is_quoted() -> None:
    shared = {"is_share": True, "text": "one\ntwo", "author_name": "Bob"}
    said = event(message(text="", attachments=[shared, {"text": "a preview"}, 7]), ME)
    assert isinstance(said, Said)
    assert said.text == "> one\n> two"


def edit(new: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> dict[str, Any]:
    before = {"user": "U1", "text": "hello", "ts": TS, **(old or {})}
    return message(subtype="message_changed", message={**before, **new}, previous_message=before, text="", user=None)


def test_an_edit_is_of_its_message() -> None:
    new = {"text": "hello again", "edited": {"user": "U1", "ts": "1700000009.000000"}}
    assert event(edit(new), ME) == Changed("D1", TS, "U1", "hello again", "1700000009.000000")


@pytest.mark.parametrize(
    "new",
    [
        {"attachments": [{"title": "a link that Slack unfolded"}]},
        {"reply_count": 1},
        {"text": "x", "user": ME},
        {"text": "x", "bot_id": "B1"},
        {"text": ""},
    ],
)
def test_what_changes_no_words_is_no_edit(new: dict[str, Any]) -> None:
    assert event(edit(new), ME) is None


def test_a_deletion_is_of_its_message() -> None:
    old = {"user": "U1", "text": "hello", "ts": TS}
    gone = message(subtype="message_deleted", deleted_ts=TS, previous_message=old, text=None, user=None)
    assert event(gone, ME) == Changed("D1", TS, "U1", None)
    assert event(edit({"subtype": "tombstone", "text": "This message was deleted.", "user": "USLACKBOT"}), ME) == (
        Changed("D1", TS, "U1", None)
    )


@pytest.mark.parametrize("kind", [*REVOKED, *LEFT])
def test_being_thrown_out_is_noticed(kind: str) -> None:
    body = {"type": "event_callback", "event": {"type": kind, "channel": "C1"}}
    assert event(body, ME) == Ended(kind, "C1" if kind in LEFT else "")
    assert kind in EVENTS


def press(**fields: Any) -> dict[str, Any]:
    return {
        "type": "block_actions",
        "user": {"id": "U1"},
        "channel": {"id": "C1"},
        "container": {"type": "message", "message_ts": TS, "channel_id": "C1", "thread_ts": "1699999999.000001"},
        "actions": [{"action_id": "tugbot:0", "action_ts": "1.5", "value": '{"key": "k", "text": "allow"}'}],
        **fields,
    }


def test_a_button_says_its_text() -> None:
    said = pressed(press())
    assert said == Pressed(f"C1:{TS}:tugbot:0:1.5:U1", "C1", TS, "1699999999.000001", "U1", "allow", "k")


@pytest.mark.parametrize(
    "fields",
    [
        {"actions": []},
        {"actions": None},
        {"actions": [{"action_id": "x", "value": "no json"}]},
        {"actions": [{"action_id": "x", "value": "[" * 100_000}]},
        {"actions": [{"action_id": "x", "value": '{"text": 7}'}]},
        {"user": {}},
        {"container": {}, "channel": None},
    ],
)
def test_a_button_that_is_none_of_ours_says_nothing(fields: dict[str, Any]) -> None:
    assert pressed(press(**fields)) is None


def test_a_slash_command() -> None:
    body = {"command": "/tugbot", "text": " status\x00 ", "channel_id": "C1", "user_id": "U1", "trigger_id": "9.9"}
    assert commanded(body) == Commanded("command:9.9", "C1", "U1", " status\ufffd ")
    assert commanded({**body, "trigger_id": ""}) is None


@pytest.mark.parametrize(
    ("raw", "text", "spoken_to"),
    [
        (f"<@{ME}> stop", "stop", True),
        (f"<@{ME}|tugbot>: stop", "stop", True),
        ("tugbot: stop", "stop", True),
        ("@Tugbot stop", "stop", True),
        ("!stop", "stop", True),
        ("tugbot is great", "tugbot is great", False),
        ("tugbots: no", "tugbots: no", False),
        (f"ask <@{ME}> about it", f"ask <@{ME}> about it", True),
        ("<@U0BOTHER> hello", "<@U0BOTHER> hello", False),
        ("stop", "stop", False),
        ("! really", "! really", False),
        (f"<@{ME}>", "", True),
    ],
)
def test_our_name_is_taken_off_its_front(raw: str, text: str, spoken_to: bool) -> None:
    assert strip(raw, ME, "tugbot") == (text, spoken_to)


KEYS = (
    *("event", "type", "channel", "user", "text", "ts", "subtype", "message", "previous_message", "files", "actions"),
    *("value", "container", "thread_ts", "edited", "channel_id", "user_id", "trigger_id", "name"),
)


def anything() -> st.SearchStrategy[Any]:
    leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
    keys = st.sampled_from(KEYS)
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=6))


@given(st.dictionaries(st.sampled_from(["event", "actions", "user", "channel", "container", "text"]), anything()))
def test_nothing_that_anyone_sends_makes_it_fail(body: dict[str, Any]) -> None:
    event(body, ME)
    pressed(body)
    commanded(body)
    if isinstance(body.get("event"), dict):
        event({"event": {**body["event"], "type": "message"}}, ME)
