"""The words of the fake Slack. No logic here."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Json: TypeAlias = dict[str, Any]

TEAM = "T0FAKE"
APP = "A0TUGBOT"
BOT = "U0TUGBOT"  # the bot's user id
BOT_ID = "B0TUGBOT"
ANN = "U0ANN"
BOB = "U0BOB"
BOT_TOKEN = "xoxb-fake-bot"
APP_TOKEN = "xapp-1-A0TUGBOT-fake-app"
SIGNING_SECRET = "0123456789abcdef0123456789abcdef"


class Refused(Exception):
    """An answer with `ok: false`."""

    def __init__(self, error: str, **extra: Any) -> None:
        super().__init__(error)
        self.error = error
        self.extra = extra


@dataclass(slots=True)
class Person:
    id: str
    name: str  # what is typed behind "@"
    display_name: str
    bot: bool = False
    deleted: bool = False


@dataclass(slots=True)
class Stream:
    """What chat.startStream began."""

    began: float  # by the fake's clock
    state: Literal["streaming", "stopped", "stopped_by_user"] = "streaming"


@dataclass(slots=True)
class File:
    id: str
    name: str
    title: str
    content: bytes
    url: str = ""
    uploaded: bool = True  # False: its address was given out, and nothing came yet
    shared: bool = False
    length: int = 0  # that was announced


@dataclass(slots=True)
class Message:
    channel: str
    ts: str
    user: str
    text: str  # mrkdwn, escaped
    thread: str = ""  # ts of its root; "" for top-level messages
    blocks: list[Json] = field(default_factory=list)
    bot_id: str = ""
    subtype: str = ""
    files: list[File] = field(default_factory=list)
    metadata: Json | None = None
    edited: Json | None = None
    broadcast: bool = False
    only_for: str = ""  # ephemeral: who sees it
    stream: Stream | None = None
    markdown: str = ""  # what was streamed, or posted as markdown_text
    attachments: list[Json] = field(default_factory=list)
    reactions: dict[str, list[str]] = field(default_factory=dict)
    client_msg_id: str = ""
    tombstone: bool = False  # deleted, but its thread lives


@dataclass(slots=True)
class Channel:
    id: str
    kind: Literal["channel", "group", "im", "mpim"]
    name: str = ""
    members: set[str] = field(default_factory=set)  # user ids, the bot's among them
    archived: bool = False
    messages: dict[str, Message] = field(default_factory=dict)  # by ts
    deleted: set[str] = field(default_factory=set)  # ts of those that are gone


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as a person sees it now."""

    ts: str
    user: str
    text: str  # of the blocks where it has some; entities, links and mentions read as on the screen
    buttons: tuple[str, ...]  # their labels
    thread: str
    edited: bool
    streaming: bool
    files: tuple[str, ...]  # names
    by_bot: bool
    raw: Json  # as the Web API gives it


@dataclass(frozen=True, slots=True)
class Ping:
    """Somebody who would have been notified by what the bot posted."""

    channel: str
    method: str
    what: str  # "<!channel>"


@dataclass(slots=True)
class Call:
    """One call of the Web API."""

    method: str
    arguments: Json
    at: float  # by the fake's clock
    status: int = 0  # that was answered; 0: nothing was
    answer: Json = field(default_factory=dict)


@dataclass(slots=True)
class Attempt:
    """One try to hand in an event."""

    number: int  # 0: the first; else retry_attempt
    envelope: str  # its id; "" over HTTP
    reason: str  # of the retry
    sent: float | None = None  # time.monotonic(); None: nobody was connected
    acked: float | None = None
    failed: str = ""  # why Slack counts it as failed; "" while it waits, and after an acknowledgement in time

    @property
    def latency(self) -> float | None:
        return None if self.sent is None or self.acked is None else self.acked - self.sent


@dataclass(eq=False, slots=True)
class Delivery:
    """An event, a press or a slash command on its way to the app."""

    kind: Literal["events_api", "interactive", "slash_commands"]
    payload: Json
    attempts: list[Attempt] = field(default_factory=list)
    state: Literal["pending", "acked", "lost"] = "pending"
    answer: Any = None  # what came along with the acknowledgement
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def event(self) -> Json:
        found: Json = self.payload.get("event", {})
        return found

    @property
    def event_id(self) -> str:
        return str(self.payload.get("event_id", ""))


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one attempt."""

    acked: bool
    reason: str = ""  # retry_reason of the next
    answer: Any = None
    final: bool = False  # X-Slack-No-Retry
