"""What people say, whichever way their client puts it."""

from __future__ import annotations

from typing import Any

import pytest

from transports.matrix.model import Event
from transports.matrix.reading import Changed, Me, Moved, Reacted, Said, membership, read, relation_of, strip

ME = Me("@tugbot:example.org", "Tug (the bot) [v1.0] $+*?")


def event(content: dict[str, Any], kind: str = "m.room.message", **more: Any) -> Event:
    return Event("$1", "!room", kind, "@ann:example.org", 1.0, content, **more)


def said(body: str, **content: Any) -> Said:
    found = read(event({"msgtype": "m.text", "body": body, **content}), ME)
    assert isinstance(found, Said)
    return found


@pytest.mark.parametrize(
    "text",
    [
        "tugbot: hello",
        "Tugbot, hello",
        "TUGBOT : hello",
        "@tugbot hello",
        "@tugbot: hello",
        "  @tugbot:example.org hello",
        "@tugbot:example.org: hello",
        "Tug (the bot) [v1.0] $+*?: hello",
        "@tug (the bot) [v1.0] $+*? hello",
        "[Tug](https://matrix.to/#/@tugbot:example.org) hello",
        "!hello",
        "\n tugbot:\n hello",
    ],
)
def test_our_name_and_the_prefix_are_taken_off(text: str) -> None:
    assert strip(text, ME) == ("hello", True)


@pytest.mark.parametrize(
    "text",
    [
        "tugbot is great",
        "tugboat: hello",
        "@tugboat hello",
        "hello tugbot: x",
        "Tug Xthe botX: hello",  # the name is no pattern
        "!!! really",
        "!= is not ==",
        "! hello",
        "[x](https://matrix.to/#/@other:example.org) hello",
        "",
    ],
)
def test_what_is_not_our_name_stays(text: str) -> None:
    assert strip(text, ME) == (text, False)


def test_a_bare_name_is_a_mention_where_the_client_says_so() -> None:
    mentioned = {"m.mentions": {"user_ids": [ME.user]}}
    assert said("tugbot status", **mentioned) == Said("status", True)
    assert said("is tugbot there?", **mentioned) == Said("is tugbot there?", True)
    assert said("tugbot status") == Said("tugbot status", False)


def test_a_name_from_right_to_left() -> None:
    me = Me("@gorer:example.org", "גורר")
    assert strip("גורר: שלום", me) == ("שלום", True)
    assert strip("@גורר שלום", me) == ("שלום", True)
    assert strip("שלום גורר", me) == ("שלום גורר", False)


def test_someone_without_a_display_name() -> None:
    assert strip(": hello", Me("@tugbot:example.org", "")) == (": hello", False)
    assert strip("tugbot: hello", Me("@tugbot:example.org", "")) == ("hello", True)


@pytest.mark.parametrize("link", ["@tugbot:example.org", "%40tugbot:example.org", "%40tugbot%3Aexample.org"])
def test_a_pill_of_an_older_client(link: str) -> None:
    html = f'<a href="https://matrix.to/#/{link}">Tug</a>: hello'
    assert said("Tug: hello", formatted_body=html).addressed
    assert not said("Tug: hello", formatted_body=html, **{"m.mentions": {}}).addressed  # a newer one, quoting


def test_bots_are_not_answered() -> None:
    assert read(event({"msgtype": "m.notice", "body": "tugbot: hello"}), ME) is None


def test_an_emote_is_shown_as_one() -> None:
    found = read(event({"msgtype": "m.emote", "body": "waves"}), ME)
    assert isinstance(found, Said)
    assert found.text == "*waves*"


@pytest.mark.parametrize("body", ["", " \n", "@tugbot"])
def test_nothing_said_is_nothing(body: str) -> None:
    assert read(event({"msgtype": "m.text", "body": body}), ME) is None


def test_text_is_cleaned() -> None:
    assert said("a\x00b\ud800\x07\r\nc").text == "a\ufffdb\ufffd\nc"


