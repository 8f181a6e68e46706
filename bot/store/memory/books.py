"""Runs, outbox and books of the twin."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from bot.store.memory.disk import Disk, StoredNotice
from bot.store.memory.writer import MemoryWriter
from bot.store.records import Books, OutboxItem, RunRecord
from bot.store.rules import ALIVE, DAY, OVER, end_columns, keyed, record_fields, revives, run_columns
from dispatcher.model import Kind, Notice, Outcome, RunState, SessionKey


class MemoryRuns:
    def __init__(self, disk: Disk, writer: MemoryWriter, clock: Callable[[], float]) -> None:
        self._disk = disk
        self._writer = writer
        self._clock = clock
        self._last_id = max(disk.runs, default=0)

    def next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def create(
        self,
        kind: str,
        *,
        session: SessionKey,
        target: str,
        requested_by: str,
        project: str | None = None,
        agent: str | None = None,
        prompt: str = "",
        state: RunState = RunState.QUEUED,
    ) -> asyncio.Future[int]:
        record = RunRecord(
            id=self.next_id(),
            kind=kind,
            session=session,
            project=project,
            requested_by=requested_by,
            agent=agent,
            state=state,
            target=target,
            queued_at=self._clock(),
            prompt=prompt,
        )
        return self._writer.write("create_run", lambda: self._create(record))

    def update(self, run: int, **columns: object) -> asyncio.Future[bool]:
        plain = run_columns(columns)
        return self._writer.write("update_run", lambda: self._update(run, plain))

    def end(self, run: int, outcome: Outcome) -> asyncio.Future[bool]:
        columns, notices = end_columns(outcome, self._clock()), keyed(outcome.notices)
        return self._writer.write("end_run", lambda: self._end(run, columns, notices))

    async def get(self, run: int) -> RunRecord | None:
        return await self._writer.read("run", lambda: self._disk.runs.get(run))

    async def last(self, session: SessionKey | None = None, limit: int = 10) -> Sequence[RunRecord]:
        return (await self._pick(lambda run: session in (None, run.session)))[::-1][:limit]

    async def alive(self) -> Sequence[RunRecord]:
        return await self._pick(lambda run: run.state in ALIVE)

    async def failed_to_kill(self) -> Sequence[RunRecord]:
        return await self._pick(lambda run: run.state is RunState.FAILED_TO_KILL)

    async def since_success(
        self, session: SessionKey, agent: str, project: str | None, limit: int = 5
    ) -> list[RunRecord]:
        key = ("agent", session, agent, project)
        turns = await self._pick(lambda run: (run.kind, run.session, run.agent, run.project) == key)
        last = max((run.id for run in turns if run.state is RunState.SUCCEEDED), default=0)
        return [run for run in turns if run.id > last and run.state not in ALIVE][-limit:]

    async def spent(self, since: float, agent: str | None = None) -> float:
        ended = await self._pick(lambda run: run.ended_at is not None and run.ended_at >= since)
        return sum((run.cost for run in ended if agent in (None, run.agent)), 0.0)

    async def _pick(self, wanted: Callable[[RunRecord], bool]) -> list[RunRecord]:
        return await self._writer.read(
            "runs", lambda: [run for _, run in sorted(self._disk.runs.items()) if wanted(run)]
        )

    def _create(self, record: RunRecord) -> int:
        self._disk.runs[record.id] = record
        return record.id

    def _update(self, run: int, columns: dict[str, object]) -> bool:
        record = self._disk.runs.get(run)
        if record is None or (record.state not in ALIVE and revives(columns)):
            return False
        self._disk.runs[run] = replace(record, **record_fields(columns))  # type: ignore[arg-type]
        return True

    def _end(self, run: int, columns: dict[str, object], notices: Sequence[Notice]) -> bool:
        record = self._disk.runs.get(run)
        if record is None or record.state not in ALIVE:
            return False
        self._disk.runs[run] = replace(record, **record_fields(columns))  # type: ignore[arg-type]
        self._disk.say(notices, self._clock(), run)
        return True


class MemoryOutbox:
    def __init__(self, disk: Disk, writer: MemoryWriter, clock: Callable[[], float]) -> None:
        self._disk = disk
        self._writer = writer
        self._clock = clock

    def add(self, notices: Sequence[Notice], *, run: int | None = None) -> asyncio.Future[None]:
        told = keyed(notices)
        return self._writer.write("add", lambda: self._disk.say(told, self._clock(), run))

    async def heads(self, now: float) -> Sequence[OutboxItem]:
        return await self._writer.read(
            "heads", lambda: [s.item for s in self._heads() if s.item.state == "pending" and s.due_at <= now]
        )

    async def next_due(self) -> float | None:
        return await self._writer.read(
            "next_due", lambda: min((s.due_at for s in self._heads() if s.item.state == "pending"), default=None)
        )

    def sending(self, item: int) -> asyncio.Future[bool]:
        return self._writer.write("sending", lambda: self._sending(item))

    def sent(self, item: int, ref: str = "") -> asyncio.Future[bool]:
        return self._writer.write("sent", lambda: self._settle(item, None, ref=ref))

    def retry(self, item: int, at: float, error: str, *, repeat: bool = False) -> asyncio.Future[bool]:
        return self._writer.write("retry", lambda: self._retry(item, at, error, repeat))

    def undeliverable(self, item: int, error: str) -> asyncio.Future[bool]:
        return self._writer.write("undeliverable", lambda: self._settle(item, "undeliverable", error=error))

    def void(self, item: int, why: str) -> asyncio.Future[bool]:
        return self._writer.write("void", lambda: self._settle(item, "void", error=why))

    async def ref(self, key: str) -> str:
        return await self._writer.read(
            "ref", lambda: next((s.ref for s in self._disk.outbox.values() if s.item.key == key), "")
        )

    def prune(self, days: float) -> asyncio.Future[int]:
        before = self._clock() - days * DAY
        return self._writer.write("prune", lambda: self._prune(before))

    def _heads(self) -> list[StoredNotice]:
        first: dict[str, StoredNotice] = {}
        for _, stored in sorted(self._disk.outbox.items()):
            if stored.item.state in ("pending", "sending"):
                first.setdefault(stored.item.target, stored)
        return list(first.values())

    def _sending(self, item: int) -> bool:
        stored = self._disk.outbox.get(item)
        if stored is None or stored.item.state != "pending":
            return False
        self._disk.change_item(item, state="sending", attempts=stored.item.attempts + 1)
        return True

    def _settle(self, item: int, state: str | None, *, ref: str = "", error: str = "") -> bool:
        stored = self._disk.outbox.get(item)
        if stored is None or stored.item.state not in ("pending", "sending"):
            return False
        self._disk.change_item(item, state=state or ("possible_repeat" if stored.item.repeat else "sent"))
        stored.sent_at, stored.ref, stored.error = self._clock(), ref, error
        return True

    def _retry(self, item: int, at: float, error: str, repeat: bool) -> bool:
        stored = self._disk.outbox.get(item)
        if stored is None or stored.item.state not in ("pending", "sending"):
            return False
        self._disk.change_item(item, state="pending", repeat=stored.item.repeat or repeat)
        stored.due_at, stored.error = at, error
        return True

    def _prune(self, before: float) -> int:
        old = [
            number
            for number, stored in self._disk.outbox.items()
            if stored.item.state in OVER and (stored.sent_at or 0.0) < before
        ]
        for number in old:
            self._disk.keys.discard(self._disk.outbox.pop(number).item.key)
        return len(old)


def books_of(disk: Disk) -> Books:
    def states(kind: Kind) -> dict[str, int]:
        return dict(Counter(m.state.value for m in disk.messages.values() if m.kind == kind))

    return Books(
        texts=states("text"),
        commands=states("command"),
        runs=dict(Counter(run.state.value for run in disk.runs.values())),
        outbox=dict(Counter(str(stored.item.state) for stored in disk.outbox.values())),
        accepted=len(disk.messages),
    )
