"""The API over the real application: conversations as their chats show them, pressing, and changing what was said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.access import Account
from bot.commands.model import Role
from bot.runs.asking import Answer, Reaction
from bot.transcript.model import Attached, Part
from tests.api_world import Api, api, key, question
from transports.base import Choice

ROOM, BOUND = "matrix/!room", "matrix/!bound"
OWN = "web/api:operator"
STOP = Choice("stop 8", "Stop", "🛑")
ALLOW, DENY = Choice("allow", "Allow", "✅"), Choice("deny", "Deny", "❌")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Api]:
    async with api(tmp_path) as opened:
        yield opened


async def spoken(world: Api, room: str = ROOM, text: str = "hello") -> None:
    world.home.clock.now += 10
    await world.home.send(text, room=room.partition("/")[2])
    await world.home.quiet()


async def bound(world: Api) -> None:
    await spoken(world, BOUND, "use harbour")


async def page(world: Api, session: str, query: str = "", by: Role = "operator") -> Any:
    status, said = await world.ask("GET", f"/sessions/{key(session)}/transcript?{query}", by=by)
    assert status == 200, said
    return said


def texts(page: Any) -> list[str]:
    """The newest first; what the bot said in brackets."""
    return [
        each["message"]["text"] if each["message"] else f"[{each['said']['parts'][0]['text']}]"
        for each in page["entries"]
    ]


async def press(world: Api, session: str, said: int, choice: str, by: Role = "operator") -> tuple[int, Any]:
    return await world.ask("POST", f"/sessions/{key(session)}/presses", {"said": said, "choice": choice}, by)


class TestWhoIAm:
    @pytest.mark.parametrize("role", ["member", "operator", "owner"])
    async def test_a_caller_is_told(self, world: Api, role: Role) -> None:
        assert await world.ask("GET", "/me", by=role) == (
            200,
            {"account": f"api:{role}", "name": role, "role": role, "session": f"web/api:{role}"},
        )


class TestTheTranscript:
    async def test_both_sides_come_merged_by_time(self, world: Api) -> None:
        accepted = []
        for number in range(3):
            await spoken(world, text=f"m{number}")
            messages = await world.home.store.history.messages(ROOM, limit=1)
            accepted.append(messages[0].accepted_at)
            await world.speak(ROOM, parts=(Part(f"s{number}"),), at=accepted[-1])  # in the same moment: the answer
        found = await page(world, ROOM)
        assert texts(found) == ["[s2]", "m2", "[s1]", "m1", "[s0]", "m0"]
        assert found["next"] is None

    @pytest.mark.parametrize("limit", [1, 2, 3, 5])
    async def test_page_after_page_nothing_is_skipped_or_doubled(self, world: Api, limit: int) -> None:
        for number in range(4):
            await spoken(world, text=f"m{number}")
        now = (await world.home.store.history.messages(ROOM, limit=1))[0].accepted_at
        for number in range(3):  # all before and all behind the messages
            await world.speak(ROOM, parts=(Part(f"s{number}"),), at=now - 1_000 if number < 2 else now + 1_000)
        found: list[str] = []
        after = ""
        while after is not None:
            one = await page(world, ROOM, f"limit={limit}{f'&before={after}' if after else ''}")
            assert 0 < len(one["entries"]) <= limit
            found, after = found + texts(one), one["next"]
            # What comes meanwhile is on no further page.
            await spoken(world, text="meanwhile")
            await world.speak(ROOM, parts=(Part("meanwhile"),), at=now + 2_000)
        assert found == ["[s2]", "m3", "m2", "m1", "m0", "[s1]", "[s0]"]

    async def test_all_that_is_known_of_what_was_said(self, world: Api) -> None:
        await spoken(world)
        parts = (Part("▸ Bash", aside=True), Part("It **works**."))
        number = await world.speak(
            ROOM, parts=parts, choices=(STOP,), kind="stream", at=1_000.5, changed_at=1_001.0, version=2
        )
        assert [each["said"] for each in (await page(world, ROOM))["entries"] if each["said"]] == [
            {
                "id": number,
                "kind": "stream",
                "parts": [{"text": "▸ Bash", "aside": True}, {"text": "It **works**.", "aside": False}],
                "choices": [{"text": "stop 8", "label": "Stop"}],
                "run": None,
                "at": "1970-01-01T00:16:40.500000Z",
                "changed_at": "1970-01-01T00:16:41Z",
                "version": 2,
                "file": None,
            }
        ]
        await world.speak(ROOM, parts=(), file=Attached("a.pdf", 9, kept=True), at=4e9)
        assert (await page(world, ROOM))["entries"][0]["said"]["file"] == {"name": "a.pdf", "size": 9, "kept": True}

    @pytest.mark.parametrize("session", ["web/api:member", "web/api:member/nightly"])
    async def test_ones_own_is_empty_before_it_begins(self, world: Api, session: str) -> None:
        assert await page(world, session, by="member") == {"entries": [], "next": None}

    @pytest.mark.parametrize(
        "session",
        ["web/api:owner", "web/api:member2", "web/api:member/", "web/api:member/A", "web/api:member/a/b", "web/api:"],
    )
    async def test_what_is_not_ones_own_is_nothing(self, world: Api, session: str) -> None:
        for method, path, body in (
            ("GET", "transcript", None),
            ("POST", "messages", {"text": "hello"}),
            ("POST", "files?name=x", None),
        ):
            if method == "POST" and body is None:
                status, _ = await world.raw(
                    "POST", f"/sessions/{key(session)}/{path}", b"x", "member", Content_Type="application/octet-stream"
                )
            else:
                status, _ = await world.ask(method, f"/sessions/{key(session)}/{path}", body, "member")
            assert status == 404
        assert world.home.rows() == []

    @pytest.mark.parametrize("before", ["m1", "1", "m1.s", "m-1.s1", f"m{'9' * 17}.s1", "m1.s1x"])
    async def test_a_cursor_that_is_none(self, world: Api, before: str) -> None:
        await spoken(world)
        status, said = await world.ask("GET", f"/sessions/{key(ROOM)}/transcript?before={before}")
        assert (status, said["field"]) == (422, "before")


class TestMembers:
    """They speak for themselves, see what is about a project, and no more."""

    async def test_their_own_words_are_taken_and_judged_as_in_any_chat(self, world: Api) -> None:
        status, taken = await world.say("web/api:member", "version", "member")
        assert (status, taken["refused"]) == (202, "")
        await world.home.quiet()
        assert "1.2.3" in [stored.item.text for stored in world.home.disk.outbox.values()][-1]
        status, taken = await world.say("web/api:member", "read /etc/passwd", "member")
        assert status == 202
        assert "no project" in taken["refused"]
        await world.home.quiet()
        assert world.home.agents.given == []

    async def test_a_further_conversation_begins_with_its_first_message(self, world: Api) -> None:
        status, _ = await world.say("web/api:operator/nightly", "hello")
        assert status == 202
        await world.home.quiet()
        sessions = (await world.ask("GET", "/sessions"))[1]["sessions"]
        assert [(each["key"], each["transport"]) for each in sessions] == [("web/api:operator/nightly", "web")]
        assert texts(await page(world, "web/api:operator/nightly")) == ["hello"]

    async def test_their_own_are_listed_beside_what_is_about_a_project(self, world: Api) -> None:
        await spoken(world)
        await bound(world)
        for session, by in ((OWN, "operator"), ("web/api:member", "member"), ("web/api:member/b", "member")):
            world.home.clock.now += 1
            await world.say(session, "version", by)  # type: ignore[arg-type]
        seen = (await world.ask("GET", "/sessions", by="member"))[1]["sessions"]
        assert {each["key"] for each in seen} == {"web/api:member/b", "web/api:member", BOUND}
        assert len((await world.ask("GET", "/sessions"))[1]["sessions"]) == 5

    async def test_a_session_about_nothing_is_none_of_their_business(self, world: Api) -> None:
        await spoken(world)
        said = await world.speak(ROOM, choices=(STOP,), file=Attached("a", 1, kept=True))
        for method, path, body in (
            ("GET", "/transcript", None),
            ("GET", "/messages", None),
            ("GET", f"/files/{said}", None),
            ("POST", "/messages", {"text": "hello"}),
            ("POST", "/presses", {"said": said, "choice": "stop 8"}),
            ("PUT", "/messages/1", {"text": "hello"}),
            ("DELETE", "/messages/1", None),
        ):
            status, _ = await world.ask(method, f"/sessions/{key(ROOM)}{path}", body, "member")
            assert status == 404, path
        assert world.home.rows() == ["hello"]

    async def test_nothing_of_another_session_is_reached_through_ones_own(self, world: Api) -> None:
        await spoken(world)
        said = await world.speak(ROOM, choices=(STOP,), file=Attached("a", 1, kept=True))
        await world.say("web/api:member", "version", "member")
        mine = key("web/api:member")
        assert (await press(world, "web/api:member", said, "stop 8", "member"))[0] == 404
        assert (await world.ask("GET", f"/sessions/{mine}/files/{said}", by="member"))[0] == 404
        assert (await world.ask("PUT", f"/sessions/{mine}/messages/1", {"text": "x"}, "member"))[0] == 404

    async def test_guests_get_nothing(self, world: Api) -> None:
        for method, path, body in (
            ("GET", "/me", None),
            ("GET", "/stats", None),
            ("GET", "/sessions/web%2Fapi:guest/transcript", None),
            ("POST", "/sessions/web%2Fapi:guest/messages", {"text": "version"}),
        ):
            assert (await world.ask(method, path, body, "guest"))[0] == 401


class TestPressing:
    async def test_a_button_says_its_words_about_the_very_question(self, world: Api) -> None:
        await spoken(world)
        run = await world.home.store.runs.create("agent", session=ROOM, target=ROOM, requested_by="Ada")
        asked = question(run, ROOM, 2)
        world.home.desk.reaction = Reaction("taken", asked, Answer("once", "", "operator"))
        said = await world.speak(ROOM, key=asked.key, choices=(ALLOW, DENY), kind="permission")
        status, taken = await press(world, ROOM, said, "deny")
        await world.home.quiet()
        assert (status, taken["duplicate"], taken["refused"]) == (202, False, "")
        assert world.home.desk.answers == [("operator", "deny", f"run/{run}/permission/2")]

    async def test_what_has_no_key_is_pressed_too(self, world: Api) -> None:
        await spoken(world)
        said = await world.speak(ROOM, choices=(Choice("version", "Version", "🔢"),), target="matrix/!room/thread")
        assert (await press(world, ROOM, said, "version"))[0] == 202
        await world.home.quiet()
        told = [stored.item for stored in world.home.disk.outbox.values()][-1]
        assert (told.target, "1.2.3" in told.text) == ("matrix/!room/thread", True)

    async def test_what_is_not_there_any_more(self, world: Api) -> None:
        await spoken(world)
        said = await world.speak(ROOM, key="k", choices=(ALLOW,))
        for choice in ("deny", "stop all", "allow always", "Allow"):
            status, refused = await press(world, ROOM, said, choice)
            assert (status, refused["error"]) == (409, "not_there")
        assert (await press(world, ROOM, said + 1, "allow"))[0] == 404
        assert world.home.rows() == ["hello"]

    async def test_the_callers_role_counts(self, world: Api) -> None:
        await bound(world)
        said = await world.speak(BOUND, choices=(Choice("use none", "Leave", "x"),))
        assert (await press(world, BOUND, said, "use none", "member"))[0] == 202
        await world.home.quiet()
        assert "operator" in [stored.item.text for stored in world.home.disk.outbox.values()][-1]
        assert (await world.home.store.sessions.settings(BOUND)).project == "harbour"


class TestChanging:
    async def waiting(self, world: Api, text: str = "helo", by: Role = "operator", session: str = OWN) -> str:
        """A message that waits behind one that is at work; its path."""
        world.home.agents.slow = True
        if session == OWN:
            await world.say(OWN, "work")
            while not world.home.agents.given:
                await world.home.router.settled()
                await world.ask("GET", "/me")
        number = (await world.say(session, text, by))[1]["id"]
        return f"/sessions/{key(session)}/messages/{number}"

    async def test_what_waits_is_changed(self, world: Api) -> None:
        path = await self.waiting(world)
        assert (await world.ask("PUT", path, {"text": "hello\x07"}))[1] == {"status": "changed", "text": "Changed."}
        assert world.home.rows() == ["work", "hello"]

    async def test_what_waits_is_taken_back(self, world: Api) -> None:
        path = await self.waiting(world)
        assert (await world.ask("DELETE", path))[1]["status"] == "changed"
        assert (await world.ask("DELETE", path))[1]["status"] != "changed"
        states = [stored.state.value for stored in world.home.disk.messages.values()]
        assert states == ["claimed", "retracted"]

    async def test_what_a_run_has_is_late(self, world: Api) -> None:
        await world.say(OWN, "hello")
        await world.home.quiet()
        status, said = await world.ask("PUT", f"/sessions/{key(OWN)}/messages/1", {"text": "x"})
        assert (status, said["status"]) == (200, "late")
        assert "Too late" in said["text"]

    async def test_nobody_changes_what_others_said(self, world: Api) -> None:
        await spoken(world)  # by an owner, on the network
        await world.say(ROOM, "mine", "operator")
        await world.home.quiet()
        theirs, mine = (f"/sessions/{key(ROOM)}/messages/{number}" for number in (1, 2))
        for method, body in (("PUT", {"text": "x"}), ("DELETE", None)):
            assert (await world.ask(method, theirs, body))[0] == 403
            assert (await world.ask(method, mine, body, "owner"))[0] == 403
            assert (await world.ask(method, mine, body))[0] == 200
            assert (await world.ask(method, f"/sessions/{key(OWN)}/messages/2", body))[0] == 404
        assert world.home.rows() == ["hello", "mine"]

    async def test_an_account_of_another_network_is_somebody_else(self, world: Api) -> None:
        """Ids of people are unique on their network alone."""
        await bound(world)
        number = (await world.say(BOUND, "mine", "member"))[1]["id"]
        row = world.home.disk.messages[number].row
        assert (Account(row.event.transport, row.sender), row.event.account) == (
            Account("api", "member"),
            "api/member",
        )
        assert (await world.ask("DELETE", f"/sessions/{key(BOUND)}/messages/{number}"))[0] == 403

    @pytest.mark.parametrize("text", ["", " \u0007", None])
    async def test_it_says_nothing(self, world: Api, text: str | None) -> None:
        path = await self.waiting(world)
        status, said = await world.ask("PUT", path, {"text": text})
        assert (status, said["field"]) == (422, "text")

    async def test_it_is_too_long(self, world: Api) -> None:
        path = await self.waiting(world)
        status, said = await world.ask("PUT", path, {"text": "x" * 33_000})
        assert (status, said["status"]) == (200, "refused")
        assert world.home.rows() == ["work", "helo"]
