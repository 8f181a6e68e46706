"""One workspace of Slack as a transport: what comes over the connection, and what we say in channels and threads."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from transports.base import (
    Capabilities,
    Disconnected,
    Hook,
    Hooked,
    Keepsakes,
    MessageRef,
    Outbound,
    PermanentFailure,
    Receiver,
    TemporaryFailure,
)
from transports.failing import cause, refused
from transports.files import Files, safe_name
from transports.slack.arrivals import Arrivals
from transports.slack.blocks import content
from transports.slack.gaps import Gaps
from transports.slack.model import REVOKED, Content, Policy, StreamOver, Workspace
from transports.slack.reading import Commanded, Ended, Pressed, Read
from transports.slack.socket import Connection
from transports.slack.streams import Streams
from transports.slack.threads import PREFIX as THREADS
from transports.slack.threads import Threads

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_LENGTH = 8_000  # characters of Markdown; see blocks.py
SOON = 2.0  # seconds; Slack takes no answer after three
WORKING = "is working…"
REPEAT = "(perhaps sent before)"


class SlackTransport:
    """transports.base.Transport, with Typing, Uploading and Hooked."""

    capabilities = Capabilities(
        edit=True, threads=True, buttons=True, upload=True, typing=True, max_length=MAX_LENGTH, edit_interval=1.2
    )

    def __init__(
        self,
        workspace: Workspace,
        keepsakes: Keepsakes,
        files: Path,
        policy: Policy,
        *,
        name: str = "slack",
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`files`: where fetched files go. `connect` is to be called before `run`."""
        self.name = name
        self._workspace = workspace
        self._keepsakes = keepsakes
        self._policy = policy
        self._threads = Threads(keepsakes, clock)
        self._streams = Streams(workspace)
        self._arrivals = Arrivals(name, workspace, self._threads, Files(files, policy.max_file), self._fill)
        hands = self._arrivals
        self._gaps = Gaps(workspace, keepsakes, self._threads, hands.hand_in, hands.speaks_to_us, clock=clock)
        self._connection: Connection | None = None
        self._receiver: Receiver | None = None
        self._listens = asyncio.Event()  # there is a receiver
        self._ended: asyncio.Future[None] | None = None  # fails when somebody threw us out
        self._unsure: set[str] = set()  # keys of messages that may have been taken although the answer got lost
        self._turns: dict[str, asyncio.Lock] = {}  # to post, by channel
        self._loaded = False
        self._closed = False

    # ------------------------------------------------------------ receiving

    def connect(self, connection: Connection) -> None:
        """Where `take` is called from."""
        self._connection = connection

    @property
    def hooks(self) -> Mapping[str, Hook]:
        """transports.base.Hooked: what Slack calls, where it does."""
        return self._connection.hooks if isinstance(self._connection, Hooked) else {}

    async def run(self, receiver: Receiver) -> None:
        """Until cancelled. Raises Disconnected, and what the receiver's store raises; may be called again."""
        assert self._connection is not None
        self._ended = asyncio.get_running_loop().create_future()
        try:
            await self._workspace.start()
            await self._load()
            self._receiver = receiver
            self._listens.set()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._connection.run(self._gaps.connected), name="connection to Slack")
                group.create_task(self._gaps.run(receiver, lambda: self._is_up), name="gaps of Slack")
                await self._ended
        except TemporaryFailure as exc:
            raise Disconnected(str(exc)) from exc
        except PermanentFailure as exc:
            raise Disconnected(str(exc), lasting=True) from exc
        except ExceptionGroup as exc:
            raise cause(exc) from exc
        finally:
            self._receiver = None
            self._listens.clear()

    async def take(self, said: Read) -> str:
        """One event, until its commit; what a slash command is answered at once. Raises where it must come again."""
        if self._receiver is None and isinstance(said, Pressed | Commanded):
            await self._soon()  # Slack does not try these again
        if self._receiver is None:
            raise TemporaryFailure("nobody listens yet")
        if isinstance(said, Ended):
            self._thrown_out(said)
            return ""
        return await self._arrivals.take(said, self._receiver)

    async def _soon(self) -> None:
        """Until somebody listens, for as long as Slack waits for an answer."""
        try:
            async with asyncio.timeout(SOON):
                await self._listens.wait()
        except TimeoutError:
            log.info("a button or command came while nobody listened")

    async def _fill(self, channel: str, receiver: Receiver) -> None:
        await self._gaps.fill(channel, receiver)

    @property
    def _is_up(self) -> bool:
        return self._connection is not None and self._connection.is_up

    async def _load(self) -> None:
        if self._loaded:
            return
        kept = await self._keepsakes.read("")
        account = f"{self._workspace.me.team}/{self._workspace.me.user}"
        if kept.get("account", account) != account:
            log.warning("another workspace than last time (%s, not %s): beginning anew", account, kept["account"])
            await self._keepsakes.write(dict.fromkeys(kept))
            kept = {}
        await self._keepsakes.write({"account": account})
        self._threads.load({key: value for key, value in kept.items() if key.startswith(THREADS)})
        self._gaps.load(kept)
        self._loaded = True

    def _thrown_out(self, said: Ended) -> None:
        if said.what not in REVOKED:
            log.warning("Slack says %s of %s: nothing comes from there any more", said.what, said.channel)
            return
        self._fail(Disconnected(f"Slack says {said.what}: `tugbot init slack` sets the app up again", lasting=True))

    def _fail(self, exc: Disconnected) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_exception(exc)

    # ------------------------------------------------------------ sending

    async def send(self, message: Outbound) -> MessageRef:
        channel, thread = self._place(message.target)
        async with self._turns.setdefault(channel, asyncio.Lock()):  # Slack shows them in the order in which they come
            if message.kind == "stream" and thread and message.choices:  # without a button it grows no more
                talker = self._threads.talker(channel, thread)
                ts = await self._asked(self._streams.begin(channel, thread, talker, message.text, message.choices))
                if ts is not None:
                    return MessageRef(message.target, ts)
            return MessageRef(message.target, await self._asked(self._post(channel, thread, message)))

    async def edit(self, ref: MessageRef, message: Outbound) -> None:
        channel, _ = self._place(ref.target)
        # A message's last word comes from the outbox, or has no button any more; no stream can take that away.
        if message.key or not message.choices:
            await self._asked(self._streams.end(ref.id))
        elif await self._asked(self._streams.goes_on(ref.id, message.text)):
            return
        await self._asked(self._update(channel, ref.id, _content(message)))

    async def _update(self, channel: str, ts: str, shown: Content) -> None:
        try:
            await self._workspace.update(channel, ts, shown)
        except StreamOver:  # it still streams: begun by a process that was killed, or by a call whose answer got lost
            await self._workspace.end_stream(channel, ts)
            await self._workspace.update(channel, ts, shown)

    async def typing(self, target: str, on: bool) -> None:
        channel, thread = self._place(target)
        if not thread:  # Slack shows it below a thread's messages alone
            return
        try:
            await self._workspace.set_status(channel, thread, WORKING if on else "")
        except (TemporaryFailure, PermanentFailure, Disconnected) as exc:
            log.debug("no status in %s: %s", target, exc)

    async def upload(self, target: str, name: str, content: bytes) -> MessageRef:
        channel, thread = self._place(target)
        if len(content) > self._policy.max_file:
            raise PermanentFailure(f"it has more than {self._policy.max_file / 1e6:.0f} MB")
        return MessageRef(target, await self._asked(self._workspace.upload(channel, thread, safe_name(name), content)))

    async def close(self) -> None:
        self._closed = True
        await self._workspace.close()

    async def _post(self, channel: str, thread: str, message: Outbound) -> str:
        """Once, although Slack has no idempotency: what may have been taken already is looked for first."""
        key = _key(message)
        if message.repeat or key in self._unsure:
            try:
                if (ts := await self._workspace.posted(channel, thread, key)) is not None:
                    self._unsure.discard(key)
                    return ts
            except PermanentFailure as exc:
                log.info("%s cannot be searched: %s", channel, exc)
                message = replace(message, text=f"{REPEAT} {message.text}", asides=())
        self._unsure.discard(key)
        try:
            return await self._workspace.post(channel, _content(message), thread, key)
        except TemporaryFailure as exc:
            if exc.retry_after is not None:  # it was told to wait, so it was not taken
                raise
            if message.key:  # it is tried again under this key
                self._unsure.add(key)
                raise
            if (ts := await self._workspace.posted(channel, thread, key)) is not None:
                return ts
            raise

    async def _asked(self, call: Awaitable[T]) -> T:
        """What Slack answers. A token that is refused is told, and keeps the message waiting."""
        try:
            return await call
        except Disconnected as exc:
            self._fail(exc)
            refused(exc)

    def _place(self, target: str) -> tuple[str, str]:
        """Channel and thread ("": none) of "slack/<team>/<channel>[/<thread ts>]"."""
        if self._closed:
            raise PermanentFailure("the transport is closed")
        name, team, channel, thread = (*target.split("/", 3), "", "", "", "")[:4]
        if name != self.name or not channel:
            raise PermanentFailure(f"{target} is no place in {self.name}")
        if team != self._workspace.me.team:
            raise PermanentFailure(f"{target} is in another workspace")
        return channel, thread


def _key(message: Outbound) -> str:
    """What a second attempt repeats; of a message without a key, of this attempt alone."""
    if not message.key:
        return secrets.token_hex(16)
    # With the text: where the data directory was made anew, keys begin anew as well, and an answer would be taken for
    # one that was posted before.
    said = f"{message.target}\0{message.key}\0{message.text}"
    return hashlib.sha256(said.encode(errors="replace")).hexdigest()[:40]


def _content(message: Outbound) -> Content:
    return content(message.text, message.asides, message.choices, message.key)
