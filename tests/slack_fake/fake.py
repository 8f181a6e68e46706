"""The fake Slack, in the test's own event loop: what people do there, what they see, and what goes wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar

from aiohttp import web

from tests.slack_fake import blocks as blockkit
from tests.slack_fake import envelopes
from tests.slack_fake.api import Api
from tests.slack_fake.delivery import PATIENCE, SCHEDULE, Courier, Way
from tests.slack_fake.faults import Fault
from tests.slack_fake.model import (
    APP_TOKEN,
    BOT,
    BOT_TOKEN,
    SIGNING_SECRET,
    Call,
    Channel,
    Delivery,
    Json,
    Message,
    Person,
    Ping,
    Shown,
    Stream,
)
from tests.slack_fake.signed import Requests
from tests.slack_fake.sockets import Reason, Sockets
from tests.slack_fake.storage import Responses, Storage
from tests.slack_fake.team import Team

T = TypeVar("T")

SUBSCRIBED = (
    "app_mention",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
    "app_uninstalled",
    "tokens_revoked",
    "channel_archive",
    "channel_left",
    "group_archive",
    "group_left",
)
_MESSAGES = {"channel": "message.channels", "group": "message.groups", "im": "message.im", "mpim": "message.mpim"}


class FakeSlack:
    """`async with FakeSlack() as slack:`; the app is pointed at `slack.api` with `slack.token` and `slack.app_token`.

    Leaving it fails where the app sent what Slack would take but show wrongly: see `complaints`; a test that means to
    send such things clears the list. All that is not `async` may be called from the loop at any time.
    """

    token = BOT_TOKEN
    app_token = APP_TOKEN
    signing_secret = SIGNING_SECRET
    me = BOT

    def __init__(self, *, schedule: Sequence[float] = SCHEDULE, patience: float = PATIENCE) -> None:
        self.team = Team()
        self.team.tell = self._tell
        self.subscribed = set(SUBSCRIBED)
        self.sockets = Sockets(self.team.now, self.team.complaints.append)
        self.http: Requests | None = None
        self.courier = Courier(self._way, schedule, patience)
        self.responses = Responses(self.team)
        self.web = Api(self.team, self.sockets, lambda: None)
        self._storage = Storage(self.team, lambda token: token not in self.web.refused)
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> FakeSlack:
        app = web.Application(client_max_size=2**30)
        app.router.add_route("*", "/api/{method}", self.web.handle)
        app.router.add_get("/link/", self.sockets.serve)
        app.router.add_post("/upload/v1/{file}", self._storage.upload)
        app.router.add_get("/files-pri/{file}/download/{name}", self._storage.download)
        app.router.add_post("/response/{name}", self.responses.take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.team.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.courier.close()
        self.web.close()
        await self.sockets.close()
        if self.http is not None:
            await self.http.close()
        if self._runner is not None:
            await self._runner.cleanup()
        if kind is None and self.complaints:
            raise AssertionError("Slack would show wrongly, or not understand:\n" + "\n".join(self.complaints))

    # ------------------------------------------------------------ where it is

    @property
    def url(self) -> str:
        return self.team.url

    @property
    def api(self) -> str:
        """The Web API's base URL."""
        return f"{self.url}/api/"

    def over_http(self, events: str, interactive: str = "", commands: str = "") -> Requests:
        """From now on everything goes to these request URLs, signed; the last two default to the first."""
        urls = {"events_api": events, "interactive": interactive or events, "slash_commands": commands or events}
        self.http = Requests(urls, self.signing_secret)
        return self.http

    async def verify(self) -> bool:
        """Whether the request URL answers Slack's challenge."""
        assert self.http is not None
        return await self.http.verify()

    # ------------------------------------------------------------ people and places

    def person(self, user: str, name: str = "", display_name: str = "") -> str:
        """Their id. Whoever is named elsewhere is made as needed, called by the id in small letters."""
        made = Person(user, name or user.lower(), display_name or name or user.capitalize())
        self.team.people[user] = made
        return user

    def dm(self, user: str) -> str:
        """The channel of this person and the bot."""
        return self.team.dm_of(user).id

    def channel(self, *users: str, name: str = "", private: bool = False, invited: bool = True) -> str:
        """A channel with these people, and the bot where it is `invited`."""
        members = {self.team.person(user).id for user in users} | ({BOT} if invited else set())
        made = Channel(self.team.new_id("C"), "group" if private else "channel", members=members)
        made.name = name or made.id.lower()
        return self.team.add_channel(made).id

    def group_dm(self, *users: str) -> str:
        members = {self.team.person(user).id for user in users} | {BOT}
        return self.team.add_channel(Channel(self.team.new_id("G"), "mpim", "mpdm", members)).id

    def invite(self, channel: str) -> None:
        self.team.channels[channel].members.add(BOT)

    def kick(self, channel: str) -> None:
        found = self.team.channels[channel]
        found.members.discard(BOT)
        kind = "group_left" if found.kind == "group" else "channel_left"
        self._tell({"type": kind, "channel": channel, "actor_id": "U0ADMIN", "event_ts": self.team.new_ts()})

    def archive(self, channel: str, by: str = "U0ADMIN") -> None:
        found = self.team.channels[channel]
        found.archived = True
        kind = "group_archive" if found.kind == "group" else "channel_archive"
        self._tell({"type": kind, "channel": channel, "user": by, "is_moved": 0, "event_ts": self.team.new_ts()})

    # ------------------------------------------------------------ what people do

    def say(
        self,
        channel: str,
        user: str,
        text: str,
        thread: str | None = None,
        *,
        files: Mapping[str, bytes] | None = None,
        broadcast: bool = False,
        subtype: str = "",
        verbatim: bool = False,
    ) -> str:
        """Its ts. `text` is what is typed: "@tugbot", "#general" and addresses become links, `&<>` are escaped.

        `verbatim`: the text is as Slack sends it already. `broadcast`: a reply that is sent to the channel as well.
        """
        made = [self.team.add_file(name, content) for name, content in (files or {}).items()]
        kind = subtype or ("file_share" if made else "thread_broadcast" if broadcast else "")
        said = text if verbatim else self.team.typed(text)
        more = {"files": made, "subtype": kind, "broadcast": broadcast}
        return self.team.add(self.team.spoken(channel, user, said, thread or "", **more)).ts

    def edit(self, channel: str, ts: str, text: str, *, verbatim: bool = False) -> None:
        self.team.change(self._message(channel, ts), text=text if verbatim else self.team.typed(text))

    def delete(self, channel: str, ts: str) -> None:
        self.team.remove(self._message(channel, ts))

    def unfurl(self, channel: str, ts: str) -> None:
        """Slack puts a preview under the message's link."""
        self.team.unfurl(self._message(channel, ts))

    def press(self, user: str, channel: str, ts: str, label: str) -> Delivery:
        """`label`: the button's, or its action_id. AssertionError where there is none."""
        message = self._message(channel, ts)
        buttons = blockkit.buttons(message.blocks)
        found = [each for each in buttons if label in (each["text"]["text"], each["action_id"])]
        assert found, f"no button {label!r} among {[each['text']['text'] for each in buttons]}"
        payload = envelopes.block_actions(
            message,
            self.team.channels[channel],
            self.team.person(user),
            found[0],
            trigger=self.team.new_id("trigger."),
            url=self.responses.new(channel, user, message),
            at=self.team.new_ts(),
        )
        return self.courier.send("interactive", payload)

    def command(
        self, user: str, channel: str, text: str, command: str = "/tugbot", *, verbatim: bool = False
    ) -> Delivery:
        """What the acknowledgement says is shown to this person: `await slack.answered(delivery)`.

        As in `say`, `text` is what is typed unless it is `verbatim`: an app's manifest asks for that (`should_escape`).
        """
        trigger, url = self.team.new_id("trigger."), self.responses.new(channel, user)
        place = self.team.channels[channel]
        said = text if verbatim else self.team.typed(text)
        payload = envelopes.slash_command(place, self.team.person(user), command, said, trigger=trigger, url=url)
        return self.courier.send("slash_commands", payload)

    async def answered(self, delivery: Delivery, patience: float = 10.0) -> Any:
        """Waits until it was acknowledged or lost; what came along with the acknowledgement is shown to its person."""
        async with asyncio.timeout(patience):
            await delivery.done.wait()
        if delivery.kind == "slash_commands" and delivery.answer:
            channel, user = delivery.payload["channel_id"], delivery.payload["user_id"]
            self.responses.answer(channel, user, None, delivery.answer)
        return delivery.answer

    def stop_stream(self, channel: str, ts: str) -> None:
        """A person ends what the bot is streaming."""
        stream = self._message(channel, ts).stream
        assert isinstance(stream, Stream)
        stream.state = "stopped_by_user"

    def _message(self, channel: str, ts: str) -> Message:
        return self.team.channels[channel].messages[ts]

    # ------------------------------------------------------------ what happens to the app

    def emit(self, event: Json) -> Delivery | None:
        """Any event; None where the app is not subscribed to it."""
        return self._tell({"event_ts": self.team.new_ts(), **event})

    def again(self, delivery: Delivery) -> Delivery:
        """The same event once more, with the same event_id, as if Slack had lost its acknowledgement."""
        return self.courier.send(delivery.kind, delivery.payload)

    def revoke(self, error: str = "token_revoked", *, told: bool = False) -> None:
        """The bot's token is good for nothing any more; `told`: an event says so."""
        self.web.refused[BOT_TOKEN] = error
        if told:
            self._tell({"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [BOT]}})

    def uninstall(self) -> None:
        self._tell({"type": "app_uninstalled"})
        self.web.refused |= {BOT_TOKEN: "account_inactive", APP_TOKEN: "invalid_auth"}

    def restore(self) -> None:
        """The tokens are good again."""
        self.web.refused.clear()

    # ------------------------------------------------------------ faults

    def fail(self, method: str, *faults: Fault | None) -> None:
        """What the next calls of this method ("*": of any) meet, one each; None lets one pass."""
        self.web.faults[method].extend(faults)

    @property
    def limits(self) -> dict[str, float]:
        """Calls per minute, by method: `slack.limits["chat.update"] = 50`."""
        return self.web.limits

    @property
    def delays(self) -> dict[str, float]:
        """Seconds before each answer, by method."""
        return self.web.delays

    def advance(self, seconds: float) -> None:
        """Move the clock: of ts, streams, tickets, rate limits and statuses; not of retries."""
        self.team.shift += seconds

    def refuse_handshakes(self, count: int, status: int = 503) -> None:
        """Of the next websockets; their tickets are used up."""
        self.sockets.refusals += [status] * count

    async def disconnect(self, reason: Reason = "refresh_requested", which: int | None = None) -> None:
        """Slack's message "disconnect" on every connection, or on the one at this place."""
        for connection in self._connections(which):
            await self.sockets.disconnect(connection, reason)

    def cut(self, which: int | None = None) -> None:
        """TCP connections go away, with no goodbye."""
        for connection in self._connections(which):
            connection.abort()

    async def hang_up(self, which: int | None = None) -> None:
        """A close frame."""
        for connection in self._connections(which):
            await connection.ws.close()

    def freeze(self, which: int | None = None) -> None:
        """Half-open: nothing arrives, no ping is answered, and nobody is told."""
        for connection in self._connections(which):
            connection.frozen = True

    def _connections(self, which: int | None) -> list[Any]:
        every = list(self.sockets.connections)
        return every if which is None else [every[which]]

    # ------------------------------------------------------------ what is to be seen

    def shown(self, channel: str, thread: str | None = None, *, to: str = "") -> list[Shown]:
        """Now, oldest first: the channel's own messages, or with `thread` its root and answers.

        Messages for one person's eyes are among them where that person looks (`to`).
        """
        every = self.team.channels[channel].messages.values()
        visible = [each for each in every if each.only_for in ("", to)]
        if thread is None:
            wanted = [each for each in visible if not each.thread or each.broadcast]
        else:
            wanted = [each for each in visible if thread in (each.ts, each.thread)]
        return [self.team.shown(each) for each in sorted(wanted, key=lambda each: each.ts)]

    def said(self, channel: str, thread: str | None = None) -> list[str]:
        """The texts of what the bot shows there: with no `thread` in the channel and in all of its threads."""
        every = self.team.channels[channel].messages.values()
        mine = [each for each in every if each.bot_id and (thread is None or thread == each.thread)]
        return [self.team.shown(each).text for each in sorted(mine, key=lambda each: each.ts)]

    def status(self, channel: str, thread: str) -> str:
        """The line under a thread that says what the bot is about."""
        return self.team.status(channel, thread)

    def calls(self, method: str = "") -> list[Call]:
        return [each for each in self.web.calls if method in ("", each.method)]

    @property
    def complaints(self) -> list[str]:
        return self.team.complaints

    @property
    def pings(self) -> list[Ping]:
        return self.team.pings

    @property
    def deliveries(self) -> list[Delivery]:
        return self.courier.deliveries

    @property
    def lost(self) -> list[Delivery]:
        return self.courier.lost

    @property
    def connected(self) -> int:
        """Websockets that are open, those that were told to go left out."""
        return sum(each.open and not each.retiring for each in self.sockets.connections)

    async def wait(self, condition: Callable[[], T], patience: float = 10.0) -> T:
        """What `condition` gives once that is true. AssertionError with all that is to be seen after `patience`."""
        end = time.monotonic() + patience
        while not (found := condition()):
            if time.monotonic() > end:
                raise AssertionError(f"not within {patience:g} s; to be seen:\n{self.picture()}")
            await asyncio.sleep(0.01)
        return found

    def picture(self) -> str:
        """All channels as text, for a failed test to be read."""
        lines = []
        for channel in self.team.channels.values():
            lines.append(f"{channel.id} ({channel.kind})")
            for message in sorted(channel.messages.values(), key=lambda each: (each.thread or each.ts, each.ts)):
                seen = self.team.shown(message)
                more = "".join([*(f" [{label}]" for label in seen.buttons), *(f" 📎{name}" for name in seen.files)])
                lines.append(f"  {'  ↳ ' if seen.thread else ''}{seen.ts} {seen.user}: {seen.text!r}{more}")
        return "\n".join([*lines, f"connected: {self.connected}", *(f"complaint: {c}" for c in self.complaints)])

    # ------------------------------------------------------------ parts

    def _way(self) -> Way:
        return self.http or self.sockets

    def _tell(self, event: Json) -> Delivery | None:
        kind = event["type"]
        name = _MESSAGES.get(event.get("channel_type", ""), kind) if kind == "message" else kind
        if name not in self.subscribed:
            return None
        event_id = self.team.new_id("Ev")
        return self.courier.send("events_api", envelopes.callback(event, event_id, self.team.now()))
