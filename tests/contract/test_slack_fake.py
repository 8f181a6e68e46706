"""The fake Slack, spoken to by the real slack-bolt and slack-sdk, unmodified."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.slack_fake import (
    ANN,
    BOB,
    BOT,
    BOT_ID,
    SIGNING_SECRET,
    TEAM,
    FakeSlack,
    SlackServer,
    drop,
    error,
    hang,
    rate_limited,
    status,
    taken_but,
)

FAST = (0.05, 0.1, 0.2)  # seconds before each retry
logging.getLogger("slack_bolt").setLevel(logging.CRITICAL)
logging.getLogger("slack_sdk").setLevel(logging.CRITICAL)


def _untyped(found: Any) -> Any:
    return found


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack(schedule=FAST, patience=1.0) as fake:
        yield fake


@pytest.fixture
async def client(slack: FakeSlack) -> AsyncIterator[AsyncWebClient]:
    async with aiohttp.ClientSession() as session:
        yield AsyncWebClient(slack.token, base_url=slack.api, session=session, retry_handlers=[], timeout=5)


@dataclass
class App:
    """A bolt app that notes what reaches it; `meanwhile` runs before it is acknowledged."""

    bolt: AsyncApp
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, Any]] = field(default_factory=list)
    meanwhile: Callable[[], Awaitable[None]] | None = None

    @property
    def events(self) -> list[dict[str, Any]]:
        return [body["event"] for body in self.bodies if "event" in body]

    @property
    def texts(self) -> list[str]:
        return [event.get("text", "") for event in self.events]


def bolt_app(client: AsyncWebClient) -> App:
    app = App(AsyncApp(client=client, signing_secret=SIGNING_SECRET, process_before_response=True))

    async def note(body: dict[str, Any], request: Any) -> None:
        app.bodies.append(body)
        app.headers.append(dict(request.headers))
        if app.meanwhile is not None:
            await app.meanwhile()

    async def noted(body: dict[str, Any], request: Any, ack: Any) -> None:
        await note(body, request)
        await ack()

    async def commanded(body: dict[str, Any], request: Any, ack: Any) -> None:
        await note(body, request)
        await ack(f"You said {body.get('text', '')}")

    app.bolt.event(re.compile(".*"))(note)
    app.bolt.action(re.compile(".*"))(noted)
    app.bolt.command("/tugbot")(commanded)
    return app


@contextlib.asynccontextmanager
async def listening(slack: FakeSlack, app: App, ping: float = 0.3) -> AsyncIterator[AsyncSocketModeHandler]:
    handler = AsyncSocketModeHandler(app.bolt, slack.app_token, web_client=app.bolt.client, ping_interval=ping)
    try:
        await _untyped(handler).connect_async()
        await slack.wait(lambda: slack.connected)
        yield handler
    finally:
        await _untyped(handler).close_async()


@pytest.fixture
async def app(slack: FakeSlack, client: AsyncWebClient) -> AsyncIterator[App]:
    """Over Socket Mode."""
    made = bolt_app(client)
    async with listening(slack, made):
        yield made


async def refusal(call: Awaitable[Any]) -> dict[str, Any]:
    with pytest.raises(SlackApiError) as caught:
        await call
    data = caught.value.response.data
    assert isinstance(data, dict)
    return data


async def refused(call: Awaitable[Any]) -> str:
    return str((await refusal(call))["error"])


def section(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def buttons(*labels: str) -> dict[str, Any]:
    def button(number: int, label: str) -> dict[str, Any]:
        text = {"type": "plain_text", "text": label}
        return {"type": "button", "text": text, "action_id": f"tugbot:{number}", "value": json.dumps({"text": label})}

    return {"type": "actions", "elements": [button(number, label) for number, label in enumerate(labels)]}


# ---------------------------------------------------------------- what arrives


async def test_a_direct_message_arrives_and_is_answered(slack: FakeSlack, app: App) -> None:
    channel = slack.dm(ANN)
    ts = slack.say(channel, ANN, "hello <b> & co, see https://example.org/x?a=1&b=2, main.py")
    await slack.wait(lambda: app.events)
    (event,) = app.events
    assert (event["type"], event["channel"], event["channel_type"], event["user"]) == ("message", channel, "im", ANN)
    assert (event["ts"], event["event_ts"]) == (ts, ts)
    assert event["text"] == (
        "hello &lt;b&gt; &amp; co, see <https://example.org/x?a=1&amp;b=2>, <http://main.py|main.py>"
    )
    assert event["client_msg_id"]
    body = app.bodies[0]
    assert (body["type"], body["team_id"], body["authorizations"][0]["user_id"]) == ("event_callback", TEAM, BOT)
    answer = await app.bolt.client.chat_postMessage(channel=channel, text="*hi*")
    assert [each.text for each in slack.shown(channel)] == [
        "hello <b> & co, see https://example.org/x?a=1&b=2, main.py",
        "*hi*",
    ]
    assert slack.shown(channel)[-1].ts == answer["ts"]
    await slack.wait(lambda: not slack.courier.pending)
    assert not slack.lost


async def test_a_mention_comes_as_two_events_of_one_message(slack: FakeSlack, app: App) -> None:
    channel = slack.channel(ANN)
    ts = slack.say(channel, ANN, "@tugbot do this, @bob")
    await slack.wait(lambda: len(app.events) == 2)
    assert sorted(event["type"] for event in app.events) == ["app_mention", "message"]
    assert {event["ts"] for event in app.events} == {ts}
    assert {event["text"] for event in app.events} == {f"<@{BOT}> do this, <@{BOB}>"}
    assert len({body["event_id"] for body in app.bodies}) == 2


async def test_threads_edits_and_deletions(slack: FakeSlack, app: App) -> None:
    channel = slack.channel(ANN)
    root = slack.say(channel, ANN, "root")
    reply = slack.say(channel, BOB, "reply", root)
    await slack.wait(lambda: len(app.events) == 2)
    event = next(event for event in app.events if event["ts"] == reply)
    assert (event["thread_ts"], event["parent_user_id"]) == (root, ANN)
    slack.edit(channel, reply, "@tugbot changed")
    await slack.wait(lambda: len(app.events) == 4)
    changed = next(event for event in app.events if event.get("subtype") == "message_changed")
    assert (changed["message"]["text"], changed["previous_message"]["text"]) == (f"<@{BOT}> changed", "reply")
    assert changed["message"]["edited"]["user"] == BOB
    assert next(event for event in app.events if event["type"] == "app_mention")["ts"] == reply
    slack.delete(channel, root)  # it has an answer
    await slack.wait(lambda: len(app.events) == 5)
    assert app.events[-1]["message"]["subtype"] == "tombstone"
    slack.delete(channel, reply)
    await slack.wait(lambda: len(app.events) == 6)
    assert (app.events[-1]["subtype"], app.events[-1]["deleted_ts"]) == ("message_deleted", reply)


async def test_what_the_bot_says_comes_back_marked_as_its_own(slack: FakeSlack, app: App) -> None:
    channel = slack.channel(ANN)
    await app.bolt.client.chat_postMessage(channel=channel, text="mine")
    (delivery,) = slack.deliveries
    assert (delivery.event["bot_id"], delivery.event["user"]) == (BOT_ID, BOT)
    await slack.wait(lambda: delivery.state == "acked")  # bolt sees that it is its own: no listener runs
    assert not app.events


async def test_files_come_with_an_address_that_needs_the_token(slack: FakeSlack, app: App) -> None:
    channel = slack.dm(ANN)
    slack.say(channel, ANN, "look", files={"été.txt": b"data"})
    await slack.wait(lambda: app.events)
    assert app.events[0]["subtype"] == "file_share"
    (file,) = app.events[0]["files"]
    assert (file["name"], file["size"]) == ("été.txt", 4)
    async with aiohttp.ClientSession() as session:
        for token in ("", "xoxb-wrong"):
            async with session.get(file["url_private_download"], headers={"Authorization": f"Bearer {token}"}) as found:
                assert (found.status, found.content_type) == (200, "text/html")
        async with session.get(
            file["url_private_download"], headers={"Authorization": f"Bearer {slack.token}"}
        ) as found:
            assert (await found.read(), found.content_type) == (b"data", "application/octet-stream")


async def test_buttons_are_pressed(slack: FakeSlack, app: App) -> None:
    channel = slack.channel(ANN)
    root = slack.say(channel, ANN, "root")
    blocks = [section("May I?"), buttons("Allow once", "Deny")]
    posted = await app.bolt.client.chat_postMessage(channel=channel, thread_ts=root, text="May I?", blocks=blocks)
    (shown,) = slack.shown(channel, root)[1:]
    assert (shown.text, shown.buttons) == ("May I?", ("Allow once", "Deny"))
    delivery = slack.press(ANN, channel, posted["ts"], "Deny")
    await slack.answered(delivery)
    body = next(body for body in app.bodies if body["type"] == "block_actions")
    assert body["container"]["message_ts"] == posted["ts"]
    assert (body["container"]["thread_ts"], body["container"]["channel_id"]) == (root, channel)
    assert (body["user"]["id"], body["actions"][0]["action_id"]) == (ANN, "tugbot:1")
    assert json.loads(body["actions"][0]["value"]) == {"text": "Deny"}
    with pytest.raises(AssertionError):
        slack.press(ANN, channel, posted["ts"], "Nothing")
    said = {"text": "denied", "replace_original": True}
    async with aiohttp.ClientSession() as session, session.post(body["response_url"], json=said) as answer:
        assert answer.status == 200
    assert [each.text for each in slack.shown(channel, root)] == ["root", "denied"]


async def test_a_slash_command_is_answered_to_its_person_alone(slack: FakeSlack, app: App) -> None:
    channel = slack.channel(ANN)
    delivery = slack.command(ANN, channel, "status now")
    assert await slack.answered(delivery) == {"text": "You said status now"}
    (body,) = app.bodies
    assert (body["command"], body["text"], body["user_id"], body["channel_id"]) == (
        "/tugbot",
        "status now",
        ANN,
        channel,
    )
    assert [each.text for each in slack.shown(channel, to=ANN)] == ["You said status now"]
    assert not slack.shown(channel)


async def test_people_write_in_more_ways_than_one(slack: FakeSlack, app: App) -> None:
    group, channel = slack.group_dm(ANN, BOB), slack.channel(ANN, name="general", private=True)
    slack.say(group, ANN, "@tugbot <now>")
    ts = slack.say(channel, ANN, "waves, see #general and a@example.org", subtype="me_message")
    await slack.wait(lambda: len(app.events) == 3)
    assert sorted(event.get("channel_type", "") for event in app.events) == ["", "group", "mpim"]
    waved = next(event for event in app.events if event.get("subtype") == "me_message")
    assert waved["text"] == f"waves, see <#{channel}|> and <mailto:a@example.org|a@example.org>"
    slack.unfurl(channel, ts)
    await slack.wait(lambda: len(app.events) == 4)
    changed = app.events[-1]
    assert changed["message"]["text"] == changed["previous_message"]["text"] == waved["text"]
    slack.say(channel, ANN, "raw <@U1>", verbatim=True)
    await slack.wait(lambda: app.texts[-1] == "raw <@U1>")


async def test_a_channel_that_the_bot_is_not_in_tells_nothing(slack: FakeSlack, app: App) -> None:
    channel = slack.channel(ANN, invited=False)
    slack.say(channel, ANN, "@tugbot hello")
    slack.invite(channel)
    slack.say(channel, ANN, "now")
    await slack.wait(lambda: app.events)
    assert app.texts == ["now"]
    slack.kick(channel)
    await slack.wait(lambda: len(app.events) == 2)
    assert app.events[-1]["type"] == "channel_left"


async def test_the_end_of_the_app_is_told(slack: FakeSlack, app: App) -> None:
    slack.archive(slack.channel(ANN))
    await slack.wait(lambda: app.events)
    slack.revoke(told=True)
    slack.uninstall()
    await slack.wait(lambda: len(app.events) == 3)
    assert [event["type"] for event in app.events] == ["channel_archive", "tokens_revoked", "app_uninstalled"]
    assert await refused(app.bolt.client.auth_test()) == "account_inactive"
    slack.restore()
    await app.bolt.client.auth_test()


# ---------------------------------------------------------------- delivery


async def test_an_unhandled_event_is_tried_again_and_then_lost(slack: FakeSlack, app: App) -> None:
    async def fail() -> None:
        raise RuntimeError("no")

    slack.courier.patience = 0.2
    app.meanwhile = fail
    slack.say(slack.dm(ANN), ANN, "hello")
    await slack.wait(lambda: slack.lost)
    (delivery,) = slack.lost
    assert [each.number for each in delivery.attempts] == [0, 1, 2, 3]
    assert len({each.envelope for each in delivery.attempts}) == 4
    assert len({body["event_id"] for body in app.bodies}) == 1
    retries = [(h.get("x-slack-retry-num"), h.get("x-slack-retry-reason")) for h in app.headers]
    assert retries[1:] == [([str(number)], ["timeout"]) for number in (1, 2, 3)]


async def test_a_slow_acknowledgement_is_seen_and_comes_too_late(slack: FakeSlack, app: App) -> None:
    slack.courier.patience = 0.1

    async def dawdle() -> None:
        if len(app.bodies) == 1:
            await asyncio.sleep(0.2)

    app.meanwhile = dawdle
    slack.say(slack.dm(ANN), ANN, "hello")
    await slack.wait(lambda: slack.courier.late and slack.deliveries[0].state == "acked")
    assert len(app.bodies) == 2
    assert max(slack.courier.latencies()) > 0.2


async def test_deliveries_go_wrong_on_demand(slack: FakeSlack, app: App) -> None:
    channel = slack.dm(ANN)
    slack.courier.twice = 1
    slack.say(channel, ANN, "twice")
    await slack.wait(lambda: app.texts.count("twice") == 2)
    assert len({body["event_id"] for body in app.bodies}) == 1
    slack.courier.unheard = 1
    slack.say(channel, ANN, "unheard")
    await slack.wait(lambda: app.texts.count("unheard") == 2)
    slack.courier.swallowed = 1
    slack.say(channel, ANN, "swallowed")
    await slack.wait(lambda: "swallowed" in app.texts)
    assert slack.deliveries[-1].attempts[0].failed == "swallowed"
    slack.courier.vanished = 1
    slack.say(channel, ANN, "vanished")
    assert [delivery.event["text"] for delivery in slack.lost] == ["vanished"]
    slack.again(slack.deliveries[0])
    await slack.wait(lambda: app.texts.count("twice") == 3)
    assert "vanished" not in app.texts


async def test_what_happens_while_nobody_is_connected_is_tried_again(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.courier.schedule = (0.1, 3.0)
    channel, app = slack.dm(ANN), bolt_app(client)
    slack.say(channel, ANN, "early")
    await slack.wait(lambda: len(slack.deliveries[0].attempts) == 2)
    async with listening(slack, app):
        await slack.wait(lambda: app.texts == ["early"])
    assert [each.failed for each in slack.deliveries[0].attempts] == ["not_connected", "not_connected", ""]
    slack.courier.schedule = (0.01,)
    slack.say(channel, ANN, "gone")
    await slack.wait(lambda: slack.lost)


async def test_events_are_spread_over_connections(slack: FakeSlack, client: AsyncWebClient) -> None:
    one, two = bolt_app(client), bolt_app(client)
    async with listening(slack, one), listening(slack, two):
        await slack.wait(lambda: slack.connected == 2)
        for number in range(10):
            slack.say(slack.dm(ANN), ANN, f"m{number}")
        await slack.wait(lambda: len(one.texts) + len(two.texts) == 10)
        assert len(one.texts) == len(two.texts) == 5


async def test_what_is_not_subscribed_to_does_not_come(slack: FakeSlack, app: App) -> None:
    assert slack.emit({"type": "reaction_added", "user": ANN}) is None
    slack.subscribed.add("reaction_added")
    assert slack.emit({"type": "reaction_added", "user": ANN}) is not None
    await slack.wait(lambda: [event["type"] for event in app.events] == ["reaction_added"])


async def test_presses_are_not_repeated(slack: FakeSlack, client: AsyncWebClient) -> None:
    channel = slack.dm(ANN)
    ts = (await client.chat_postMessage(channel=channel, text="x", blocks=[buttons("Stop")]))["ts"]
    delivery = slack.press(ANN, channel, ts, "tugbot:0")
    assert await slack.answered(delivery) is None
    assert (delivery.state, [each.failed for each in delivery.attempts]) == ("lost", ["not_connected"])


# ---------------------------------------------------------------- connections


@pytest.mark.parametrize("reason", ["refresh_requested", "too_many_websockets", "link_disabled"])
async def test_a_refresh_takes_a_new_connection(slack: FakeSlack, app: App, reason: Any) -> None:
    slack.sockets.grace = 0.1
    await slack.disconnect(reason)
    assert slack.connected == 0
    await slack.wait(lambda: slack.connected)
    assert slack.sockets.handshakes == [101, 101]
    slack.say(slack.dm(ANN), ANN, "after")
    await slack.wait(lambda: app.texts == ["after"])


async def test_a_warning_alone_ends_nothing(slack: FakeSlack, app: App) -> None:
    (connection,) = slack.sockets.connections
    await slack.disconnect("warning")
    assert connection in slack.sockets.connections
    assert slack.connected == 1


async def test_connections_break_in_three_ways(slack: FakeSlack, app: App) -> None:
    async def goes_on(text: str, *gone: Any) -> None:
        await slack.wait(lambda: [each for each in slack.sockets.connections if each not in gone])
        slack.say(slack.dm(ANN), ANN, text)
        await slack.wait(lambda: text in app.texts)

    (first,) = slack.sockets.connections
    slack.cut()
    await goes_on("after a cut", first)
    (second,) = slack.sockets.connections
    await slack.hang_up()
    await goes_on("after a goodbye", first, second)
    (third,) = slack.sockets.connections
    slack.freeze()
    await goes_on("after silence", first, second, third)


async def test_what_goes_into_a_half_open_connection_is_tried_again(slack: FakeSlack, app: App) -> None:
    slack.courier.patience, slack.courier.schedule = 0.3, (0.3, 1.0, 2.0)
    slack.freeze()
    slack.say(slack.dm(ANN), ANN, "hello")
    await slack.wait(lambda: app.texts == ["hello"])
    assert slack.deliveries[0].attempts[0].failed in ("timeout", "connection_closed")


async def test_a_refused_handshake_uses_its_ticket_up(slack: FakeSlack, client: AsyncWebClient) -> None:
    """The SDK never asks for another: https://github.com/slackapi/python-slack-sdk/issues/1922"""
    app = bolt_app(client)
    handler = AsyncSocketModeHandler(app.bolt, slack.app_token, web_client=client, ping_interval=0.1)
    slack.refuse_handshakes(1)
    connecting = asyncio.create_task(_untyped(handler).connect_async())
    try:
        await slack.wait(lambda: len(slack.sockets.handshakes) >= 3)
        assert slack.sockets.handshakes[:3] == [503, 403, 403]
        assert len(slack.calls("apps.connections.open")) == 1
        handler.client.wss_uri = None  # the way out
        await slack.wait(lambda: slack.connected)
    finally:
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
        await _untyped(handler).close_async()


