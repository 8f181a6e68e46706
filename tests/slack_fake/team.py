"""One workspace: its people, channels and messages, what changes them, and what that tells to the app."""

from __future__ import annotations

import itertools
import re
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from tests.slack_fake import blocks as blockkit
from tests.slack_fake import envelopes, mrkdwn
from tests.slack_fake.model import (
    ANN,
    BOB,
    BOT,
    BOT_ID,
    TEAM,
    Channel,
    File,
    Json,
    Message,
    Person,
    Ping,
    Refused,
    Shown,
)

STATUS_STAYS = 120.0  # seconds
MOST_METADATA = 8_000  # bytes

SCOPES = (
    "app_mentions:read",
    "chat:write",
    "commands",
    "files:read",
    "files:write",
    "reactions:write",
    "users:read",
    *(f"{kind}:{what}" for kind in ("channels", "groups", "im", "mpim") for what in ("history", "read")),
    "im:write",
)


class Team:
    """`tell`: takes each event that happens, unless the app is not subscribed to it."""

    def __init__(self) -> None:
        self.tell: Callable[[Json], object] = lambda event: None
        self.shift = 0.0  # seconds that the test has moved the clock
        self.people: dict[str, Person] = {}
        self.channels: dict[str, Channel] = {}
        self.files: dict[str, File] = {}
        self.complaints: list[str] = []
        self.pings: list[Ping] = []
        self.statuses: dict[tuple[str, str], tuple[str, float]] = {}
        self.scopes = set(SCOPES)
        self.stream_lives = 300.0  # seconds
        self.most_file = 1_000_000_000  # bytes
        self.url = ""  # of the fake's server
        self._ids = itertools.count(1)
        self._last_ts = 0  # microseconds
        for person in (Person(ANN, "ann", "Ann"), Person(BOB, "bob", "Bob"), Person(BOT, "tugbot", "Tugbot", bot=True)):
            self.people[person.id] = person

    def now(self) -> float:
        return time.time() + self.shift

    def new_ts(self) -> str:
        """Each only once, and later than all before."""
        self._last_ts = max(self._last_ts + 1, int(self.now() * 1e6))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def new_id(self, prefix: str) -> str:
        return f"{prefix}0{next(self._ids):05d}"

    def need(self, scopes: str) -> None:
        """One of these, separated by spaces. Raises Refused."""
        if scopes and not self.scopes & set(scopes.split()):
            needed = scopes.split()[0]
            raise Refused("missing_scope", needed=needed, provided=",".join(sorted(self.scopes)))

    # ------------------------------------------------------------ people and channels

    def person(self, user: str) -> Person:
        """Whoever is named in a test is there."""
        return self.people.setdefault(user, Person(user, user.lower(), user.capitalize()))

    def dm_of(self, user: str) -> Channel:
        members = {self.person(user).id, BOT}
        for channel in self.channels.values():
            if channel.kind == "im" and channel.members == members:
                return channel
        return self.add_channel(Channel(self.new_id("D"), "im", members=members))

    def add_channel(self, channel: Channel) -> Channel:
        self.channels[channel.id] = channel
        return channel

    def channel(self, found: Any) -> Channel:
        """As the app sees it. Raises Refused."""
        channel = self.channels.get(str(found))
        if channel is None or (channel.kind != "channel" and BOT not in channel.members):
            raise Refused("channel_not_found")
        return channel

    def writable(self, found: Any) -> Channel:
        channel = self.channel(found)
        if channel.archived:
            raise Refused("is_archived")
        if BOT not in channel.members:
            raise Refused("not_in_channel")
        return channel

    def message(self, channel: Channel, ts: Any) -> Message:
        found = channel.messages.get(str(ts))
        if found is None or found.only_for:
            raise Refused("message_not_found")
        return found

    def own(self, channel: Channel, ts: Any, error: str) -> Message:
        found = self.message(channel, ts)
        if found.bot_id != BOT_ID:
            raise Refused(error)
        return found

    def root_of(self, channel: Channel, thread_ts: Any) -> str:
        """Of what the app wants to answer; "" for nothing. Of a deleted message, a tombstone is left to answer to."""
        ts = str(thread_ts or "")
        if not ts:
            return ""
        if ts in channel.deleted and ts not in channel.messages:
            channel.messages[ts] = Message(channel.id, ts, "USLACKBOT", "This message was deleted.", tombstone=True)
        root = channel.messages.get(ts)
        if root is None or root.only_for:
            raise Refused("invalid_thread_ts")
        if root.thread:
            self.complaints.append(f"thread_ts {ts} is a reply: use its root's, {root.thread}")
            return root.thread
        return ts

    # ------------------------------------------------------------ what happens

    def add(self, message: Message) -> Message:
        channel = self.channels[message.channel]
        channel.messages[message.ts] = message
        if message.only_for:
            return message
        if message.user == BOT:
            self.statuses.pop((message.channel, message.thread), None)
        if BOT in channel.members:
            self.tell(envelopes.message_event(message, channel))
            self._tell_mention(message, channel)
        return message

    def change(self, message: Message, **new: Any) -> None:
        """`edited` is set; events tell of it."""
        channel = self.channels[message.channel]
        old = envelopes.message(message, channel)
        was_mentioned = self._mentions(message)
        for key, value in new.items():
            setattr(message, key, value)
        ts = self.new_ts()
        message.edited = {"user": message.user, "ts": ts}
        self._tell_changed(message, old, channel, ts)
        if not was_mentioned:
            self._tell_mention(message, channel)

    def unfurl(self, message: Message) -> None:
        """A preview is put under a link: the text stays as it is."""
        channel = self.channels[message.channel]
        old = envelopes.message(message, channel)
        message.attachments = [{"id": 1, "title": "A page", "from_url": "https://example.org"}]
        self._tell_changed(message, old, channel, self.new_ts())

    def remove(self, message: Message) -> None:
        """A message with answers leaves a tombstone."""
        channel = self.channels[message.channel]
        old = envelopes.message(message, channel)
        ts = self.new_ts()
        channel.deleted.add(message.ts)
        if any(each.thread == message.ts for each in channel.messages.values()):
            message.tombstone, message.blocks, message.files, message.bot_id = True, [], [], ""
            self._tell_changed(message, old, channel, ts)
            return
        del channel.messages[message.ts]
        if BOT in channel.members:
            self.tell(envelopes.deleted_event(old, channel, ts))

    def _tell_changed(self, message: Message, old: Json, channel: Channel, ts: str) -> None:
        if BOT in channel.members:
            self.tell(envelopes.changed_event(envelopes.message(message, channel), old, channel, ts))

    def _tell_mention(self, message: Message, channel: Channel) -> None:
        if channel.kind != "im" and BOT in channel.members and self._mentions(message):
            self.tell(envelopes.mention_event(message, channel))

    def _mentions(self, message: Message) -> bool:
        return message.user != BOT and f"<@{BOT}" in message.text

    # ------------------------------------------------------------ what the app says

    def said(self, channel: Channel, *, thread: str = "", **content: Any) -> Message:
        return Message(channel.id, self.new_ts(), BOT, bot_id=BOT_ID, thread=thread, **content)

    def look_at(
        self, method: str, channel: Channel, text: str, blocks: Sequence[Json], markdown: str, options: Json
    ) -> None:
        """Note what a person would be bothered with, and what Slack would take and show wrongly."""
        spoken = [text, *blockkit.text_objects(list(blocks), "mrkdwn")]
        marked = [markdown, *blockkit.text_objects(list(blocks), "markdown")]
        plain = list(blockkit.text_objects(list(blocks), "plain_text"))
        names = options.get("parse") == "full" or str(options.get("link_names", "0")).lower() in ("1", "true")
        for each in (*spoken, *marked):
            self.pings += [Ping(channel.id, method, what) for what in mrkdwn.pings(each, names=names)]
        for each in spoken:
            self.complaints += [f"{method}: {wrong} in {each[:80]!r}" for wrong in mrkdwn.mistakes(each)]
        for each in (*marked, *plain):
            self.complaints += [f"{method}: {wrong} in {each[:80]!r}" for wrong in mrkdwn.control(each)]

    def metadata(self, found: Any) -> Json | None:
        """Raises Refused."""
        if found is None:
            return None
        shaped = isinstance(found, dict) and set(found) == {"event_type", "event_payload"}
        if not shaped or not isinstance(found["event_payload"], dict):
            raise Refused("invalid_metadata_format")
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,255}", str(found["event_type"])):
            raise Refused("invalid_metadata_format")
        if len(str(found).encode()) > MOST_METADATA:
            raise Refused("metadata_too_large")
        return dict(found)

    def add_file(self, name: str, content: bytes) -> File:
        made = File(self.new_id("F"), name, name, content, shared=True)
        made.url = self.file_url(made)
        self.files[made.id] = made
        return made

    def file_url(self, file: File) -> str:
        return f"{self.url}/files-pri/{TEAM}-{file.id}/download/{quote(file.name, safe='')}"

    # ------------------------------------------------------------ what people do and see

    def typed(self, text: str) -> str:
        people = {person.name: person.id for person in self.people.values()}
        channels = {channel.name: channel.id for channel in self.channels.values() if channel.name}
        return mrkdwn.typed(text, people, channels)

    def spoken(self, channel: str, user: str, text: str, thread: str = "", **more: Any) -> Message:
        """What a person sends."""
        self.person(user)
        return Message(channel, self.new_ts(), user, text, thread, client_msg_id=str(uuid.uuid4()), **more)

    def seen(self, text: str) -> str:
        people = {person.id: person.name for person in self.people.values()}
        return mrkdwn.seen(text, people, {channel.id: channel.name for channel in self.channels.values()})

    def shown(self, message: Message) -> Shown:
        channel = self.channels[message.channel]
        raw = envelopes.message(message, channel, metadata=True)
        return Shown(
            ts=message.ts,
            user=raw["user"],
            text=raw["text"] if message.tombstone else self._text_of(message),
            buttons=tuple(each["text"]["text"] for each in blockkit.buttons(message.blocks)),
            thread=message.thread,
            edited=message.edited is not None,
            streaming=message.stream is not None and message.stream.state == "streaming",
            files=tuple(each.name for each in message.files),
            by_bot=bool(message.bot_id),
            raw=raw,
        )

    def _text_of(self, message: Message) -> str:
        told = [each for block in message.blocks for each in self._block_text(block)]
        if message.markdown:
            return "\n".join([message.markdown, *told])
        return "\n".join(told) if told else self.seen(message.text)

    def _block_text(self, block: Json) -> list[str]:
        if block.get("type") == "actions":
            return []
        if block.get("type") == "markdown":
            return [block["text"]]
        if block.get("type") == "rich_text":
            return ["".join(blockkit.texts(block))]
        plain = list(blockkit.text_objects(block, "plain_text"))
        return [self.seen(each) for each in blockkit.text_objects(block, "mrkdwn")] + plain

    def status(self, channel: str, thread: str) -> str:
        text, at = self.statuses.get((channel, thread), ("", 0.0))
        return text if self.now() - at < STATUS_STAYS else ""
