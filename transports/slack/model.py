"""The words of the Slack transport, and what it needs of a workspace. No logic here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from transports.base import PermanentFailure

API = "https://slack.com/api/"

# Of an app's events, all that is subscribed to: what nobody handles is never acknowledged, and comes again three times.
MESSAGES = ("app_mention", "message.channels", "message.groups", "message.im", "message.mpim")
REVOKED = ("app_uninstalled", "tokens_revoked")
LEFT = ("channel_archive", "channel_left", "group_archive", "group_left")
EVENTS = (*MESSAGES, *REVOKED, *LEFT)


@dataclass(frozen=True, slots=True)
class Account:
    """What our app signs in with. Socket Mode needs the app's token, signed HTTP its signing secret."""

    token: str  # "xoxb-…"
    app_token: str = ""  # "xapp-…"
    signing_secret: str = ""
    api: str = API  # base URL of the Web API
    team: str = ""  # whose the token must be; "": anybody's


@dataclass(frozen=True, slots=True)
class Me:
    """Who we are, as auth.test says."""

    team: str  # "T0123ABC"
    user: str  # the bot's user id, "U0123ABC"
    bot: str  # its bot id, "B0123ABC": in its messages
    name: str  # its user name, "tugbot"
    url: str = ""  # of the workspace


@dataclass(frozen=True, slots=True)
class Conversation:
    """A channel, a group, or a direct message."""

    id: str
    direct: bool  # of two people
    member: bool
    archived: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A page of history, as the Web API gives it; anyone's content."""

    messages: tuple[Mapping[str, Any], ...]
    cursor: str  # of the next page; "": there is none


@dataclass(frozen=True, slots=True)
class Content:
    """One message as Slack takes it."""

    text: str  # of notifications, and where blocks are not shown; escaped
    blocks: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """What the owner decided about this account."""

    max_file: int = 50_000_000  # bytes of a file that is fetched or sent


class StreamOver(PermanentFailure):
    """The stream takes nothing more: it expired, the person ended it, or it never was one. Its message stays."""


class Workspace(Protocol):
    """Our app in a workspace, by the Web API.

    Every call raises TemporaryFailure (unreachable, rate limit, 5xx), PermanentFailure (refused: no such channel,
    archived, not a member, missing scope, too large) or Disconnected (our token is refused) of transports.base.
    """

    @property
    def me(self) -> Me:
        """Known after `start`."""
        ...

    async def start(self) -> None:
        """Ask who we are. Again after each time that `run` ended."""
        ...

    async def post(self, channel: str, content: Content, thread: str = "", key: str = "") -> str:
        """A message's ts. `key` goes along as metadata, so that `posted` finds the message."""
        ...

    async def posted(self, channel: str, thread: str, key: str) -> str | None:
        """The ts of the message of ours that was posted with `key` within the last day; None: there is none."""
        ...

    async def update(self, channel: str, ts: str, content: Content) -> None: ...

    async def begin_stream(
        self, channel: str, thread: str, recipient: str, text: str, blocks: Sequence[Mapping[str, Any]] = ()
    ) -> str:
        """A message's ts. `text`: Markdown, at most 12,000 characters; `blocks` follow it.

        Raises StreamOver where there are no streams.
        """
        ...

    async def streamed(self, channel: str, thread: str, text: str) -> str | None:
        """The ts of a stream's message that was begun with `text` within the last day; None: there is none."""
        ...

    async def append(self, channel: str, ts: str, text: str) -> None:
        """Raises StreamOver."""
        ...

    async def end_stream(self, channel: str, ts: str) -> None:
        """Raises StreamOver."""
        ...

    async def history(self, channel: str, thread: str, oldest: float, cursor: str) -> Page:
        """What was said after `oldest` (Unix seconds) in a channel, or with `thread` in one of its threads."""
        ...

    async def conversations(self) -> Sequence[Conversation]:
        """All that we are in."""
        ...

    async def conversation(self, channel: str) -> Conversation: ...

    async def name_of(self, user: str) -> str:
        """A person's display name; the id where it cannot be had. Remembered for an hour; never raises."""
        ...

    async def upload(self, channel: str, thread: str, name: str, content: bytes, key: str = "") -> str:
        """The file's id."""
        ...

    async def download(self, url: str, limit: int) -> bytes:
        """A file of the workspace's. PermanentFailure where it has more than `limit` bytes, or is not Slack's."""
        ...

    async def set_status(self, channel: str, thread: str, status: str) -> None:
        """Under a thread's last message, for two minutes; "" takes it away."""
        ...

    async def close(self) -> None: ...