async def test_tickets_are_used_once_and_die(slack: FakeSlack, client: AsyncWebClient) -> None:
    async def handshake(url: str) -> int:
        async with aiohttp.ClientSession() as session:
            try:
                async with session.ws_connect(url) as ws:
                    hello = await ws.receive_json()
                    assert (hello["type"], hello["num_connections"]) == ("hello", 1)
                    return 101
            except aiohttp.WSServerHandshakeError as exc:
                return exc.status

    url = (await client.apps_connections_open(app_token=slack.app_token))["url"]
    assert [await handshake(url), await handshake(url), await handshake(f"{slack.url}/link/")] == [101, 403, 403]
    old = (await client.apps_connections_open(app_token=slack.app_token))["url"]
    slack.advance(31)
    assert await handshake(old) == 403
    assert await refused(client.apps_connections_open(app_token=slack.token)) == "not_allowed_token_type"
    assert await refused(client.apps_connections_open(app_token="xapp-wrong")) == "invalid_auth"


async def test_acknowledgements_that_make_no_sense_are_complained_about(
    slack: FakeSlack, client: AsyncWebClient
) -> None:
    url = (await client.apps_connections_open(app_token=slack.app_token))["url"]
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as ws:
        assert (await ws.receive_json())["type"] == "hello"
        slack.say(slack.dm(ANN), ANN, "hello")
        envelope = await ws.receive_json()
        assert (envelope["type"], envelope["retry_attempt"]) == ("events_api", 0)
        assert envelope["accepts_response_payload"] is False
        for said in ({"envelope_id": envelope["envelope_id"]}, {"envelope_id": envelope["envelope_id"]}, {}, "x"):
            await ws.send_json(said)
        await ws.send_json({"envelope_id": "no"})
        await slack.wait(lambda: len(slack.complaints) == 4)
    slack.complaints.clear()


