"""Slack's HTTP mode as Slack sees it: a real gateway, the real slack-bolt, requests signed as Slack signs them."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest

from bot.gateway.model import Bounds
from tests.gateway_world import Answer, Served, served
from tests.slack_fake.model import SIGNING_SECRET
from tests.slack_fake.signed import signature
from transports.base import Hooked, HookRequest, TemporaryFailure
from transports.slack.http import FORM, JSON, MAX_BODY, PATH, SignedHttp
from transports.slack.listening import bolt_app
from transports.slack.model import Me
from transports.slack.reading import Commanded, Pressed, Read, Said

ME = Me("T0TEAM", "U0BOT", "B0BOT", "tugbot")


@dataclass
class Inbox:
    """Where events are handed in. `failures`: so many are not taken. `gate`: they wait until it is set."""

    taken: list[Read] = field(default_factory=list)
    failures: int = 0
    answer: str = ""
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Queue[Read] = field(default_factory=asyncio.Queue)

    async def take(self, said: Read) -> str:
        self.arrived.put_nowait(said)
        await self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise TemporaryFailure("the disk is full")
        self.taken.append(said)
        return self.answer


@dataclass(frozen=True, slots=True)
class World:
    http: Served
    inbox: Inbox
    signed: SignedHttp

    async def post(
        self,
        body: bytes,
        content_type: str = JSON,
        *,
        age: float = 0.0,
        secret: str = SIGNING_SECRET,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """`age`: seconds that the timestamp lies behind."""
        stamp = str(int(time.time() - age))
        sealed = {
            "Content-Type": content_type,
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": signature(secret, stamp, body),
        }
        return await self.http.ask(PATH, "POST", body, {**sealed, **(headers or {})})

    async def until_arrived(self, number: int) -> None:
        async with asyncio.timeout(5):
            for _ in range(number):
                await self.inbox.arrived.get()


def connected(inbox: Inbox, **options: Any) -> SignedHttp:
    app = bolt_app(lambda: ME, inbox.take, signing_secret=SIGNING_SECRET)
    return SignedHttp(app, SIGNING_SECRET, **options)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    inbox = Inbox()
    inbox.gate.set()
    signed = connected(inbox)
    async with served(signed.hooks, bounds=Bounds(max_body=2 * MAX_BODY, body_patience=0.3)) as http:
        yield World(http, inbox, signed)


def event(text: str, ts: str = "1700000000.000100") -> bytes:
    said = {
        "type": "message",
        "channel": "D0DM",
        "channel_type": "im",
        "user": "U0ANN",
        "text": text,
        "ts": ts,
        "event_ts": ts,
    }
    return json.dumps(
        {
            "type": "event_callback",
            "team_id": ME.team,
            "api_app_id": "A0APP",
            "event_id": f"Ev{ts}",
            "event_time": 1_700_000_000,
            "authorizations": [{"team_id": ME.team, "user_id": ME.user, "is_bot": True}],
            "event": said,
        }
    ).encode()


def command(text: str) -> bytes:
    fields = {"command": "/tugbot", "text": text, "team_id": ME.team, "channel_id": "C0ONE", "user_id": "U0ANN"}
    return urlencode({**fields, "trigger_id": "1.2.3", "response_url": "https://hooks.slack.com/x"}).encode()


def press() -> bytes:
    payload = {
        "type": "block_actions",
        "team": {"id": ME.team},
        "user": {"id": "U0ANN"},
        "channel": {"id": "C0ONE"},
        "container": {"type": "message", "message_ts": "1700000000.000200", "channel_id": "C0ONE"},
        "message": {"ts": "1700000000.000200", "user": ME.user},
        "trigger_id": "4.5.6",
        "actions": [
            {
                "type": "button",
                "action_id": "tugbot:0",
                "block_id": "b",
                "value": json.dumps({"key": "ask:7", "text": "allow"}),
                "action_ts": "1700000001.000300",
            }
        ],
    }
    return urlencode({"payload": json.dumps(payload)}).encode()


# ---------------------------------------------------------------- what Slack says


async def test_an_event_is_answered_once_it_is_taken(world: World) -> None:
    answer = await world.post(event("hello"))
    assert answer.status == 200
    (said,) = world.inbox.taken
    assert isinstance(said, Said)
    assert (said.text, said.user, said.direct) == ("hello", "U0ANN", True)


async def test_nothing_is_answered_before_it_is_taken(world: World) -> None:
    world.inbox.gate.clear()
    posted = asyncio.create_task(world.post(event("hello")))
    await world.until_arrived(1)
    await asyncio.sleep(0.05)
    assert not posted.done()
    world.inbox.gate.set()
    assert (await posted).status == 200


@pytest.mark.parametrize("content_type", [FORM, f"{FORM}; charset=utf-8"])
async def test_a_button_and_a_slash_command_come_as_forms(world: World, content_type: str) -> None:
    assert (await world.post(press(), content_type)).status == 200
    world.inbox.answer = "Taken."
    answer = await world.post(command("status"), content_type)
    assert answer.status == 200
    assert b"Taken." in answer.body
    pressed, commanded = world.inbox.taken
    assert isinstance(pressed, Pressed)
    assert (pressed.key, pressed.text) == ("ask:7", "allow")
    assert isinstance(commanded, Commanded)
    assert commanded.text == "status"


async def test_a_slash_command_may_speak_of_a_payload(world: World) -> None:
    """Bolt takes such a form for an empty one."""
    assert (await world.post(command("explain the payload & its =fields"), FORM)).status == 200
    (commanded,) = world.inbox.taken
    assert isinstance(commanded, Commanded)
    assert commanded.text == "explain the payload & its =fields"


async def test_slack_may_check_the_address(world: World) -> None:
    challenge = json.dumps({"type": "url_verification", "token": "legacy", "challenge": "3eZbrw1aB"}).encode()
    answer = await world.post(challenge)
    assert (answer.status, json.loads(answer.body)) == (200, {"challenge": "3eZbrw1aB"})
    assert (await world.http.ask(PATH, "POST", challenge, {"Content-Type": JSON})).status == 401


async def test_any_name_and_letters_of_any_kind_are_taken(world: World) -> None:
    assert (await world.post(event("grüße 🦀"), headers={"Host": "tugbot.example.org"})).status == 200
    (said,) = world.inbox.taken
    assert isinstance(said, Said)
    assert said.text == "grüße 🦀"


# ---------------------------------------------------------------- what others say


async def test_a_wrong_signature_is_refused_without_details(world: World, caplog: pytest.LogCaptureFixture) -> None:
    answer = await world.post(event("hello"), secret="f" * 32)
    assert (answer.status, json.loads(answer.body)) == (401, {"error": "unauthorized"})
    assert (await world.post(event("hello"), secret="f" * 32)).status == 401
    assert world.inbox.taken == []
    assert "hello" not in caplog.text
    assert caplog.text.count("not signed with our signing secret") == 1  # strangers cannot fill the log


@pytest.mark.parametrize("age", [-330, 330, 1e6])
async def test_a_timestamp_that_is_off_is_refused(world: World, age: float) -> None:
    assert (await world.post(event("hello"), age=age)).status == 401
    assert world.inbox.taken == []


@pytest.mark.parametrize("age", [-250, 250])
async def test_clocks_may_differ_a_little(world: World, age: float) -> None:
    assert (await world.post(event("hello"), age=age)).status == 200


@pytest.mark.parametrize("stamp", ["", "x", "-1", "1e9", "9" * 400, "9" * 5000, "nan", "\u0661\u0667\u00b2"])
@pytest.mark.parametrize("sealed", ["", "v0=", "v0=" + "0" * 64, "v0=\xfc"])
async def test_unsigned_garbage_is_refused(stamp: str, sealed: str) -> None:
    signed = connected(Inbox())
    headers = {"content-type": JSON, "x-slack-request-timestamp": stamp, "x-slack-signature": sealed}
    for body in (b"", b"{", b"\xff\xfe", b"payload=", b"[]"):
        assert (await signed.answer(HookRequest("POST", headers, body))).status == 401
        assert (await signed.answer(HookRequest("POST", {}, body))).status == 401


async def test_bytes_that_are_no_text_cannot_be_signed(world: World) -> None:
    assert (await world.post(b"\xff\xfe\x00")).status == 401


async def test_signed_garbage_is_a_refusal_and_no_failure(world: World) -> None:
    deep = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    for body in (b"", b"{", b"[]", b"1", b"null", b'"x"', b'{"type": "event_callback", "authorizations": 7}', deep):
        assert (await world.post(body)).status in (400, 404)
    for body in (b"payload=", b"payload=%7B", b"payload=[]", b"payload=1", b"", b"x", b"%ff%fe=1"):
        assert (await world.post(body, FORM)).status in (400, 404)
    for content_type in ("text/plain", "multipart/form-data; boundary=x"):
        assert (await world.post(event("hello"), content_type)).status == 415
    assert world.inbox.taken == []


async def test_only_post_is_answered(world: World) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"):
        answer = await world.http.ask(PATH, method, event("hello"))
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert world.inbox.taken == []


async def test_a_huge_body_is_refused_before_it_is_looked_at(world: World) -> None:
    assert (await world.post(event("x" * MAX_BODY))).status == 413
    announced = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n{{"
    assert b" 413 " in await world.http.raw(announced.encode())
    assert (await world.post(event("x" * (MAX_BODY - 1000)))).status == 200


async def test_a_half_sent_body_holds_nothing_up(world: World) -> None:
    half = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nContent-Length: 5000\r\n\r\n{{"
    assert b" 408 " in await world.http.raw(half.encode())
    assert (await world.post(event("hello"))).status == 200


# ---------------------------------------------------------------- again


async def test_what_was_acknowledged_is_not_taken_from_an_eavesdropper(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    body, stamp = event("hello"), str(int(time.time()))
    sealed = {
        "Content-Type": JSON,
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": signature(SIGNING_SECRET, stamp, body),
    }
    assert (await world.http.ask(PATH, "POST", body, sealed)).status == 200
    again = await world.http.ask(PATH, "POST", body, {**sealed, "X-Slack-Retry-Num": "1"})
    assert (again.status, json.loads(again.body)) == (409, {"error": "repeated"})
    assert len(world.inbox.taken) == 1
    assert (await world.post(body, age=1)).status == 200  # Slack signs its own repeats anew; the inbox knows them


async def test_what_was_not_taken_is_asked_for_again_and_then_taken(world: World) -> None:
    body, stamp = event("hello"), str(int(time.time()))
    sealed = {
        "Content-Type": JSON,
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": signature(SIGNING_SECRET, stamp, body),
    }
    world.inbox.failures = 2
    statuses = [(await world.http.ask(PATH, "POST", body, sealed)).status for _ in range(4)]
    assert statuses == [503, 503, 200, 409]
    assert len(world.inbox.taken) == 1


@pytest.mark.parametrize(("body", "content_type"), [(press(), FORM), (command("status"), FORM), (event("x"), JSON)])
async def test_whatever_is_not_taken_is_asked_for_again(world: World, body: bytes, content_type: str) -> None:
    world.inbox.failures = 1
    first = await world.post(body, content_type, age=2)
    assert first.status == 503
    assert "X-Slack-No-Retry" not in first.headers
    retry = {"X-Slack-Retry-Num": "1", "X-Slack-Retry-Reason": "http_error"}
    assert (await world.post(body, content_type, age=1, headers=retry)).status == 200


async def test_a_bot_that_does_not_know_itself_yet_takes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def unknown() -> Me:
        raise RuntimeError("not started")

    inbox = Inbox()
    signed = SignedHttp(bolt_app(unknown, inbox.take, signing_secret=SIGNING_SECRET), SIGNING_SECRET)
    async with served(signed.hooks) as http:
        assert (await World(http, inbox, signed).post(event("hello"))).status == 503
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_signatures_are_forgotten_when_they_are_too_old_to_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    signed = connected(inbox := Inbox(), clock=lambda: now)
    inbox.gate.set()
    monkeypatch.setattr("slack_sdk.signature.Clock.now", lambda _: now)  # bolt's own, which verifies once more

    async def said(number: int) -> int:
        body, stamp = event("hello", f"1700000000.{number:06}"), str(int(now))
        sealed = {
            "content-type": JSON,
            "x-slack-request-timestamp": stamp,
            "x-slack-signature": signature(SIGNING_SECRET, stamp, body),
        }
        return (await signed.answer(HookRequest("POST", sealed, body))).status

    assert [await said(number) for number in range(100)] == [200] * 100
    assert await said(1) == 409
    now += 601
    assert await said(1) == 200
    assert len(signed._acknowledged._until) == 1


# ---------------------------------------------------------------- many


async def test_sixty_four_at_once_are_all_taken(world: World) -> None:
    world.inbox.gate.clear()
    posted = [asyncio.create_task(world.post(event(str(n), f"1700000000.{n:06}"))) for n in range(64)]
    await world.until_arrived(64)
    world.inbox.gate.set()
    assert {(await each).status for each in posted} == {200}
    assert sorted(int(said.text) for said in world.inbox.taken if isinstance(said, Said)) == list(range(64))


async def test_slow_commits_do_not_pile_up_without_bound() -> None:
    inbox = Inbox()
    signed = connected(inbox, max_busy=4)
    async with served(signed.hooks) as http:
        world = World(http, inbox, signed)
        posted = [asyncio.create_task(world.post(event(str(n), f"1700000000.{n:06}"))) for n in range(4)]
        await world.until_arrived(4)
        assert (await world.post(event("one more"))).status == 503
        inbox.gate.set()
        assert {(await each).status for each in posted} == {200}
        assert (await world.post(event("one more"))).status == 200


# ---------------------------------------------------------------- as a connection


async def test_it_is_up_while_it_runs_and_has_missed_everything_before() -> None:
    signed, missed = connected(Inbox()), list[float]()
    assert not signed.is_up
    running = asyncio.create_task(signed.run(missed.append))
    await asyncio.sleep(0)
    assert signed.is_up
    assert missed == [math.inf]
    running.cancel()
    await asyncio.wait({running})
    assert running.cancelled()
    assert not signed.is_up


def test_without_a_secret_it_is_not_made() -> None:
    app = bolt_app(lambda: ME, Inbox().take, signing_secret=SIGNING_SECRET)
    for secret in ("", "  "):
        with pytest.raises(ValueError, match="empty"):
            SignedHttp(app, secret)


def test_the_gateway_sees_that_it_is_called() -> None:
    signed = connected(Inbox())
    assert isinstance(signed, Hooked)
    assert list(signed.hooks) == ["/slack/events"]
