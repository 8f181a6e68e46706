"""Inbox and ledger of the twin."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from bot.hidden import shown
from bot.store.memory.disk import Disk, StoredMessage
from bot.store.memory.writer import MemoryWriter
from bot.store.records import RunRecord, SessionSettings
from bot.store.rules import (
    ALIVE,
    NO_PROJECT,
    REFUSED_TEXT,
    ROWS_END,
    begun,
    binding_of,
    end_columns,
    keyed,
    prompt_of,
    rebound,
    record_fields,
)
from dispatcher.model import (
    Accepted,
    Batch,
    Binding,
    Change,
    Duplicate,
    Event,
    Kind,
    Message,
    Notice,
    Outcome,
    Queue,
    Receipt,
    Refused,
    Row,
    RunState,
    SessionKey,
    State,
)


class MemoryInbox:
    def __init__(self, disk: Disk, writer: MemoryWriter, clock: Callable[[], float]) -> None:
        self._disk = disk
        self._writer = writer
        self._clock = clock
        self._last_id = max(disk.messages, default=0)

    @property
    def last_id(self) -> int:
        return self._last_id

    def put(self, message: Message, *, max_waiting: int, refusal: Notice | None) -> asyncio.Future[Receipt]:
        rebound(SessionSettings(), message.binds)
        number = self._next()
        return self._writer.write("put", lambda: self._put(number, message, max_waiting, refusal))

    def refuse(self, message: Message, reason: str, notice: Notice | None) -> asyncio.Future[Receipt]:
        number = self._next()
        short = replace(message, text=message.text[:REFUSED_TEXT], kind="text", binds={})
        return self._writer.write("refuse", lambda: self._refuse(number, short, reason, notice))

    def edit(self, event: Event, text: str, by: str = "") -> asyncio.Future[Change]:
        return self._writer.write("edit", lambda: self._change(event, text, by))

    def retract(self, event: Event) -> asyncio.Future[Change]:
        return self._writer.write("retract", lambda: self._change(event, None))

    def command_done(self, number: int, notices: Sequence[Notice] = (), *, ok: bool = True) -> asyncio.Future[bool]:
        told = keyed(notices)
        return self._writer.write("command_done", lambda: self._command_done(number, told, ok))

    async def project_of(self, number: int) -> str | None:
        return await self._writer.read("project_of", lambda: self._disk.messages[number].row.binding.project)

    async def session_of(self, transport: str, account: str, event_id: str) -> SessionKey | None:
        return await self._writer.read("session_of", lambda: self._session_of((transport, account, event_id)))

    def _session_of(self, name: tuple[str, str, str]) -> SessionKey | None:
        found = (event for event in self._disk.events if (event.transport, event.account, event.event_id) == name)
        return next((event.session for event in found), None)

    async def direct_targets(self) -> Mapping[tuple[str, str], str]:
        return await self._writer.read("direct_targets", self._direct_targets)

    def _direct_targets(self) -> Mapping[tuple[str, str], str]:
        rows = [message.row for _, message in sorted(self._disk.messages.items())]
        return {(row.event.transport, row.sender): row.target for row in rows if row.direct}

    async def recent_events(self, kind: Kind = "command", limit: int = 100) -> Sequence[Event]:
        return await self._writer.read("recent_events", lambda: self._recent(kind, limit))

    def _next(self) -> int:
        self._last_id += 1
        return self._last_id

    def _put(self, number: int, message: Message, max_waiting: int, refusal: Notice | None) -> Receipt:
        if (first := self._disk.events.get(message.event)) is not None:
            return Duplicate(first)
        if message.kind == "text" and len(self._disk.waiting(message.event.session)) >= max_waiting:
            return self._refuse(number, message, f"{max_waiting} messages are waiting already", refusal)
        if message.needs_project and self._binding(message).project is None:
            return self._refuse(number, message, NO_PROJECT, message.needs_project)
        state = State.WAITING if message.kind == "text" else State.ACCEPTED
        project = self._binding(message).project  # before what the message itself binds
        self._add(number, message, state)
        return Accepted(number, project)

    def _refuse(self, number: int, message: Message, reason: str, notice: Notice | None) -> Receipt:
        if (first := self._disk.events.get(message.event)) is not None:
            return Duplicate(first)
        self._add(number, replace(message, text=message.text[:REFUSED_TEXT], binds={}), State.REFUSED, reason)
        self._disk.say(keyed([notice] if notice else ()), self._clock())
        return Refused(number, reason)

    def _add(self, number: int, message: Message, state: State, reason: str = "") -> None:
        session = message.event.session
        settings = begun(self._disk.sessions, session, message.parent)
        row = Row(
            id=number,
            event=message.event,
            sender=message.sender,
            sender_name=message.sender_name,
            text=message.text,
            target=message.target,
            binding=binding_of(settings, message.default),
            direct=message.direct,
            attachments=message.attachments,
        )
        now = self._clock()
        self._disk.add(StoredMessage(row, message.kind, state, reason=reason, accepted_at=now))
        self._disk.sessions[session] = rebound(settings, message.binds)
        self._disk.seen[session] = now

    def _binding(self, message: Message) -> Binding:
        return binding_of(begun(self._disk.sessions, message.event.session, message.parent), message.default)

    def _change(self, event: Event, text: str | None, by: str = "") -> Change:
        if (number := self._disk.events.get(event)) is None:
            return "unknown"
        message = self._disk.messages[number]
        if by not in ("", message.row.sender):
            return "unknown"
        if message.state is not State.WAITING:
            return "late"
        if text is None:
            message.state = State.RETRACTED
        else:
            message.row = replace(message.row, text=text)
        return "changed"

    def _command_done(self, number: int, notices: Sequence[Notice], ok: bool) -> bool:
        message = self._disk.messages.get(number)
        if message is None or message.state is not State.ACCEPTED:
            return False
        message.state = State.DONE if ok else State.FAILED
        self._disk.say(notices, self._clock())
        return True

    def _recent(self, kind: Kind, limit: int) -> Sequence[Event]:
        numbers = sorted((n for n, m in self._disk.messages.items() if m.kind == kind), reverse=True)
        return [self._disk.messages[number].row.event for number in numbers[:limit]]


class MemoryLedger:
    def __init__(
        self, disk: Disk, writer: MemoryWriter, clock: Callable[[], float], next_run: Callable[[], int]
    ) -> None:
        self._disk = disk
        self._writer = writer
        self._clock = clock
        self._next_run = next_run

    async def queue(self, session: SessionKey, *, above: int, limit: int) -> Queue:
        return await self._writer.read("queue", lambda: self._queue(session, above, limit))

    async def waiting_sessions(self) -> Sequence[SessionKey]:
        return await self._writer.read(
            "waiting_sessions", lambda: list(dict.fromkeys(m.row.event.session for m in self._disk.waiting()))
        )

    def claim(self, session: SessionKey, ids: Sequence[int]) -> asyncio.Future[Batch | None]:
        run, wanted = self._next_run(), frozenset(ids)
        return self._writer.write("claim", lambda: self._claim(run, session, wanted))

    def join(self, run: int, session: SessionKey, ids: Sequence[int]) -> asyncio.Future[tuple[Row, ...]]:
        wanted = frozenset(ids)
        return self._writer.write("join", lambda: self._join(run, session, wanted))

    def give_back(self, run: int, ids: Sequence[int]) -> asyncio.Future[int]:
        unheard = frozenset(ids)
        return self._writer.write("give_back", lambda: self._give_back(run, unheard))

    def finish(self, batch: Batch, outcome: Outcome) -> asyncio.Future[None]:
        columns, notices = end_columns(outcome, self._clock()), keyed(outcome.notices)
        return self._writer.write("finish", lambda: self._finish(batch.run, outcome, columns, notices))

    def discard(self, session: SessionKey, upto: int) -> asyncio.Future[int]:
        return self._writer.write("discard", lambda: self._discard(session, upto))

    def _queue(self, session: SessionKey, above: int, limit: int) -> Queue:
        rows = [message.row for message in self._disk.waiting(session) if message.row.id > above]
        return Queue(tuple(rows[:limit]), self._disk.sessions.get(session, SessionSettings()).mode)

    def _claim(self, run: int, session: SessionKey, ids: frozenset[int]) -> Batch | None:
        messages = [message for message in self._disk.waiting(session) if message.row.id in ids]
        if not messages:
            return None
        for message in messages:
            message.state, message.run = State.CLAIMED, run
        rows = tuple(message.row for message in messages)
        self._disk.runs[run] = self._starting(run, rows)
        return Batch(run, rows)

    def _join(self, run: int, session: SessionKey, ids: frozenset[int]) -> tuple[Row, ...]:
        messages = [message for message in self._disk.waiting(session) if message.row.id in ids]
        if not self._is_on(run) or not messages:
            return ()
        for message in messages:
            message.state, message.run = State.CLAIMED, run
        self._retell(run)
        return tuple(message.row for message in messages)

    def _give_back(self, run: int, ids: frozenset[int]) -> int:
        if not self._is_on(run):
            return 0
        messages = [message for message in self._disk.of_run(run) if message.row.id in ids]
        for message in messages:
            message.state, message.run = State.WAITING, None
        self._retell(run)
        return len(messages)

    def _is_on(self, run: int) -> bool:
        return run in self._disk.runs and self._disk.runs[run].state in ALIVE

    def _retell(self, run: int) -> None:
        rows = sorted((message.row for message in self._disk.of_run(run)), key=lambda row: row.id)
        record, numbers = self._disk.runs[run], tuple(row.id for row in rows)
        self._disk.runs[run] = replace(record, messages=numbers, prompt=prompt_of(rows))

    def _starting(self, run: int, rows: tuple[Row, ...]) -> RunRecord:
        last, now = rows[-1], self._clock()
        return RunRecord(
            id=run,
            kind="agent",
            session=last.event.session,
            project=rows[0].binding.project,
            requested_by=last.sender_name,
            agent=rows[0].binding.agent,
            state=RunState.STARTING,
            target=last.target,
            queued_at=now,
            started_at=now,
            messages=tuple(row.id for row in rows),
            prompt=prompt_of(rows),
        )

    def _finish(self, run: int, outcome: Outcome, columns: dict[str, object], notices: Sequence[Notice]) -> None:
        record = self._disk.runs.get(run)
        if record is None or record.state not in ALIVE:
            return
        self._disk.runs[run] = replace(record, **record_fields(columns))  # type: ignore[arg-type]
        self._disk.move(self._disk.of_run(run), ROWS_END[outcome.state], shown(outcome.reason))
        self._disk.say(notices, self._clock(), run)

    def _discard(self, session: SessionKey, upto: int) -> int:
        below = [message for message in self._disk.waiting(session) if message.row.id <= upto]
        return self._disk.move(below, State.STOPPED, "stop")