async def test_too_many_connections_push_the_oldest_out(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.sockets.most, slack.sockets.grace = 1, 0.05
    urls = [(await client.apps_connections_open(app_token=slack.app_token))["url"] for _ in range(2)]
    async with aiohttp.ClientSession() as session, session.ws_connect(urls[0]) as old, session.ws_connect(urls[1]):
        assert (await old.receive_json())["type"] == "hello"
        said = await old.receive_json()
        assert (said["type"], said["reason"]) == ("disconnect", "too_many_websockets")
        assert (await old.receive()).type is aiohttp.WSMsgType.CLOSE
        assert slack.connected == 1


# ---------------------------------------------------------------- HTTP


@contextlib.asynccontextmanager
async def served(app: App) -> AsyncIterator[str]:
    """The URL of its events, interactions and commands."""
    runner = web.AppRunner(app.bolt.server(port=0, path="/slack/events").web_app, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    await runner.cleanup()


async def test_signed_requests(slack: FakeSlack, client: AsyncWebClient) -> None:
    app = bolt_app(client)
    async with served(app) as url:
        slack.over_http(url)
        assert await slack.verify()
        channel = slack.dm(ANN)
        slack.say(channel, ANN, "hello ⛵")
        await slack.wait(lambda: app.texts == ["hello ⛵"])
        posted = await client.chat_postMessage(channel=channel, text="x", blocks=[buttons("Stop")])
        assert await slack.answered(slack.press(ANN, channel, posted["ts"], "Stop")) is None
        assert await slack.answered(slack.command(ANN, channel, "a & b")) == "You said a &amp; b"
        assert [body["type"] for body in app.bodies if "type" in body] == ["event_callback", "block_actions"]
        assert app.bodies[-1]["text"] == "a &amp; b"
        assert [each.text for each in slack.shown(channel, to=ANN)][-1] == "You said a & b"


async def test_signed_requests_are_tried_again(slack: FakeSlack, client: AsyncWebClient) -> None:
    app = bolt_app(client)

    async def fail() -> None:
        raise RuntimeError("no")

    async with served(app) as url:
        http = slack.over_http(url)
        app.meanwhile = fail
        slack.say(slack.dm(ANN), ANN, "hello")
        await slack.wait(lambda: slack.lost)
        retries = [(h.get("x-slack-retry-num"), h.get("x-slack-retry-reason")) for h in app.headers]
        assert retries == [(None, None), *[([str(n)], ["http_error"]) for n in (1, 2, 3)]]
        app.meanwhile = None
        http.age = 600  # seconds
        assert not await slack.verify()
        http.age, http.secret = 0, "wrong"
        assert not await slack.verify()
    slack.say(slack.dm(ANN), ANN, "to nobody")
    await slack.wait(lambda: len(slack.lost) == 2)
    assert slack.lost[1].attempts[-1].failed == "connection_failed"


# ---------------------------------------------------------------- the Web API: who may


async def test_tokens_and_scopes(slack: FakeSlack, client: AsyncWebClient) -> None:
    said = await client.auth_test()
    assert (said["user_id"], said["bot_id"], said["team_id"]) == (BOT, BOT_ID, TEAM)
    assert await refused(client.auth_test(token="xoxb-wrong")) == "invalid_auth"
    assert await refused(client.api_call("nothing.here")) == "unknown_method"
    slack.team.scopes.discard("users:read")
    found = await refusal(client.users_info(user=ANN))
    assert (found["error"], found["needed"]) == ("missing_scope", "users:read")
    assert "chat:write" in found["provided"]
    slack.revoke()
    assert await refused(client.auth_test()) == "token_revoked"


async def test_places_that_cannot_be_written_to(slack: FakeSlack, client: AsyncWebClient) -> None:
    async def post(channel: str, **more: Any) -> str:
        return await refused(client.chat_postMessage(channel=channel, text="x", **more))

    assert await post("C0NOWHERE") == "channel_not_found"
    assert await post(slack.channel(ANN, invited=False)) == "not_in_channel"
    assert await post(slack.channel(ANN, private=True, invited=False)) == "channel_not_found"
    archived = slack.channel(ANN)
    slack.archive(archived)
    assert await post(archived) == "is_archived"
    assert await post(slack.dm(ANN), thread_ts="1.000001") == "invalid_thread_ts"


async def test_only_its_own_messages_can_be_changed(slack: FakeSlack, client: AsyncWebClient) -> None:
    channel = slack.dm(ANN)
    hers = slack.say(channel, ANN, "hers")
    mine = (await client.chat_postMessage(channel=channel, text="mine"))["ts"]
    await client.chat_update(channel=channel, ts=mine, text="changed")
    assert [(each.text, each.edited) for each in slack.shown(channel)] == [("hers", False), ("changed", True)]
    assert await refused(client.chat_update(channel=channel, ts=hers, text="x")) == "cant_update_message"
    assert await refused(client.chat_delete(channel=channel, ts=hers)) == "cant_delete_message"
    await client.chat_delete(channel=channel, ts=mine)
    assert await refused(client.chat_update(channel=channel, ts=mine, text="x")) == "message_not_found"


async def test_blocks_stay_unless_others_are_given(slack: FakeSlack, client: AsyncWebClient) -> None:
    channel = slack.dm(ANN)
    ts = (await client.chat_postMessage(channel=channel, text="x", blocks=[buttons("Stop")]))["ts"]
    await client.chat_update(channel=channel, ts=ts, text="y")
    assert slack.shown(channel)[0].buttons == ("Stop",)
    await client.chat_update(channel=channel, ts=ts, text="y", blocks=[])
    assert slack.shown(channel)[0].buttons == ()


# ---------------------------------------------------------------- the Web API: what it takes


@pytest.mark.parametrize(
    ("blocks", "told"),
    [
        ([section("x" * 3001)], "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
        ([section("")], "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
        ([{"type": "section"}], "missing required field: text [json-pointer:/blocks/0]"),
        ([section("x", color="red")], "no more keys allowed: color [json-pointer:/blocks/0]"),
        ([{"type": "banner"}], "unsupported type: banner [json-pointer:/blocks/0/type]"),
        ([{"type": "section", "text": {"type": "html", "text": "x"}}], "unsupported type: html"),
        ([{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}], "unsupported type: mrkdwn"),
        ([{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}], "must be less than 151"),
        ([{"type": "context", "elements": []}], "no less than 1 items"),
        ([{"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 11}], "no more than 10 items"),
        ([{"type": "actions", "elements": buttons(*"abcdefghijklmnopqrstuvwxyz")["elements"]}], "no more than 25"),
        ([buttons("x" * 76)], "must be less than 76"),
        ([buttons("x"), buttons("x")], "`action_id` 'tugbot:0' already exists"),
        ([section("x", block_id="b"), section("y", block_id="b")], "`block_id` 'b' already exists"),
        ([section("x", block_id="b" * 256)], "must be less than 256"),
        ([{"type": "markdown", "text": "x" * 12_001}], "must be less than 12001"),
        ([section("x")] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
        (["x"], "must be an object"),
    ],
)
async def test_blocks_that_slack_refuses(
    slack: FakeSlack, client: AsyncWebClient, blocks: list[Any], told: str
) -> None:
    said = await refusal(client.chat_postMessage(channel=slack.dm(ANN), text="x", blocks=blocks))
    assert said["error"] == "invalid_blocks"
    assert any(told in each for each in said["errors"])
    assert said["response_metadata"]["messages"] == [f"[ERROR] {each}" for each in said["errors"]]
    assert not slack.shown(slack.dm(ANN))


async def test_button_values_and_addresses(slack: FakeSlack, client: AsyncWebClient) -> None:
    async def told(**more: Any) -> list[str]:
        block = buttons("x")
        block["elements"][0] |= more
        return list((await refusal(client.chat_postMessage(channel=slack.dm(ANN), text="x", blocks=[block])))["errors"])

    assert "must be less than 2001" in (await told(value="x" * 2001))[0]
    assert "must be less than 256" in (await told(action_id="x" * 256))[0]
    assert "must be one of" in (await told(style="blue"))[0]
    assert "invalid url" in (await told(url="javascript:x"))[0]
    assert "must be less than 3001" in (await told(url="https://example.org/" + "x" * 3000))[0]
    assert "no more keys allowed: colour" in (await told(colour="x"))[0]


async def test_sizes_of_messages(slack: FakeSlack, client: AsyncWebClient) -> None:
    channel = slack.dm(ANN)
    ts = (await client.chat_postMessage(channel=channel, text="x" * 40_000))["ts"]
    assert await refused(client.chat_postMessage(channel=channel, text="x" * 40_001)) == "msg_too_long"
    assert await refused(client.chat_update(channel=channel, ts=ts, text="x" * 4_001)) == "msg_too_long"
    assert await refused(client.chat_update(channel=channel, ts=ts, text="é" * 2_001)) == "msg_too_long"
    await client.chat_update(channel=channel, ts=ts, text="é" * 2_000)
    many = [section("x" * 3000)] * 5
    assert await refused(client.chat_postMessage(channel=channel, text="x", blocks=many)) == "msg_blocks_too_long"
    await client.chat_postMessage(channel=channel, text="x", blocks=[section("x" * 3000)] * 4)
    blank = {"channel": channel, "text": " "}
    assert await refused(client.api_call("chat.postMessage", json=blank)) == "no_text"
    assert await refused(client.api_call("chat.postMessage", json={"text": "x"})) == "invalid_arguments"


async def test_messages_for_one_person(slack: FakeSlack, client: AsyncWebClient) -> None:
    channel = slack.channel(ANN)
    await client.chat_postEphemeral(channel=channel, user=ANN, text="for you")
    assert await refused(client.chat_postEphemeral(channel=channel, user=BOB, text="x")) == "user_not_in_channel"
    assert [each.text for each in slack.shown(channel, to=ANN)] == ["for you"]
    assert not slack.shown(channel)
    assert not (await client.conversations_history(channel=channel))["messages"]


async def test_a_thread_is_answered_at_its_root(slack: FakeSlack, client: AsyncWebClient) -> None:
    channel = slack.channel(ANN)
    root = slack.say(channel, ANN, "root")
    reply = slack.say(channel, ANN, "reply", root)
    await client.chat_postMessage(channel=channel, text="x", thread_ts=reply)
    assert slack.shown(channel, root)[-1].text == "x"
    assert slack.complaints.pop() == f"thread_ts {reply} is a reply: use its root's, {root}"
    gone = slack.say(channel, ANN, "soon gone")
    slack.delete(channel, gone)
    await client.chat_postMessage(channel=channel, text="late", thread_ts=gone)
    assert [each.text for each in slack.shown(channel, gone)] == ["This message was deleted.", "late"]


async def test_metadata_is_checked_and_found_again(slack: FakeSlack, client: AsyncWebClient) -> None:
    channel = slack.dm(ANN)
    metadata = {"event_type": "tugbot_message", "event_payload": {"key": "k1"}}
    await client.chat_postMessage(channel=channel, text="x", metadata=metadata)
    whole = await client.conversations_history(channel=channel, include_all_metadata=True)
    assert whole["messages"][0]["metadata"] == metadata
    assert "metadata" not in (await client.conversations_history(channel=channel))["messages"][0]
    for wrong in ({"event_type": "x"}, {"event_type": "a b", "event_payload": {}}):
        assert await refused(client.chat_postMessage(channel=channel, text="x", metadata=wrong)) == (
            "invalid_metadata_format"
        )


@pytest.mark.parametrize(
    "text",
    ["a < b", "a & b", "a > b", "<b>", "<javascript:x>", "\x1b[31m", "&nbsp;", "x <@ann>", "<https://x|a", "if a->b"],
)
async def test_what_is_not_escaped_is_complained_about(client: AsyncWebClient, slack: FakeSlack, text: str) -> None:
    for said in ({"text": text}, {"text": "x", "blocks": [section(text)]}):
        await client.chat_postMessage(channel=slack.dm(ANN), **said)
        assert slack.complaints
        slack.complaints.clear()


@pytest.mark.parametrize(
    "text",
    [
        "a &lt; b &amp; c &gt; d",
        "> quoted\n>> twice\n&gt; too",
        "<https://example.org/?a=1&amp;b=2|here> and <mailto:a@b.org>",
        "<#C0123|general>, <!date^1700000000^{date}|then>",
        "`a-&gt;b`\tx\n",
    ],
)
async def test_what_is_escaped_is_not(client: AsyncWebClient, slack: FakeSlack, text: str) -> None:
    await client.chat_postMessage(channel=slack.dm(ANN), text=text)
    await client.chat_postMessage(channel=slack.dm(ANN), text="x", blocks=[section(text)])
    assert not slack.complaints
    assert not slack.pings


async def test_people_who_would_be_notified_are_noted(slack: FakeSlack, client: AsyncWebClient) -> None:
    channel = slack.channel(ANN)
    root = slack.say(channel, ANN, "x")
    await client.chat_postMessage(channel=channel, text=f"<!channel> <@{ANN}|ann>", blocks=[section("<!here>")])
    markdown = [{"type": "markdown", "text": "<!everyone>"}]
    await client.chat_postMessage(channel=channel, text="x", blocks=markdown)
    to = {"recipient_team_id": TEAM, "recipient_user_id": ANN}
    start = {"channel": channel, "thread_ts": root, "markdown_text": f"<@{BOB}>", **to}
    await client.api_call("chat.startStream", json=start)
    assert [ping.what for ping in slack.pings] == [
        "<!channel>",
        f"<@{ANN}|ann>",
        "<!here>",
        "<!everyone>",
        f"<@{BOB}>",
    ]
    await client.chat_postMessage(channel=channel, text="@here", link_names=True)
    assert slack.pings[-1].what == "@here"
    count = len(slack.pings)
    harmless = {"type": "header", "text": {"type": "plain_text", "text": "<!channel>"}}
    await client.chat_postMessage(channel=channel, text="&lt;!channel&gt; @here", blocks=[harmless])
    assert len(slack.pings) == count


async def test_complaints_fail_the_test_at_its_end() -> None:
    async def sloppy() -> None:
        async with FakeSlack() as slack, aiohttp.ClientSession() as session:
            client = AsyncWebClient(slack.token, base_url=slack.api, session=session)
            await client.chat_postMessage(channel=slack.dm(ANN), text="a < b")

    with pytest.raises(AssertionError, match="not escaped"):
        await sloppy()


async def test_arguments_that_no_method_has_are_complained_about(slack: FakeSlack, client: AsyncWebClient) -> None:
    await client.api_call("chat.postMessage", json={"channel": slack.dm(ANN), "text": "x", "thread": "1"})
    assert slack.complaints == ["chat.postMessage takes no argument 'thread'"]
    slack.complaints.clear()
    # It reads forms alone: what comes as JSON is not there.
    assert await refused(client.api_call("conversations.info", json={"channel": slack.dm(ANN)})) == "invalid_arguments"


# ---------------------------------------------------------------- streams


async def test_a_stream_from_its_start_to_its_end(slack: FakeSlack, client: AsyncWebClient) -> None:
    channel = slack.channel(ANN)
    root = slack.say(channel, ANN, "x")
    to = {"recipient_team_id": TEAM, "recipient_user_id": ANN}
    stream = await client.chat_stream(channel=channel, thread_ts=root, buffer_size=4, **to)
    await stream.append(markdown_text="**one** ")
    (shown,) = slack.shown(channel, root)[1:]
    assert (shown.text, shown.streaming) == ("**one** ", True)
    assert await refused(client.chat_update(channel=channel, ts=shown.ts, text="x")) == "streaming_state_conflict"
    await stream.append(markdown_text="two")
    await stream.stop(blocks=[buttons("Again")])
    (shown,) = slack.shown(channel, root)[1:]
    assert (shown.text, shown.streaming, shown.edited, shown.buttons) == ("**one** two", False, False, ("Again",))
    late = client.chat_appendStream(channel=channel, ts=shown.ts, markdown_text="x")
    assert await refused(late) == "message_not_in_streaming_state"


async def test_what_a_stream_needs(slack: FakeSlack, client: AsyncWebClient) -> None:
    channel = slack.channel(ANN)
    root = slack.say(channel, ANN, "x")

    async def start(**given: Any) -> str:
        return await refused(client.api_call("chat.startStream", json={"channel": channel, **given}))

    assert await start() == "invalid_arguments"
    assert await start(thread_ts=root) == "missing_recipient_team_id"
    assert await start(thread_ts=root, recipient_team_id=TEAM) == "missing_recipient_user_id"
    both = {"recipient_team_id": TEAM, "recipient_user_id": ANN}
    assert await start(thread_ts=root, **both, markdown_text="x" * 12_001) == "msg_too_long"
    dm = slack.dm(ANN)
    await client.chat_startStream(channel=dm, thread_ts=slack.say(dm, ANN, "y"), markdown_text="z")


async def test_a_stream_dies_and_can_be_ended_by_its_reader(slack: FakeSlack, client: AsyncWebClient) -> None:
    channel = slack.dm(ANN)
    root = slack.say(channel, ANN, "x")
    ts = (await client.chat_startStream(channel=channel, thread_ts=root, markdown_text="a"))["ts"]
    slack.advance(290)
    await client.chat_appendStream(channel=channel, ts=ts, markdown_text="b")
    slack.advance(11)
    for late in (
        client.chat_appendStream(channel=channel, ts=ts, markdown_text="c"),
        client.chat_stopStream(channel=channel, ts=ts),
    ):
        assert await refused(late) == "message_not_in_streaming_state"
    await client.chat_update(channel=channel, ts=ts, text="ab, and the rest")
    shown = slack.shown(channel, root)[1]
    assert (shown.text, shown.streaming) == ("ab, and the rest", False)
    other = (await client.chat_startStream(channel=channel, thread_ts=root, markdown_text="a"))["ts"]
    slack.stop_stream(channel, other)
    assert await refused(client.chat_appendStream(channel=channel, ts=other, markdown_text="b")) == "stopped_by_user"


async def test_a_status_goes_by_itself(slack: FakeSlack, client: AsyncWebClient) -> None:
    channel = slack.channel(ANN)
    root = slack.say(channel, ANN, "x")
    await client.assistant_threads_setStatus(channel_id=channel, thread_ts=root, status="is working")
    assert slack.status(channel, root) == "is working"
    slack.advance(121)
    assert slack.status(channel, root) == ""
    await client.assistant_threads_setStatus(channel_id=channel, thread_ts=root, status="is working")
    await client.chat_postMessage(channel=channel, thread_ts=root, text="done")
    assert slack.status(channel, root) == ""


# ---------------------------------------------------------------- reading


async def test_history_and_replies_in_pages(slack: FakeSlack, client: AsyncWebClient) -> None:
    channel = slack.channel(ANN)
    roots = [slack.say(channel, ANN, f"m{number}") for number in range(7)]
    answers = [slack.say(channel, BOB, f"r{number}", roots[0]) for number in range(5)]
    slack.say(channel, BOB, "for all", roots[0], broadcast=True)
    found: list[str] = []
    async for page in await client.conversations_history(channel=channel, limit=3):
        assert len(page["messages"]) <= 3
        found += [each["text"] for each in page["messages"]]
    assert found == ["for all", *[f"m{number}" for number in range(6, -1, -1)]]
    since = await client.conversations_history(channel=channel, oldest=roots[4])
    assert [each["text"] for each in since["messages"]] == ["for all", "m6", "m5"]
    thread = await client.conversations_replies(channel=channel, ts=roots[0], oldest=answers[2])
    assert [each["text"] for each in thread["messages"]] == ["m0", "r3", "r4", "for all"]
    assert thread["messages"][0]["reply_count"] == 6
    assert await refused(client.conversations_replies(channel=channel, ts="1.000001")) == "thread_not_found"


async def test_channels_and_people(slack: FakeSlack, client: AsyncWebClient) -> None:
    open_, private, direct = slack.channel(ANN), slack.channel(ANN, private=True), slack.dm(ANN)
    slack.channel(BOB, invited=False)
    types = "public_channel,private_channel,im,mpim"
    found: list[str] = []
    async for page in await client.users_conversations(types=types, limit=2):
        found += [each["id"] for each in page["channels"]]
    assert found == [open_, private, direct]
    assert len((await client.conversations_list(types=types))["channels"]) == 4
    assert (await client.conversations_info(channel=direct))["channel"]["is_im"]
    assert (await client.conversations_open(users=[ANN]))["channel"]["id"] == direct
    assert (await client.users_info(user=ANN))["user"]["profile"]["display_name"] == "Ann"
    assert await refused(client.users_info(user="U0NOBODY")) == "user_not_found"


async def test_reactions(slack: FakeSlack, client: AsyncWebClient) -> None:
    channel = slack.dm(ANN)
    ts = slack.say(channel, ANN, "x")
    await client.reactions_add(channel=channel, timestamp=ts, name="eyes")
    assert await refused(client.reactions_add(channel=channel, timestamp=ts, name="eyes")) == "already_reacted"
    assert slack.shown(channel)[0].raw["reactions"] == [{"name": "eyes", "users": [BOT], "count": 1}]
    await client.reactions_remove(channel=channel, timestamp=ts, name="eyes")
    assert await refused(client.reactions_remove(channel=channel, timestamp=ts, name="eyes")) == "no_reaction"


async def test_an_upload(slack: FakeSlack, client: AsyncWebClient) -> None:
    channel = slack.channel(ANN)
    root = slack.say(channel, ANN, "x")
    content = bytes(range(256)) * 10
    said = await client.files_upload_v2(filename="a b.bin", content=content, channel=channel, thread_ts=root)
    (shown,) = slack.shown(channel, root)[1:]
    assert (shown.files, shown.by_bot) == (("a b.bin",), True)
    assert slack.team.files[said["file"]["id"]].content == content


# ---------------------------------------------------------------- faults


async def test_faults_of_the_web_api(slack: FakeSlack, client: AsyncWebClient) -> None:
    channel = slack.dm(ANN)

    async def post(text: str = "x") -> Any:
        return await client.chat_postMessage(channel=channel, text=text)

    slack.fail("chat.postMessage", rate_limited(2), None, error("fatal_error"), status(500), drop(), hang())
    with pytest.raises(SlackApiError) as caught:
        await post()
    assert (caught.value.response.status_code, caught.value.response.headers["Retry-After"]) == (429, "2")
    await post("between")
    assert await refused(post()) == "fatal_error"
    with pytest.raises(SlackApiError):
        await post()
    with pytest.raises(aiohttp.ClientError):
        await post()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await post()
    assert slack.said(channel) == ["between"]
    slack.fail("*", taken_but(drop()), taken_but(status(502)))
    with pytest.raises(aiohttp.ClientError):
        await post("taken")
    with pytest.raises(SlackApiError):
        await post("too")
    assert slack.said(channel) == ["between", "taken", "too"]
    assert [call.status for call in slack.calls("chat.postMessage")] == [429, 200, 200, 500, 0, 0, 0, 502]


async def test_rate_limits(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.limits["auth.test"] = 3
    for _ in range(3):
        await client.auth_test()
    said = await refusal(client.auth_test())
    assert said["error"] == "ratelimited"
    slack.advance(61)
    await client.auth_test()
    slack.web.limits_per_channel["chat.postMessage"] = 1
    await client.chat_postMessage(channel=slack.dm(ANN), text="x")
    await client.chat_postMessage(channel=slack.dm(BOB), text="x")
    assert await refused(client.chat_postMessage(channel=slack.dm(ANN), text="x")) == "ratelimited"


# ---------------------------------------------------------------- a thread of its own


def test_a_server_for_bots_in_another_process() -> None:
    with SlackServer(schedule=FAST) as slack:
        channel = slack.dm("U1")
        ts = slack.say(channel, "U1", "hello")

        async def bot() -> None:
            async with aiohttp.ClientSession() as session:
                client = AsyncWebClient(slack.token, base_url=slack.api, session=session)
                app = bolt_app(client)
                heard = asyncio.Event()

                async def hear() -> None:
                    if "again" in app.texts:
                        heard.set()

                app.meanwhile = hear
                async with socket_mode(slack, app):
                    await asyncio.wait_for(heard.wait(), 10)
                    await client.chat_postMessage(channel=channel, text="heard")

        bots = threading.Thread(target=lambda: asyncio.run(bot()))
        bots.start()
        slack.wait(lambda: slack.connected)
        slack.say(channel, "U1", "again")
        slack.wait(lambda: slack.said(channel) == ["heard"])
        bots.join()
        slack.edit(channel, ts, "changed")
        assert [each.text for each in slack.shown(channel)] == ["changed", "again", "heard"]
        with pytest.raises(AssertionError, match="heard"):
            slack.wait(lambda: False, patience=0.05)


@contextlib.asynccontextmanager
async def socket_mode(slack: SlackServer, app: App) -> AsyncIterator[None]:
    handler = AsyncSocketModeHandler(app.bolt, slack.app_token, web_client=app.bolt.client, ping_interval=1)
    await _untyped(handler).connect_async()
    try:
        yield
    finally:
        await _untyped(handler).close_async()


def test_a_server_that_was_complained_to_fails_its_test() -> None:
    with pytest.raises(AssertionError, match="wrong"), SlackServer() as slack:
        slack.complaints.append("wrong")
