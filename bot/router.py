"""From an inbound message to the dispatcher or to a command.

The order is spec/dispatch.md §0: access, classification, inbox commit, acknowledgement, act. One thing comes before
the commit: what a `stop` ends is signalled the moment the word is recognised. What strangers say, and what is not
meant for the bot, is acknowledged without a commit: there is nothing to keep.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeVar

from bot.access import Account, Door, Hearing, Roll, barred
from bot.access import words as access_words
from bot.commands import members, parse, words
from bot.commands.model import (
    Ask,
    Asker,
    Broken,
    CommandCall,
    Desk,
    Invocation,
    Names,
    Parsed,
    PlainText,
    Reply,
    Role,
    Usage,
)
from bot.commands.registry import allowed, needed
from bot.commands.runs import STOP
from bot.errors import OperatorError, UserError
from bot.halts import Halts
from bot.happenings.heard import Heard, Said
from bot.redact import MARK, redact
from dispatcher.core import Dispatcher
from dispatcher.lane import size
from dispatcher.model import (
    Accepted,
    Binding,
    Change,
    Duplicate,
    Event,
    Inbox,
    Kind,
    Message,
    Notice,
    Receipt,
    Refused,
    Stopped,
    StoreUnavailable,
)
from transports.base import Ack, Amendment, Inbound

log = logging.getLogger(__name__)

COMMANDS_WAITING = 1_000_000  # commands are never refused for a full queue

T = TypeVar("T")


class Received(Inbox, Protocol):
    """The inbox, and where in it an event is."""

    async def session_of(self, transport: str, account: str, event_id: str) -> str | None: ...


class Router:
    """What transports hand their messages to (transports.base.Receiver)."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        inbox: Received,
        desk: Desk,
        halts: Halts,
        roll: Roll,
        door: Door,
        hearing: Hearing,
        *,
        names: Callable[[], Names],  # what is known at this moment
        expects: Callable[[str], None],  # a project of this name is about to be made
        default: Binding,
        answered: Callable[[int, tuple[Notice, ...], bool], Awaitable[object]],  # a command's end, committed
        announced: Callable[[], None],  # something was put into the outbox
        say: Callable[[str, str], None],  # target and text, shown without the outbox
        max_message_bytes: int,
        group: asyncio.TaskGroup,
        heard: Heard | None = None,
    ) -> None:
        self._heard = heard or Heard()
        self._dispatcher = dispatcher
        self._inbox = inbox
        self._desk = desk
        self._halts = halts
        self._roll = roll
        self._door = door
        self._hearing = hearing
        self._names = names
        self._expects = expects
        self._default = default
        self._answered = answered
        self._announced = announced
        self._say = say
        self._max_bytes = max_message_bytes
        self._group = group
        self._acting: set[asyncio.Task[object]] = set()
        self._awaited: dict[Event, asyncio.Future[Reply | None]] = {}  # answers that `perform` waits for

    # ------------------------------------------------------------ Receiver

    def receive(self, inbound: Inbound) -> Awaitable[Ack]:
        role = self._role(inbound)
        if role is None:
            return self._turn_away(inbound)
        text, hidden = redact(inbound.text)
        asking = bool(inbound.answers) or self._hearing.asks(inbound.session)
        parsed = parse(text, replace(self._names(), asking=asking))
        if not self._hearing.is_meant(inbound, parsed):
            return _done(Ack("ignored", reason="not addressed"))
        if isinstance(parsed, PlainText):
            notice = barred(role, _event(inbound), inbound.target)
            put = self._dispatcher.submit(self._message(inbound, text, needs_project=notice))
            put.add_done_callback(partial(self._submitted, inbound, text))
            self._answer(inbound, None)
        else:
            put = self._command(inbound, text, parsed, role)
        if hidden:
            put.add_done_callback(partial(self._warn, inbound))
        return _acknowledged(put)

    async def perform(self, inbound: Inbound) -> tuple[Ack, Reply | None]:
        """As `receive`, and wait for the end of the command that it is.

        None: it is text, was not accepted, or the bot ends before the command has.
        """
        event = _event(inbound)
        answer = self._awaited[event] = asyncio.get_running_loop().create_future()
        try:
            ack = await self.receive(inbound)
            return ack, await answer if ack.status == "accepted" else None
        finally:
            self._awaited.pop(event, None)

    def amend(self, amendment: Amendment) -> Awaitable[Ack]:
        if self._role(amendment) is None:
            self._door.count()
            return _done(Ack("ignored", reason="stranger"))
        event = Event(amendment.session, amendment.transport, amendment.account, amendment.event_id)
        if amendment.text is None:
            return self._changed(event, None, self._dispatcher.retract(event))
        text, _ = redact(amendment.text)
        if size(text) > self._max_bytes:
            return _done(Ack("refused", reason="too long; the message stays as it was"))
        # Not every network keeps people from editing what others wrote, and what an operator wrote may reach the host.
        return self._changed(event, text, self._dispatcher.edit(event, text, amendment.sender))

    def admits(self, transport: str, sender: str, *, direct: bool) -> bool:
        return self._door.admits(Account(transport, sender), direct=direct)

    async def session_of(self, transport: str, account: str, event_id: str) -> str | None:
        return await self._inbox.session_of(transport, account, event_id)

    async def knows(self, session: str) -> bool:
        return self._hearing.ambient.knows(session)

    # ------------------------------------------------------------ who is heard

    def _role(self, said: Inbound | Amendment) -> Role | None:
        """None: a stranger or a guest, who get nothing, not even a row."""
        role = self._roll.role(Account(said.transport, said.sender))
        return None if role == "guest" else role

    def _turn_away(self, inbound: Inbound) -> Awaitable[Ack]:
        if (code := self._door.attempt(inbound)) is not None:
            self._door.count()
            return _or_raised(self._spawn(self._pair(inbound, code), "pairing"))
        if text := self._door.turn_away(inbound):
            self._say(inbound.target, text)
        return _done(Ack("ignored", reason="stranger"))

    async def _pair(self, inbound: Inbound, code: str) -> Ack | StoreUnavailable:
        try:
            came = await self._door.pair(Account(inbound.transport, inbound.sender), inbound.sender_name, code)
        except StoreUnavailable as exc:  # returned: raised, it would end the whole task group
            return exc
        except OperatorError:
            log.exception("pairing %s failed", inbound.transport)
            return Ack("ignored", reason="failed")
        if came != "too often":  # then silence: an answer for each try would be theirs to command
            self._say(inbound.target, access_words.PAIRED if came == "paired" else access_words.WRONG)
        return Ack("ignored", reason=came)

    # ------------------------------------------------------------ commands

    def _command(self, inbound: Inbound, text: str, parsed: Parsed, role: Role) -> asyncio.Future[Receipt]:
        event = _event(inbound)
        permitted = isinstance(parsed, CommandCall) and allowed(role, parsed.command, parsed.args)
        binds: Mapping[str, str | None] = {}
        if permitted and isinstance(parsed, CommandCall):
            if parsed.command is STOP:
                # The scope is what the grammar read: nothing, "all", or a run's id.
                self._halts.begin(event, parsed.args.get("what", "session"), role)  # type: ignore[arg-type]
            binds = parsed.command.binds(parsed.args, self._names()) if parsed.command.binds else {}
        held = isinstance(parsed, CommandCall) and permitted and parsed.command.holds
        if held:
            self._dispatcher.hold(inbound.session)
            if project := binds.get("project"):
                self._expects(project)  # the very next line may name it already
        if isinstance(parsed, CommandCall) and parsed.command is members.PAIR:
            text = f"{members.PAIR.name} {MARK}"  # while it counts, the code is in memory alone
        message = self._message(inbound, text, kind="command", binds=binds)
        put = self._inbox.put(message, max_waiting=COMMANDS_WAITING, refusal=None)
        put.add_done_callback(partial(self._accepted, inbound, text, parsed, role, held, binds))
        return asyncio.ensure_future(asyncio.shield(put))

    def _accepted(
        self,
        inbound: Inbound,
        text: str,
        parsed: Parsed,
        role: Role,
        held: bool,
        binds: Mapping[str, str | None],
        put: asyncio.Future[Receipt],
    ) -> None:
        if not put.cancelled() and put.exception() is None and isinstance(receipt := put.result(), Accepted):
            self._hearing.ambient.committed(inbound.session, inbound.parent, binds)
            self._dispatcher.wake(inbound.session)  # a binding may have closed a batch
            self._heard.received(_said(inbound, text, command=True), receipt)
            self._spawn(self._act(inbound, parsed, role, held, receipt), f"command {receipt.id}")
            return
        if held:
            self._dispatcher.release(inbound.session)
        if not put.cancelled() and put.exception() is not None:
            self._unwritten(inbound)

    def _unwritten(self, inbound: Inbound) -> None:
        """A stop that cannot be written has stopped things all the same, and says so."""
        stops = self._halts.forget(_event(inbound))
        if stops:
            self._spawn(self._tell_unwritten(inbound, stops), "unwritten stop")

    async def _tell_unwritten(self, inbound: Inbound, stops: Sequence[Awaitable[Stopped]]) -> None:
        stopped = await asyncio.gather(*stops)
        ended = sum(len(each.ended) for each in stopped)
        self._say(inbound.target, f"Stopped ({ended} ended); it could not be written down yet.")

    async def _act(self, inbound: Inbound, parsed: Parsed, role: Role, held: bool, receipt: Accepted) -> None:
        number = receipt.id
        try:
            try:
                reply = await self._reply(inbound, parsed, role, number)
            finally:
                if held:  # what the command has begun holds by itself now
                    self._dispatcher.release(inbound.session)
            receipts = (Notice(inbound.target, reply.text, "receipt", f"command/{number}"),) if reply.text else ()
            await self._answered(number, receipts, reply.ok)
            self._heard.answered(inbound.session, receipt, reply.text, ok=reply.ok)
            self._answer(inbound, reply)
        finally:
            self._answer(inbound, None)

    def _answer(self, inbound: Inbound, reply: Reply | None) -> None:
        """Tell who waits for it, the first time."""
        answer = self._awaited.get(_event(inbound))
        if answer is not None and not answer.done():
            answer.set_result(reply)

    async def _reply(self, inbound: Inbound, parsed: Parsed, role: Role, number: int) -> Reply:
        if not isinstance(parsed, CommandCall):
            misused = parsed if isinstance(parsed, Usage | Ask) else None
            return Reply(misused.text if misused else "", ok=False, came=misused)
        if not allowed(role, parsed.command, parsed.args):
            return Reply(words.not_allowed(parsed.command, needed(parsed.command, parsed.args)), ok=False)
        asker = Asker(
            session=inbound.session,
            sender=inbound.sender,
            sender_name=inbound.sender_name,
            role=role,
            target=inbound.target,
            transport=inbound.transport,
            event_id=inbound.event_id,
            account=inbound.account,
            direct=inbound.direct,
            answers=inbound.answers,
        )
        try:
            return await parsed.command.handler(Invocation(parsed.command, parsed.args, asker, number), self._desk)
        except (UserError, StoreUnavailable) as exc:
            return Reply(f"`{parsed.command.name}` could not be done: {exc}", ok=False, came=exc)
        except Exception:
            reference = secrets.token_hex(4)
            about = {"reference": reference, "session": inbound.session}
            log.exception("command %s failed, reference %s", parsed.command.name, reference, extra=about)
            text = f"`{parsed.command.name}` failed inside Tugbot; the log has it under {reference}."
            return Reply(text, ok=False, came=Broken(reference))

    async def settled(self) -> None:
        """Wait until every command that was accepted has been answered."""
        while self._acting:
            await asyncio.wait(self._acting)

    async def close(self, patience: float, hurry: asyncio.Event) -> None:
        """Wait for commands under way, for `patience` seconds or until somebody hurries; end what is left.

        A command without an answer is answered by the next start.
        """
        hurried = self._group.create_task(hurry.wait(), name="hurry")
        settled = self._group.create_task(self.settled(), name="settled")
        await asyncio.wait({hurried, settled}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        for task in (hurried, settled, *self._acting):
            task.cancel("the bot ends")

    def _spawn(self, work: Coroutine[object, object, T], name: str) -> asyncio.Task[T]:
        task = self._group.create_task(work, name=name)
        self._acting.add(task)
        task.add_done_callback(self._acting.discard)
        return task

    def _submitted(self, inbound: Inbound, text: str, put: asyncio.Future[Receipt]) -> None:
        if put.cancelled() or put.exception() is not None:
            return
        receipt = put.result()
        if not isinstance(receipt, Duplicate):
            self._hearing.ambient.committed(inbound.session, inbound.parent, {})
        if isinstance(receipt, Refused):
            self._announced()
        self._heard.received(_said(inbound, text), receipt)

    def _changed(self, event: Event, text: str | None, change: asyncio.Future[Change]) -> Awaitable[Ack]:
        def told(done: asyncio.Future[Change]) -> None:
            if not done.cancelled() and done.exception() is None and done.result() == "changed":
                self._heard.changed(event, text)

        change.add_done_callback(told)
        return _changed(change)

    # ------------------------------------------------------------ messages

    def _message(
        self,
        inbound: Inbound,
        text: str,
        kind: Kind = "text",
        binds: Mapping[str, str | None] | None = None,
        needs_project: Notice | None = None,
    ) -> Message:
        return Message(
            event=_event(inbound),
            sender=inbound.sender,
            sender_name=inbound.sender_name,
            text=text,
            target=inbound.target,
            kind=kind,
            direct=inbound.direct,
            sent_at=inbound.sent_at,
            attachments=inbound.attachments,
            default=self._default,
            binds=binds or {},
            parent=inbound.parent,
            needs_project=needs_project,
        )

    def _warn(self, inbound: Inbound, put: asyncio.Future[Receipt]) -> None:
        if not put.cancelled() and put.exception() is None and not isinstance(put.result(), Duplicate):
            text = (
                "That message held what looks like a secret. I replaced it by [secret] before keeping it; delete the "
                "message where you typed it, and treat the secret as known. `tugbot secrets set` in a terminal takes "
                "secrets."
            )
            self._say(inbound.target, text)


def _event(inbound: Inbound) -> Event:
    return Event(inbound.session, inbound.transport, inbound.account, inbound.event_id)


def _said(inbound: Inbound, text: str, *, command: bool = False) -> Said:
    return Said(_event(inbound), inbound.sender, inbound.sender_name, text, inbound.attachments, command)


async def _done(ack: Ack) -> Ack:
    return ack


async def _or_raised(work: asyncio.Task[Ack | StoreUnavailable]) -> Ack:
    came = await asyncio.shield(work)
    if isinstance(came, StoreUnavailable):
        raise came
    return came


async def _acknowledged(put: asyncio.Future[Receipt]) -> Ack:
    receipt = await put
    if isinstance(receipt, Accepted):
        return Ack("accepted", receipt.id)
    if isinstance(receipt, Duplicate):
        return Ack("duplicate", receipt.id)
    return Ack("refused", receipt.id, receipt.reason)


async def _changed(change: asyncio.Future[Change]) -> Ack:
    return Ack(await change)
