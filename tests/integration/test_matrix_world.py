"""The homeserver of the tests and the people on it: what other tests take for granted about them."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests import matrix_world
from tests.matrix_encrypted import EncryptedPerson
from tests.matrix_person import Person
from tests.matrix_timeline import Said
from tests.matrix_wire import Refused
from tests.matrix_world import Synapse

pytestmark = pytest.mark.integration

MANY = 1_210  # messages; a page of the server's is 1000 at most, and what /sync gives of one room 100


@pytest.fixture
def people(synapse: Synapse) -> tuple[Person, Person, str]:
    """Two of them, and a conversation they are in."""
    ann, bob = synapse.user("ann"), synapse.user("bob")
    room = ann.create_room([bob], direct=True)
    assert bob.wait_invite() == room
    bob.join(room)
    assert bob.invites() == []
    return ann, bob, room


def said(text: str) -> Callable[[Said], bool]:
    return lambda said: said.text == text


def test_an_invitation_says_whether_it_is_to_a_conversation_of_two(synapse: Synapse) -> None:
    ann, bob = synapse.user("ann"), synapse.user("bob")
    pair, group = ann.create_room([bob], direct=True), ann.create_room([bob], name="Harbour")
    assert set(bob.invites()) == {pair, group}
    assert bob.feed.invited[pair]["content"]["is_direct"]
    assert not bob.feed.invited[group]["content"].get("is_direct")
    bob.leave(pair)
    bob.join(group)
    assert (bob.invites(), bob.rooms()) == ([], [group])


def test_threads_replies_and_mentions(people: tuple[Person, Person, str]) -> None:
    ann, bob, room = people
    root = ann.send(room, "hello", mentions=[bob])
    answer = bob.send(room, "in a thread", thread=root, html="<b>in a thread</b>")
    bob.send(room, "to that", thread=root, reply_to=answer)
    ann.send(room, "beside it", reply_to=root)
    first, second, third, fourth = ann.shown(room)
    assert first.content["m.mentions"] == {"user_ids": [bob.id]}
    assert (second.thread, second.answers, second.html) == (root, "", "<b>in a thread</b>")
    assert (third.thread, third.answers) == (root, answer)
    assert (fourth.thread, fourth.answers, fourth.sender) == ("", root, ann.id)


def test_the_latest_edit_is_shown_and_nobody_else_s_counts(people: tuple[Person, Person, str]) -> None:
    ann, bob, room = people
    root = ann.send(room, "begun")
    draft = bob.send(room, "draft", thread=root)
    for number in range(3):
        bob.edit(room, draft, f"draft {number}")
    ann.edit(room, draft, "not mine to edit")
    found = ann.wait(room, said("draft 2"))
    assert (found.id, found.thread, found.edits, found.sender) == (draft, root, 3, bob.id)
    assert [message.text for message in bob.shown(room)] == ["begun", "draft 2"]


def test_what_is_redacted_is_gone(people: tuple[Person, Person, str]) -> None:
    ann, bob, room = people
    kept, dropped = ann.send(room, "kept"), ann.send(room, "dropped")
    bob.wait(room, said("dropped"))
    edit = ann.edit(room, kept, "edited")
    heart, thumb = bob.react(room, kept, "❤"), bob.react(room, kept, "👍")
    for event, who in ((dropped, ann), (edit, ann), (heart, bob)):
        who.redact(room, event)
    (left,) = ann.shown(room)
    assert (left.text, left.edits, left.reactions) == ("kept", 0, (("👍", bob.id),))
    bob.redact(room, thumb)
    assert bob.wait(room, said("kept")).reactions == ()


def test_files_go_both_ways(people: tuple[Person, Person, str]) -> None:
    ann, bob, room = people
    content = bytes(range(256)) * 500
    ann.send_file(room, "a picture.png", content, mime="image/png", caption="look at this")
    found = bob.wait(room, said("look at this"))
    assert (found.kind, found.content["filename"], bob.fetch(found)) == ("m.image", "a picture.png", content)
    bob.send_file(room, "notes.txt", b"words", mime="text/plain", thread=found.id)
    assert ann.fetch(ann.wait(room, lambda message: message.thread == found.id)) == b"words"


def test_typing_and_receipts_are_seen(people: tuple[Person, Person, str]) -> None:
    ann, bob, room = people
    event = ann.send(room, "hello")
    bob.set_typing(room, True)
    bob.mark_read(room, event)
    ann.until(lambda: bob.id in ann.typing(room) and ann.receipts(room).get(bob.id) == event)
    bob.set_typing(room, False)
    ann.until(lambda: not ann.typing(room))
    assert ann.feed.typed[room] == [{bob.id}, set()]


def test_a_message_sent_twice_under_one_transaction_is_one(people: tuple[Person, Person, str]) -> None:
    ann, _, room = people
    assert ann.send(room, "once", txn="t1") == ann.send(room, "once", txn="t1")
    assert len(ann.shown(room)) == 1


def test_rooms_are_left_kicked_from_and_upgraded(people: tuple[Person, Person, str]) -> None:
    ann, bob, room = people
    bob.set_name("Bobby")
    ann.until(lambda: ann.members(room)[bob.id] == "Bobby")
    ann.kick(room, bob)
    with pytest.raises(Refused) as refused:
        bob.send(room, "still here?")
    assert (refused.value.status, refused.value.code) == (403, "M_FORBIDDEN")
    later = ann.upgrade(room)
    assert ann.state(room, "m.room.tombstone")["replacement_room"] == later
    assert ann.state(later, "m.room.create")["predecessor"]["room_id"] == room
    ann.leave(room)
    ann.forget(room)
    assert ann.rooms() == [later]


def test_a_token_that_was_logged_out_is_refused(synapse: Synapse) -> None:
    ann = synapse.user("ann")
    other = ann.another_device()
    assert other.device != ann.device
    other.log_out()
    with pytest.raises(Refused, match="M_UNKNOWN_TOKEN"):
        other.rooms()
    assert ann.rooms() == []


def test_a_long_timeline_is_read_whole_from_both_ends(synapse: Synapse) -> None:
    """Also by somebody whose /sync gets only the end of it, with a hole before."""
    ann, bob = synapse.user("ann"), synapse.user("bob")
    room = ann.create_room([bob])
    bob.join(room)
    ann.send(room, "begin")
    bob.wait(room, said("begin"))
    with ThreadPoolExecutor(16) as pool:
        sent = set(pool.map(lambda number: ann.send(room, f"message {number}"), range(MANY)))
    backwards = [event["event_id"] for event in ann.messages(room)]
    forwards = [event["event_id"] for event in bob.messages(room, backwards=False, page=97)]
    assert backwards == forwards
    assert len(backwards) == len(set(backwards))
    assert sent <= set(backwards)
    bob.wait(room, lambda message: message.id in sent)
    assert [event["event_id"] for event in bob.feed.timelines[room]] == backwards


@pytest.mark.usefixtures("synapse")  # for its check whether Synapse is there
def test_a_server_that_limits_hangs_ends_and_is_killed_keeps_what_it_has(tmp_path: Path) -> None:
    with Synapse(tmp_path / "server", messages={"per_second": 0.5, "burst_count": 3}) as server:
        ann, bob = server.user("ann"), server.user("bob")
        server.exempt(bob)
        room = ann.create_room([bob])
        bob.join(room)
        _limited(ann, bob, room)
        _hung(server, bob, room)
        before = [event["event_id"] for event in bob.messages(room)]
        for how in (signal.SIGTERM, signal.SIGKILL):
            server.restart(how)
            assert [event["event_id"] for event in bob.messages(room)] == before
        bob.send(room, "after")
        assert ann.wait(room, said("after")).sender == bob.id


def _limited(ann: Person, bob: Person, room: str) -> None:
    with pytest.raises(Refused) as refused:
        list(map(partial(ann.send, room), "1234567890"))
    assert (refused.value.status, refused.value.code) == (429, "M_LIMIT_EXCEEDED")
    assert 0 < refused.value.retry_after <= 2.5
    for number in range(10):
        bob.send(room, f"exempt {number}")


def _hung(server: Synapse, bob: Person, room: str) -> None:
    server.pause()
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(bob.send, room, "patience")
        time.sleep(0.3)
        assert not sending.done()
        server.resume()
        assert bob.wait(room, said("patience")).id == sending.result(10)


def test_two_who_encrypt_understand_each_other_and_nobody_else_does(synapse: Synapse, tmp_path: Path) -> None:
    third = synapse.user("cat")
    with (
        EncryptedPerson(synapse.user("ann"), tmp_path / "ann") as ann,
        EncryptedPerson(synapse.user("bob"), tmp_path / "bob") as bob,
    ):
        room = ann.create_room([bob, third], encrypted=True)
        bob.join(room)
        third.join(room)
        root = ann.send(room, "hello")
        bob.wait(room, said("hello"))
        draft = bob.send(room, "draft", thread=root)
        bob.edit(room, draft, "done")
        bob.react(room, root, "👍")
        ann.send_file(room, "secret.bin", b"\0\1\2", caption="a file")
        assert bob.fetch(bob.wait(room, said("a file"))) == b"\0\1\2"
        found = ann.wait(room, said("done"))
        assert (found.thread, found.edits) == (root, 1)
        assert ann.shown(room)[0].reactions == (("👍", bob.id),)
        assert {message.text for message in third.shown(room)} == {""}
    with EncryptedPerson(bob, tmp_path / "bob") as again:
        assert again.crypto_device == bob.crypto_device
        assert [message.text for message in again.shown(room)] == ["hello", "done", "a file"]


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(matrix_world, "PLACE", tmp_path)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="script/synapse"):
        matrix_world.require()
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="script/synapse"):
        matrix_world.require()