def test_threads_and_replies() -> None:
    thread = {"rel_type": "m.thread", "event_id": "$root", "is_falling_back": True}
    reply = {"m.in_reply_to": {"event_id": "$other"}}
    assert relation_of({"m.relates_to": {**thread, **reply}}) == ("$root", "")
    assert relation_of({"m.relates_to": {**thread, **reply, "is_falling_back": False}}) == ("$root", "$other")
    assert relation_of({"m.relates_to": reply}) == ("", "$other")
    assert relation_of({}) == ("", "")


@pytest.mark.parametrize("wrong", ["", "root", "$", "$\x00", "$a b", "$" + "x" * 255, "$\ud800", 7, None, ["$a"]])
def test_what_is_no_events_id_is_none(wrong: object) -> None:
    content = {"m.relates_to": {"rel_type": "m.thread", "event_id": wrong, "m.in_reply_to": {"event_id": wrong}}}
    assert relation_of(content) == ("", "")
    assert read(event({"redacts": wrong}, "m.room.redaction"), ME) is None
    assert read(event({"replacement_room": wrong}, "m.room.tombstone", state_key=""), ME) is None


def test_the_quote_of_an_older_client_is_left_out_and_a_quote_of_ones_own_is_not() -> None:
    reply = {"m.relates_to": {"m.in_reply_to": {"event_id": "$other"}}}
    assert said("> <@ann:example.org> what?\n> more\n\nthat", **reply).text == "that"
    assert said("> * <@ann:example.org> waves\n\nthat", **reply).text == "that"
    assert said("> as the manual says\n\nthat", **reply).text == "> as the manual says\n\nthat"
    assert said("> <@ann:example.org> what?\n\nthat").text == "> <@ann:example.org> what?\n\nthat"


def test_files_and_captions() -> None:
    file = {"msgtype": "m.image", "url": "mxc://a/b"}
    assert read(event({**file, "body": "a.png"}), ME) == Said("", False, file="a.png")
    assert read(event({**file, "body": "a.png", "filename": "a.png"}), ME) == Said("", False, file="a.png")
    captioned = {**file, "body": "tugbot: what is this?", "filename": "a.png"}
    assert read(event(captioned), ME) == Said("what is this?", True, file="a.png")
    assert read(event(file), ME) == Said("", False, file="file")


def test_edits() -> None:
    new = {"msgtype": "m.text", "body": "tugbot: better"}
    relation = {"rel_type": "m.replace", "event_id": "$1"}
    content = {"msgtype": "m.text", "body": "* better", "m.new_content": new, "m.relates_to": relation}
    assert read(event(content), ME) == Changed("$1", "better")
    assert read(event({**content, "m.new_content": {**new, "body": " "}}), ME) is None
    assert read(event({**content, "m.new_content": {**new, "msgtype": "m.notice"}}), ME) is None
    assert read(event({**content, "m.new_content": None}), ME) is None


def test_redactions_of_old_rooms_and_new_ones() -> None:
    assert read(event({"redacts": "$1"}, "m.room.redaction"), ME) == Changed("$1", None)
    assert read(event({}, "m.room.redaction", redacts="$1"), ME) == Changed("$1", None)
    assert read(event({}, "m.room.redaction"), ME) is None


def test_reactions() -> None:
    relation = {"rel_type": "m.annotation", "event_id": "$1", "key": "👍"}
    assert read(event({"m.relates_to": relation}, "m.reaction"), ME) == Reacted("$1", "👍")
    assert read(event({"m.relates_to": {**relation, "rel_type": "m.thread"}}, "m.reaction"), ME) is None
    assert read(event({}, "m.reaction"), ME) is None


def test_an_upgraded_room() -> None:
    content = {"replacement_room": "!new"}
    assert read(event(content, "m.room.tombstone", state_key=""), ME) == Moved("!new")
    assert read(event(content, "m.room.tombstone", state_key="x"), ME) is None
    assert read(event(content, "m.room.tombstone"), ME) is None  # no state event


def test_memberships() -> None:
    assert membership(event({"membership": "invite"}, "m.room.member")) == "invite"
    assert membership(event({"membership": "invite"})) == ""
    assert membership(event({"membership": 7}, "m.room.member")) == ""
