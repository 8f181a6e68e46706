"""The API over the real application: what each route does, and what it refuses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.agents.base import KillReport
from bot.commands.model import Invocation, Reply
from bot.gateway.api.model import BASE
from bot.gateway.api.table import ROUTES
from bot.gateway.model import Bounds
from bot.projects.errors import EngineUnreachable, NameTaken
from bot.runs.asking import Answer, Reaction
from dispatcher.model import StoreUnavailable
from tests.api_world import DOCUMENT, Api, api, key, question

ROOM, BOUND = "matrix/!room:example.org", "matrix/!bound:example.org"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Api]:
    async with api(tmp_path) as opened:
        yield opened


async def spoken(world: Api, room: str = ROOM, text: str = "hello") -> None:
    await world.home.send(text, room=room.partition("/")[2])
    await world.home.quiet()


async def bound(world: Api) -> None:
    await spoken(world, BOUND, "use harbour")
    await spoken(world, BOUND, "the parser panics")


class TestWhoMayAsk:
    @pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
    async def test_nobody_is_told_nothing(self, world: Api, route: object) -> None:
        status, said = await world.ask(route.method, route.path, by=None)  # type: ignore[attr-defined]
        assert (status, said["error"]) == (401, "unauthorized")

    async def test_guests_get_nothing(self, world: Api) -> None:
        assert (await world.ask("GET", "/runs", by="guest"))[0] in (401, 403)

    @pytest.mark.parametrize("route", [each for each in ROUTES if each.role == "operator"], ids=lambda each: each.path)
    async def test_members_read_only(self, world: Api, route: object) -> None:
        status, said = await world.ask(route.method, route.path, by="member")  # type: ignore[attr-defined]
        assert (status, said["error"]) == (403, "forbidden")
        assert said["message"]

    async def test_members_see_nothing_of_what_others_say_on_the_page(self, world: Api) -> None:
        await world.say("web/api:operator", "use harbour")
        await world.say("web/api:operator", "hello")
        await world.home.quiet()
        session = key("web/api:operator")
        number = (await world.ask("GET", "/runs"))[1]["runs"][0]["id"]
        for path in (f"/sessions/{session}/messages", f"/sessions/{session}/transcript", f"/runs/{number}"):
            assert (await world.ask("GET", path))[0] == 200
            assert (await world.ask("GET", path, by="member"))[0] == 404, path
        assert (await world.ask("GET", "/runs", by="member"))[1]["runs"] == []
        assert (await world.ask("GET", "/sessions", by="member"))[1]["sessions"] == []

    async def test_members_see_what_is_about_a_project(self, world: Api) -> None:
        await spoken(world)
        await bound(world)
        sessions = (await world.ask("GET", "/sessions", by="member"))[1]["sessions"]
        assert [each["key"] for each in sessions] == [BOUND]
        runs = (await world.ask("GET", "/runs", by="member"))[1]["runs"]
        assert [each["session"] for each in runs] == [BOUND]
        theirs = (await world.ask("GET", "/runs"))[1]["runs"][-1]["id"]
        assert (await world.ask("GET", f"/runs/{theirs}", by="member"))[0] == 404
        assert (await world.ask("GET", f"/runs/{theirs}"))[0] == 200
        assert (await world.ask("GET", f"/sessions/{key(ROOM)}/messages", by="member"))[0] == 404
        assert (await world.ask("GET", f"/sessions/{key(BOUND)}/messages", by="member"))[0] == 200


class TestSessions:
    async def test_the_latest_heard_come_first_a_page_at_a_time(self, world: Api) -> None:
        for number in range(5):
            world.home.clock.now += 1
            await spoken(world, f"matrix/!{number}")
        found: list[str] = []
        after = ""
        while after is not None:
            status, page = await world.ask("GET", f"/sessions?limit=2{f'&after={key(after)}' if after else ''}")
            assert status == 200
            found += [each["key"] for each in page["sessions"]]
            after = page["next"]
        assert sorted(found) == [f"matrix/!{number}" for number in range(5)]
        assert len(found) == 5

    async def test_what_was_said_is_listed_with_its_answer(self, world: Api) -> None:
        await spoken(world)
        await spoken(world, text="version")
        messages = (await world.ask("GET", f"/sessions/{key(ROOM)}/messages"))[1]["messages"]
        assert [(each["text"], each["kind"], each["state"]) for each in messages] == [
            ("version", "command", "done"),
            ("hello", "text", "answered"),
        ]
        assert "1.2.3" in messages[0]["reply"]
        assert messages[1]["run"] == 1
        page = (await world.ask("GET", f"/sessions/{key(ROOM)}/messages?limit=1"))[1]
        assert page["next"] == messages[0]["id"]
        rest = (await world.ask("GET", f"/sessions/{key(ROOM)}/messages?before={page['next']}"))[1]
        assert [each["id"] for each in rest["messages"]] == [messages[1]["id"]]
        assert rest["next"] is None

    async def test_a_session_that_is_not_there(self, world: Api) -> None:
        for method, path in (("GET", "messages"), ("POST", "stop")):
            assert (await world.ask(method, f"/sessions/slack%2FT%2FC/{path}"))[0] == 404
        assert (await world.say("slack/T/C", "hello"))[0] == 404
        assert world.home.rows() == []


class TestSaying:
    async def test_it_is_answered_where_the_conversation_is(self, world: Api) -> None:
        await spoken(world)
        status, taken = await world.say(ROOM, "version")
        assert (status, taken["duplicate"], taken["refused"]) == (202, False, "")
        await world.home.quiet()
        row = world.home.disk.messages[taken["id"]].row
        assert (row.event.transport, row.sender, row.sender_name) == ("api", "operator", "operator")
        told = [stored.item for stored in world.home.disk.outbox.values()][-1]
        assert (told.target, "1.2.3" in told.text) == (ROOM, True)

    async def test_the_same_event_is_taken_once(self, world: Api) -> None:
        first = (await world.say("web/api:operator", "hello", event_id="build-7"))[1]
        again = (await world.say("web/api:operator", "hello", event_id="build-7"))[1]
        assert again == {"id": first["id"], "duplicate": True, "refused": ""}
        assert world.home.rows() == ["hello"]

    async def test_an_event_of_ours_hides_none_of_the_networks(self, world: Api) -> None:
        await spoken(world)
        await world.say(ROOM, "mine", event_id="$1")
        await world.home.send("theirs", room=ROOM.partition("/")[2], event="$1")
        assert world.home.rows() == ["hello", "mine", "theirs"]

    async def test_it_is_on_the_disk_when_it_is_answered(self, world: Api) -> None:
        world.home.full = True
        status, said = await world.say("web/api:operator", "hello")
        assert (status, said["error"]) == (503, "unavailable")
        world.home.full = False
        assert (await world.say("web/api:operator", "hello"))[0] == 202

    async def test_another_name_stands_beside_the_callers(self, world: Api) -> None:
        await world.say("web/api:operator", "hello", name="Ada\u202e")
        assert [each.row.sender_name for each in world.home.disk.messages.values()] == ["Ada (operator)"]

    @pytest.mark.parametrize("name", ["Ada" + "\u200b" * 77, "Ada " * 20, "\u202e\u2066", f"ghp_{'a' * 36}"])
    async def test_no_name_stands_for_the_callers(self, world: Api, name: str) -> None:
        await world.say("web/api:operator", "hello", name=name)
        (shown,) = [each.row.sender_name for each in world.home.disk.messages.values()]
        assert shown.endswith(" (operator)")
        assert len(shown) <= 80
        assert "ghp_" not in shown

    async def test_a_session_of_somebody_elses_is_no_session(self, world: Api) -> None:
        assert (await world.say("web/api:owner", "hello"))[0] == 404

    async def test_secrets_are_taken_out_and_controls_too(self, world: Api) -> None:
        await world.say("web/api:operator", f"use\x07 ghp_{'a' * 36}\x00")
        assert world.home.rows() == ["use [secret]\ufffd"]

    async def test_the_callers_role_counts_whatever_the_room(self, world: Api) -> None:
        await spoken(world)
        await world.say(ROOM, "stop all")
        await world.home.quiet()
        assert "owner" in [stored.item.text for stored in world.home.disk.outbox.values()][-1]

    async def test_a_token_that_is_revoked_says_nothing_more(self, world: Api) -> None:
        world.home.keyring.tokens.revoke("operator")
        assert (await world.say("web/api:operator", "hello"))[0] == 401


class TestStopping:
    async def test_the_receipt_of_a_session(self, world: Api) -> None:
        world.home.agents.slow = True
        await world.say("web/api:operator", "work")
        await _given(world)
        assert (await world.ask("GET", "/sessions"))[1]["sessions"][0]["running"] == [1]
        status, receipt = await world.ask("POST", f"/sessions/{key('web/api:operator')}/stop")
        assert status == 200
        assert [(each["run"], each["state"]) for each in receipt["ended"]] == [(1, "stopped")]
        assert receipt["complete"]
        assert receipt["discarded"] == 0
        assert "Stopped run 1" in receipt["text"]

    async def test_it_is_told_in_the_conversation_as_well(self, world: Api) -> None:
        await spoken(world)
        assert (await world.ask("POST", f"/sessions/{key(ROOM)}/stop"))[0] == 200
        told = [stored.item for stored in world.home.disk.outbox.values()][-1]
        assert (told.target, told.text) == (ROOM, "Nothing was running.")


class TestRuns:
    async def test_filters_and_pages(self, world: Api) -> None:
        await spoken(world)
        await bound(world)
        await world.home.store.runs.create("rebuild", session=ROOM, target=ROOM, requested_by="Ada", project="harbour")

        async def found(query: str) -> list[int]:
            status, page = await world.ask("GET", f"/runs?{query}")
            assert status == 200
            return [each["id"] for each in page["runs"]]

        assert await found("") == [3, 2, 1]
        assert await found("limit=1") == [3]
        assert await found("before=3&limit=1") == [2]
        assert await found("project=harbour") == [3, 2]
        assert await found(f"session={key(ROOM)}") == [3, 1]
        assert await found("state=succeeded") == [2, 1]
        assert await found("state=queued&project=harbour") == [3]
        assert (await world.ask("GET", "/runs?limit=2"))[1]["next"] == 2

    async def test_times_are_utc(self, world: Api) -> None:
        run = await world.home.store.runs.create("rebuild", session=ROOM, target=ROOM, requested_by="Ada")
        report = KillReport(found=3, seconds=0.1, verified=True)
        await world.home.store.runs.update(run, started_at=1_000_000.5, kill_report=_fields(report))
        shown = (await world.ask("GET", f"/runs/{run}"))[1]
        assert shown["started_at"] == "1970-01-12T13:46:40.500000Z"
        assert shown["ended_at"] is None
        assert shown["proof"]["found"] == 3

    async def test_one_that_has_ended_is_not_stopped(self, world: Api) -> None:
        await spoken(world)
        status, said = await world.ask("POST", "/runs/1/stop")
        assert (status, said["error"]) == (409, "over")
        assert "had ended already" in said["message"]

    async def test_again(self, world: Api) -> None:
        await spoken(world)
        status, said = await world.ask("POST", "/runs/1/retry")
        assert (status, said["run"], said["message"]) == (202, None, max(world.home.disk.messages))
        run = await world.home.store.runs.create("rebuild", session=ROOM, target=ROOM, requested_by="Ada")
        status, said = await world.ask("POST", f"/runs/{run}/retry")
        assert (status, said["run"], said["message"]) == (202, run + 1, None)

    async def test_one_that_is_not_there(self, world: Api) -> None:
        for method, path in (("GET", ""), ("POST", "/stop"), ("POST", "/retry")):
            status, said = await world.ask(method, f"/runs/99{path}")
            assert (status, said["error"]) == (404, "not_found")

    async def test_an_answer_reaches_the_very_question(self, world: Api) -> None:
        run = await world.home.store.runs.create("agent", session=ROOM, target=ROOM, requested_by="Ada")
        world.asking += [question(run, ROOM, 1), question(run, ROOM, 2)]
        world.home.desk.reaction = Reaction("taken", world.asking[1], Answer("deny", "no", "operator"), 1)
        shown = (await world.ask("GET", f"/runs/{run}"))[1]["questions"]
        assert [(each["number"], each["input"]) for each in shown] == [(1, "rm -rf build"), (2, "rm -rf build")]
        status, said = await world.ask(
            "POST", f"/runs/{run}/permission", {"decision": "deny", "why": "it's too much", "question": 2}
        )
        assert (status, said["decision"], said["open"]) == (200, "deny", 1)
        assert world.home.desk.answers == [("operator", "deny", f"run/{run}/permission/2")]
        await world.ask("POST", f"/runs/{run}/permission", {"decision": "always"})
        assert world.home.desk.answers[-1] == ("operator", "always", f"run/{run}/permission/1")

    @pytest.mark.parametrize(("result", "status"), [("forbidden", 403), ("decided", 409), ("ended", 409)])
    async def test_an_answer_that_does_not_count(self, world: Api, result: str, status: int) -> None:
        run = await world.home.store.runs.create("agent", session=ROOM, target=ROOM, requested_by="Ada")
        world.asking.append(question(run, ROOM))
        world.home.desk.reaction = Reaction(result, world.asking[0], Answer("once"))  # type: ignore[arg-type]
        assert (await world.ask("POST", f"/runs/{run}/permission", {"decision": "once"}))[0] == status

    async def test_nothing_is_asked(self, world: Api) -> None:
        run = await world.home.store.runs.create("agent", session=ROOM, target=ROOM, requested_by="Ada")
        status, said = await world.ask("POST", f"/runs/{run}/permission", {"decision": "once"})
        assert (status, said["error"]) == (409, "not_open")


class TestProjects:
    async def test_they_are_listed(self, world: Api) -> None:
        status, said = await world.ask("GET", "/projects", by="member")
        assert status == 200
        assert [(each["name"], each["container"], each["ssh"]) for each in said["projects"]] == [
            ("harbour", "running", "tug-harbour")
        ]
        assert "source" not in said["projects"][0]
        assert (await world.ask("GET", "/projects/harbour"))[1]["port"] == 42000
        assert (await world.ask("GET", "/projects/nothing"))[0] == 404

    async def test_the_engine_is_away(self, world: Api) -> None:
        world.engine.append(EngineUnreachable(reason="no socket"))
        said = (await world.ask("GET", "/projects"))[1]
        assert said["projects"][0]["container"] == "unknown"
        assert said["trouble"]

    async def test_making_one_is_the_command(self, world: Api) -> None:
        wish = {"git": "https://git.example.org/o/a'b.git", "stacks": ["rust", "node"], "cpus": 1.5, "memory": 1 << 30}
        status, said = await world.ask("POST", "/projects/toy", wish)
        assert (status, said["run"]) == (202, 11)
        command, args, session = world.said.told[0]
        assert (command, session) == ("new project", "web/api:operator")
        assert args == {
            "name": "toy",
            "git": "https://git.example.org/o/a'b.git",
            "stack": "rust,node",
            "cpus": 1.5,
            "memory": 1 << 30,
        }

    async def test_a_path_with_blanks_is_one_argument(self, world: Api) -> None:
        path = "/home/me/my things/--git=x"
        assert (await world.ask("POST", "/projects/toy", {"path": path}))[0] == 202
        assert world.said.told[0][1] == {"name": "toy", "path": path}

    async def test_in_another_conversation(self, world: Api) -> None:
        await spoken(world)
        assert (await world.ask("POST", "/projects/toy", {"session": "matrix/!nowhere"}))[0] == 404
        assert (await world.ask("POST", "/projects/toy", {"session": ROOM}))[0] == 202
        assert world.said.told[0][2] == ROOM

    async def test_what_the_command_refuses_is_told_in_its_words(self, world: Api) -> None:
        world.said.fails = NameTaken(name="toy")
        status, said = await world.ask("POST", "/projects/toy", {})
        assert (status, said["error"]) == (409, "name_taken")
        assert "toy" in said["message"]

    @pytest.mark.parametrize(
        "wish", [{"agent": "nobody"}, {"git": "a b"}, {"cpus": 0}, {"colour": "red"}, {"memory": 1}]
    )
    async def test_a_wish_that_cannot_be(self, world: Api, wish: dict[str, object]) -> None:
        status, said = await world.ask("POST", "/projects/toy", wish)
        assert (status, said["error"]) == (422, "invalid")
        assert said["message"]
        assert world.said.told == []

    @pytest.mark.parametrize("name", ["none", "all"])
    async def test_a_name_that_is_a_word_of_ours(self, world: Api, name: str) -> None:
        assert (await world.ask("POST", f"/projects/{name}", {}))[1]["field"] == "name"

    async def test_life(self, world: Api) -> None:
        for what, status in (("start", 200), ("stop", 200), ("rebuild", 202)):
            assert (await world.ask("POST", f"/projects/harbour/{what}"))[0] == status
            assert (await world.ask("POST", f"/projects/nothing/{what}"))[0] == 404
        assert [told[0] for told in world.said.told] == ["project start", "project stop", "rebuild"]

    async def test_deleting_wants_the_name_twice(self, world: Api) -> None:
        for query in ("", "?confirm=toy"):
            status, said = await world.ask("DELETE", f"/projects/harbour{query}")
            assert (status, said["field"]) == (422, "confirm")
        assert world.said.told == []
        assert (await world.ask("DELETE", "/projects/harbour?confirm=harbour&purge_source=true"))[0] == 202
        assert world.said.told[0][1] == {"name": "harbour", "confirm": "harbour", "purge-source": True}

    async def test_stacks(self, world: Api) -> None:
        status, said = await world.ask("GET", "/stacks", by="member")
        assert status == 200
        assert [(each["name"], each["tools"] and each["tools"][0]["version"]) for each in said["stacks"]] == [
            ("rust", "1.85.1"),
            ("go", None),
        ]


class TestBadInput:
    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("limit=0", "limit"),
            ("limit=201", "limit"),
            ("limit=x", "limit"),
            ("before=99999999999999999999999", "before"),
            ("state=fine", "state"),
            ("colour=red", "colour"),
            ("limit=1&limit=2", "limit"),
            ("session=a%00b", "session"),
            (f"session={'x' * 1001}", "session"),
        ],
    )
    async def test_a_query(self, world: Api, query: str, field: str) -> None:
        status, said = await world.ask("GET", f"/runs?{query}")
        assert (status, said["error"], said["field"]) == (422, "invalid", field)

    @pytest.mark.parametrize(
        "path", ["/runs/x", "/runs/0", "/runs/1.5", "/projects/A", "/projects/a%2Fb", "/sessions/%00/messages"]
    )
    async def test_a_path(self, world: Api, path: str) -> None:
        assert (await world.ask("GET", path))[0] == 422

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            (b"", "text"),
            (b"{", ""),
            (b"[]", ""),
            (b"null", ""),
            (b'{"text": 1}', "text"),
            (b'{"text": ""}', "text"),
            (b'{"text": " \\u0007"}', "text"),
            (b'{"text": "a", "role": "owner"}', "role"),
            (b'{"text": "a", "sender": "me"}', "sender"),
            (b'{"text": "\\ud800"}', ""),
            (b'{"text": "\xff"}', ""),
            (b'{"text": "a", "event_id": "a b"}', "event_id"),
            (b"[" * 100_000, ""),
            (json.dumps({"text": "a", "event_id": "x" * 201}).encode(), "event_id"),
        ],
        ids=range(14),
    )
    async def test_a_body(self, world: Api, body: bytes, field: str) -> None:
        path = f"/sessions/{key('web/api:operator')}/messages"
        status, said = await world.raw("POST", path, body, Content_Type="application/json")
        assert (status, said.get("field", "")) == (422, field), said
        assert world.home.rows() == []

    @pytest.mark.parametrize(
        "headers",
        [
            {"Content_Type": "text/plain"},
            {"Content_Type": "application/x-www-form-urlencoded"},
            {"Content_Type": "application/json; charset=latin-1"},
            {"Content_Type": "application/json", "Content_Encoding": "gzip"},
        ],
        ids=range(4),
    )
    async def test_what_is_no_json(self, world: Api, headers: dict[str, str]) -> None:
        path = f"/sessions/{key('web/api:operator')}/messages"
        assert (await world.raw("POST", path, b'{"text": "a"}', "operator", **headers))[0] == 415

    async def test_a_body_where_none_is_taken(self, world: Api) -> None:
        assert (await world.ask("POST", "/projects/harbour/start", {"now": True}))[0] == 422

    async def test_one_that_is_too_long(self, tmp_path: Path) -> None:
        async with api(tmp_path, bounds=Bounds(max_body=1000)) as world:
            status, said = await world.say("web/api:operator", "x" * 2000)
            assert (status, said["error"]) == (413, "too_large")

    async def test_methods_that_there_are_not(self, world: Api) -> None:
        assert (await world.raw("PUT", "/projects/harbour"))[0] == 405
        assert (await world.raw("GET", "/nothing"))[0] == 404

    async def test_the_store_cannot_be_read(self, world: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        async def away(wanted: object) -> None:
            raise StoreUnavailable("the disk is gone")

        monkeypatch.setattr(world.home.store.history, "runs", away)
        assert (await world.ask("GET", "/runs"))[0] == 503


class TestTheDocument:
    async def test_it_is_served_to_who_may_read(self, world: Api) -> None:
        status, said = await world.raw("GET", "/openapi.json", by="member")
        assert status == 200
        assert said == json.loads(json.dumps(DOCUMENT))
        assert (await world.raw("GET", "/openapi.json", by=None))[0] == 401

    def test_it_has_every_route_and_names_each_once(self) -> None:
        found = {(method.upper(), path) for path, operations in DOCUMENT["paths"].items() for method in operations}
        beside = {("GET", f"{BASE}/{name}") for name in ("health", "metrics", "events")}
        assert found == {(route.method, f"{BASE}{route.path}") for route in ROUTES} | beside
        operations = [each for path in DOCUMENT["paths"].values() for each in path.values()]
        assert len({each["operationId"] for each in operations}) == len(operations)

    def test_no_reference_leads_nowhere(self) -> None:
        text = json.dumps(DOCUMENT)
        names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
        assert names <= set(DOCUMENT["components"]["schemas"])
        assert names == set(DOCUMENT["components"]["schemas"])


async def _given(world: Api) -> None:
    """Until the agent has something to do."""
    async with asyncio.timeout(5):
        while not world.home.agents.given:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


def _fields(report: KillReport) -> dict[str, object]:
    return {"found": report.found, "seconds": report.seconds, "verified": report.verified}


async def test_the_bot_ends_before_the_command_has(world: Api) -> None:
    begun, hurry = asyncio.Event(), asyncio.Event()

    async def hang(invocation: Invocation) -> Reply:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    world.home.desk.start = hang  # type: ignore[attr-defined]
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(world.ask("POST", "/projects/harbour/start"))
        await begun.wait()
        hurry.set()
        await world.home.router.close(1, hurry)
        assert (await asked)[0] == 503


async def test_what_a_command_came_to_is_told_to_who_waits(world: Api) -> None:
    inbound = world.home.inbound("/version", direct=True)
    ack, reply = await world.home.router.perform(inbound)
    assert ack.status == "accepted"
    assert reply is not None
    assert "1.2.3" in reply.text
    assert await world.home.router.perform(inbound) == (type(ack)("duplicate", ack.id), None)
    assert (await world.home.router.perform(world.home.inbound("hello", direct=True)))[1] is None
