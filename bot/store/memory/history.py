"""The pages of the twin."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from bot.store.memory.disk import Disk, StoredMessage
from bot.store.memory.writer import MemoryWriter
from bot.store.records import MessageRecord, RunRecord, RunsOfDay, RunsWanted, SessionRecord
from bot.store.rules import ALIVE, PRIVATE
from dispatcher.model import RunState, SessionKey

DAY = 86_400  # seconds


class MemoryHistory:
    def __init__(self, disk: Disk, writer: MemoryWriter) -> None:
        self._disk = disk
        self._writer = writer

    async def sessions(
        self, *, limit: int, after: SessionKey | None = None, bound: bool = False, own: SessionKey | None = None
    ) -> Sequence[SessionRecord]:
        return await self._writer.read("list_sessions", lambda: self._sessions(limit, after, bound, own))

    async def session(self, key: SessionKey) -> SessionRecord | None:
        return await self._writer.read("session", lambda: self._session(key) if key in self._disk.sessions else None)

    async def target(self, session: SessionKey) -> str | None:
        return await self._writer.read(
            "target", lambda: next((message.row.target for message in self._newest(session)), None)
        )

    async def messages(self, session: SessionKey, *, limit: int, before: int | None = None) -> Sequence[MessageRecord]:
        return await self._writer.read("list_messages", lambda: self._messages(session, limit, before))

    async def message(self, number: int) -> MessageRecord | None:
        return await self._writer.read("message", lambda: self._message(number))

    async def days(self, since: int, *, bound: bool = False) -> Sequence[RunsOfDay]:
        return await self._writer.read("days_of_runs", lambda: self._days(since, bound))

    async def runs(self, wanted: RunsWanted) -> Sequence[RunRecord]:
        return await self._writer.read("list_runs", lambda: self._runs(wanted))

    def _sessions(
        self, limit: int, after: SessionKey | None, bound: bool, own: SessionKey | None
    ) -> list[SessionRecord]:
        every = sorted(map(self._session, self._disk.sessions), key=lambda each: (-each.last_seen, each.session))
        names = [each.session for each in every]
        start = 0 if after is None else names.index(after) + 1 if after in names else len(names)
        return [each for each in every[start:] if not bound or _is_bound(each, own)][:limit]

    def _session(self, key: SessionKey) -> SessionRecord:
        alive = sorted(run.id for run in self._disk.runs.values() if run.session == key and run.state in ALIVE)
        return SessionRecord(
            key, self._disk.sessions[key], self._disk.seen.get(key, 0.0), len(self._disk.waiting(key)), tuple(alive)
        )

    def _newest(self, session: SessionKey) -> Sequence[StoredMessage]:
        mine = (message for message in self._disk.messages.values() if message.row.event.session == session)
        return sorted(mine, key=lambda message: -message.row.id)

    def _messages(self, session: SessionKey, limit: int, before: int | None) -> list[MessageRecord]:
        page = [each for each in self._newest(session) if before is None or each.row.id < before]
        said = {stored.item.key: stored.item.text for stored in self._disk.outbox.values()}
        return [_record(each, said.get(f"command/{each.row.id}", "")) for each in page[:limit]]

    def _message(self, number: int) -> MessageRecord | None:
        found = self._disk.messages.get(number)
        if found is None:
            return None
        return self._messages(found.row.event.session, 1, number + 1)[0]

    def _days(self, since: int, bound: bool) -> list[RunsOfDay]:
        days: dict[int, list[RunRecord]] = defaultdict(list)
        for run in self._disk.runs.values():
            if run.ended_at is not None and (run.project is not None or not bound):
                days[int(run.ended_at // DAY)].append(run)
        return [_day(day, mine) for day, mine in sorted(days.items()) if day >= since]

    def _runs(self, wanted: RunsWanted) -> list[RunRecord]:
        found = [run for _, run in sorted(self._disk.runs.items(), reverse=True) if _fits(run, wanted)]
        return found[: wanted.limit]


def _is_bound(record: SessionRecord, own: SessionKey | None) -> bool:
    mine = own is not None and (record.session == own or record.session.startswith(f"{own}/"))
    shared = own is None or not record.session.startswith(PRIVATE)
    return mine or (shared and record.settings.project is not None)


def _day(day: int, ended: Sequence[RunRecord]) -> RunsOfDay:
    spans = [(run.queued_at, run.started_at or run.ended_at or 0.0, run.ended_at or 0.0) for run in ended]
    return RunsOfDay(
        day=day,
        runs=len(ended),
        succeeded=sum(run.state is RunState.SUCCEEDED for run in ended),
        stopped=sum(run.state is RunState.STOPPED for run in ended),
        waited=sum(started - queued for queued, started, _ in spans),
        ran=sum(over - started for _, started, over in spans),
        cost=sum(run.cost for run in ended),
        tokens_in=sum(run.tokens_in for run in ended),
        tokens_out=sum(run.tokens_out for run in ended),
    )


def _record(message: StoredMessage, reply: str) -> MessageRecord:
    row = message.row
    return MessageRecord(
        id=row.id,
        session=row.event.session,
        transport=row.event.transport,
        account=row.event.account,
        event_id=row.event.event_id,
        sender=row.sender,
        sender_name=row.sender_name,
        text=row.text,
        kind=message.kind,
        state=message.state,
        reason=message.reason,
        accepted_at=message.accepted_at,
        project=row.binding.project,
        agent=row.binding.agent,
        run=message.run,
        attachments=len(row.attachments),
        reply=reply,
    )


def _fits(run: RunRecord, wanted: RunsWanted) -> bool:
    exact = ((wanted.session, run.session), (wanted.project, run.project), (wanted.state, run.state))
    return (
        all(want in (None, is_) for want, is_ in exact)
        and (wanted.before is None or run.id < wanted.before)
        and not (wanted.bound and run.project is None)
    )
