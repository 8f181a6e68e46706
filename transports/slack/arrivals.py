"""From what people say and do in Slack to what the bot is handed: once each, and in the order of each channel."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial

from transports.base import Ack, Amendment, Inbound, PermanentFailure, Receiver, TemporaryFailure
from transports.files import Files
from transports.slack.markup import unescape
from transports.slack.model import Workspace
from transports.slack.reading import Changed, Commanded, Pressed, Said, strip
from transports.slack.threads import Threads
from transports.standing import Standing

log = logging.getLogger(__name__)

REMEMBERED = 5_000  # events whose fate is known without asking the inbox
EARLY = 200  # edits and deletions that are kept for messages which may still come
MENTIONS = 20  # people whose names are put into one message
PATIENCE = 1.0  # seconds: a slash command has three to be acknowledged
_MENTION = re.compile(r"<@([UW][A-Z0-9]{1,30})(?:\|[^>]*)?>")
_STOP = re.compile(r"\s*/?stop\b", re.IGNORECASE)
NOT_HERE = "I am not in this channel. `/invite` me first, then say it again."


class Arrivals:
    def __init__(
        self,
        name: str,
        workspace: Workspace,
        threads: Threads,
        files: Files,
        fill: Callable[[str, Receiver], Awaitable[None]],
    ) -> None:
        """`fill`: hands in what a channel said while nobody listened; called before anything newer of it."""
        self._name = name  # of the transport
        self._workspace = workspace
        self._threads = threads
        self._files = files
        self._fill = fill
        self._handed: OrderedDict[str, asyncio.Future[Ack]] = OrderedDict()  # by event id
        self._edits: OrderedDict[str, float] = OrderedDict()  # by event id: ts of the latest edit that was handed in
        self._early: OrderedDict[str, Changed] = OrderedDict()  # by event id: what came before its message did
        self._order: dict[str, asyncio.Lock] = {}  # by channel
        self._urgent: dict[str, asyncio.Lock] = {}  # the same, of what overtakes the rest

    async def take(self, said: Said | Changed | Pressed | Commanded, receiver: Receiver) -> str:
        """Until its commit. What a slash command's sender is told at once; "": nothing.

        Raises what Workspace raises, and what the receiver's store raises: then it must be handed in again.
        """
        if isinstance(said, Commanded) and not await self._is_in(said.channel):
            return NOT_HERE
        if isinstance(said, Pressed | Commanded) or self._is_stop(said):
            # Slack takes no answer after 3 s, nor tries again, and a stop must not wait for files that are fetched. But
            # of two presses the first counts.
            async with self._urgent.setdefault(said.channel, asyncio.Lock()):
                put = await self.hand_in(said, receiver)
        else:
            async with self._order.setdefault(said.channel, asyncio.Lock()):
                await self._fill(said.channel, receiver)
                put = await self.hand_in(said, receiver)
        if put is not None:
            await asyncio.shield(put)  # others may wait for the same one
        return ""

    async def speaks_to_us(self, said: Said, receiver: Receiver) -> bool:
        if said.direct or strip(said.text, self._workspace.me.user, self._workspace.me.name)[1]:
            return True
        return (await self._standing(said, receiver)).ours

    def _is_stop(self, said: Said | Changed | Pressed | Commanded) -> bool:
        """Whether it may be one. What it means is for the bot to say; here it only must not wait in line."""
        if not isinstance(said, Said) or said.files:
            return False
        me = self._workspace.me
        return _STOP.match(strip(said.text, me.user, me.name)[0]) is not None

    async def hand_in(
        self, said: Said | Changed | Pressed | Commanded, receiver: Receiver
    ) -> asyncio.Future[Ack] | None:
        """Done with the commit; None: nothing was handed in. The caller sees to the order."""
        if isinstance(said, Said):
            return await self._message(said, receiver)
        if isinstance(said, Changed):
            return await self._amendment(said, receiver)
        if isinstance(said, Pressed):
            return await self._press(said, receiver)
        return await self._command(said, receiver)

    async def _is_in(self, channel: str) -> bool:
        """Whether we are in a channel; yes where Slack does not say in time."""
        try:
            async with asyncio.timeout(PATIENCE):
                return (await self._workspace.conversation(channel)).member
        except PermanentFailure:  # to who is not in it, Slack does not even say that a private one is there
            return False
        except (TimeoutError, TemporaryFailure) as exc:
            log.info("whether we are in %s cannot be had: %s", channel, exc or "no answer in time")
            return True

    # ------------------------------------------------------------ one event

    async def _message(self, said: Said, receiver: Receiver) -> asyncio.Future[Ack] | None:
        event_id = _id(said.channel, said.ts)
        if (known := self._known(event_id)) is not None:
            return known  # its twin (app_mention and message), or Slack's second try
        early = self._early.get(event_id)
        if early is not None and early.user == said.user:
            if early.text is None:
                return None
            if _time(early.edited) > _time(said.edited):
                said = replace(said, text=early.text)
        where = await self._standing(said, receiver)
        text, spoken_to = await self._text(said.text)
        addressed = said.direct or spoken_to or where.ours
        attachments: tuple[str, ...] = ()
        known_here = addressed and receiver.admits(self._name, said.user, direct=False)  # strangers cost nothing
        if said.files and known_here:
            attachments, text = await self._fetched(said, text)
        elif said.files:
            text = "\n".join(filter(None, (text, *(f"(a file: {file.name})" for file in said.files))))
        inbound = Inbound(
            session=where.session,
            transport=self._name,
            account=self._workspace.me.team,
            event_id=event_id,
            sender=said.user,
            sender_name=await self._workspace.name_of(said.user),
            text=text,
            target=where.target,
            direct=said.direct,
            addressed=addressed,
            sent_at=float(said.ts),
            attachments=attachments,
            parent=where.parent,
        )
        in_thread = known_here and where.target != self._home(said.channel).target
        noted = self._threads.note(said.channel, said.thread or said.ts, said.user) if in_thread else None
        return self._give(receiver, event_id, inbound, noted)

    async def _amendment(self, changed: Changed, receiver: Receiver) -> asyncio.Future[Ack] | None:
        event_id = _id(changed.channel, changed.of)
        if (known := self._known(event_id)) is not None:
            await asyncio.shield(known)  # it may have been handed in just now
        session = await receiver.session_of(self._name, self._workspace.me.team, event_id)
        if self._is_stale(event_id, changed):
            return None
        if session is None:
            self._early[event_id] = changed
            while len(self._early) > EARLY:
                self._early.popitem(last=False)
            return None
        text = None if changed.text is None else (await self._text(changed.text))[0]
        amendment = Amendment(session, self._name, self._workspace.me.team, event_id, changed.user, text)
        return asyncio.ensure_future(receiver.amend(amendment))

    async def _press(self, pressed: Pressed, receiver: Receiver) -> asyncio.Future[Ack]:
        if (known := self._known(pressed.id)) is not None:
            return known
        root = pressed.thread
        direct = pressed.channel.startswith("D")
        home = self._home(pressed.channel)
        where = await self._place(pressed.channel, root, pressed.root_user, receiver) if root else home
        return self._give(
            receiver, pressed.id, await self._said_to_us(pressed, where, pressed.id, direct, answers=pressed.key)
        )

    async def _command(self, said: Commanded, receiver: Receiver) -> asyncio.Future[Ack]:
        if (known := self._known(said.id)) is not None:
            return known
        direct = said.channel.startswith("D")
        where = self._home(said.channel)
        return self._give(receiver, said.id, await self._said_to_us(said, where, said.id, direct))

    async def _said_to_us(
        self, said: Pressed | Commanded, where: Standing, event_id: str, direct: bool, answers: str = ""
    ) -> Inbound:
        return Inbound(
            session=where.session,
            transport=self._name,
            account=self._workspace.me.team,
            event_id=event_id,
            sender=said.user,
            sender_name=await self._workspace.name_of(said.user),
            text=(await self._text(said.text))[0] or "help",
            target=where.target,
            direct=direct,
            parent=where.parent,
            answers=answers,
        )

    # ------------------------------------------------------------ what it says

    async def _text(self, raw: str) -> tuple[str, bool]:
        """As Markdown with people by their names, without ours at its front; whether it speaks to us."""
        me = self._workspace.me
        text, spoken_to = strip(raw, me.user, me.name)
        mentioned = list(dict.fromkeys(_MENTION.findall(text)))[:MENTIONS]
        # At the same time, as they may all take long.
        found = await asyncio.gather(*map(self._workspace.name_of, mentioned))
        names: Mapping[str, str] = dict(zip(mentioned, found, strict=True))
        return unescape(text, names.get), spoken_to

    async def _fetched(self, said: Said, text: str) -> tuple[tuple[str, ...], str]:
        self._files.begin()
        lines, paths = [text] if text.strip() else [], []
        for number, file in enumerate(said.files):
            origin = f"{said.channel}\0{said.ts}\0{number}"
            path = await self._files.fetch(origin, file.name, partial(self._workspace.download, file.url))
            paths += [str(path)] if path else []
            if path is None:
                lines.append(f"(a file that could not be fetched: {file.name})")
        if not lines:
            lines = [f"(a file: {file.name})" for file in said.files]
        return tuple(paths), "\n".join(lines)

    # ------------------------------------------------------------ where it stands

    async def _standing(self, said: Said, receiver: Receiver) -> Standing:
        if said.thread:
            where = await self._place(said.channel, said.thread, said.root_user, receiver)
            # Not every way by which Slack tells of a message says who began its thread; it must not become two.
            known = await receiver.session_of(self._name, self._workspace.me.team, _id(said.channel, said.ts))
            return where if known is None else replace(where, session=known)
        home = self._home(said.channel)
        # In a channel the answer hangs below what was asked, which stays part of the channel's own session.
        return home if said.direct else Standing(home.session, f"{home.session}/{said.ts}")

    def _home(self, channel: str) -> Standing:
        home = f"{self._name}/{self._workspace.me.team}/{channel}"
        return Standing(home, home)

    async def _place(self, channel: str, root: str, root_user: str, receiver: Receiver) -> Standing:
        """A thread's: one that grew out of a message of the channel's session, or out of ours, belongs to it."""
        home = self._home(channel).session
        own = f"{home}/{root}"
        if await receiver.knows(own):
            return Standing(own, own, home, ours=True)
        event_id = _id(channel, root)
        if (known := self._known(event_id)) is not None:
            await asyncio.shield(known)  # the root may have come just now
        session = await receiver.session_of(self._name, self._workspace.me.team, event_id)
        if session is None and root_user == self._workspace.me.user:
            session = home
        if session is not None and (session == home or session.startswith(f"{home}/")):
            return Standing(session, own, ours=True)
        return Standing(own, own, home)

    # ------------------------------------------------------------ once

    def _give(
        self, receiver: Receiver, event_id: str, inbound: Inbound, noted: Awaitable[None] | None = None
    ) -> asyncio.Future[Ack]:
        received = receiver.receive(inbound)
        put = self._handed[event_id] = asyncio.ensure_future(_both(noted, received) if noted else received)
        put.add_done_callback(partial(self._over, event_id, inbound.addressed))
        while len(self._handed) > REMEMBERED:
            self._handed.popitem(last=False)
        return put

    def _known(self, event_id: str) -> asyncio.Future[Ack] | None:
        return self._handed.get(event_id)

    def _over(self, event_id: str, addressed: bool, put: asyncio.Future[Ack]) -> None:
        if self._handed.get(event_id) is not put:
            return
        # Not in the inbox: it comes again, and must be handed in again. What nobody said to us comes again (as
        # app_mention) where an edit makes it speak to us.
        if put.cancelled() or put.exception() is not None or (put.result().status == "ignored" and not addressed):
            del self._handed[event_id]

    def _is_stale(self, event_id: str, changed: Changed) -> bool:
        """Whether a later edit was handed in already: Slack's second tries come late."""
        at = float("inf") if changed.text is None else _time(changed.edited)
        if at < self._edits.get(event_id, 0.0):
            return True
        self._edits[event_id] = at
        while len(self._edits) > REMEMBERED:
            self._edits.popitem(last=False)
        return False


async def _both(noted: Awaitable[None], put: Awaitable[Ack]) -> Ack:
    """Both are on their way already. One commit takes them, so that those behind them in the channel need not wait."""
    return (await asyncio.gather(noted, put))[1]


def _id(channel: str, ts: str) -> str:
    return f"{channel}:{ts}"


def _time(ts: str) -> float:
    return float(ts) if ts else 0.0
