"""The pages of the twin."""

from __future__ import annotations

from collections.abc import Sequence

from bot.store.memory.disk import Disk, StoredMessage
from bot.store.memory.writer import MemoryWriter
from bot.store.records import MessageRecord, RunRecord, RunsWanted, SessionRecord
from bot.store.rules import ALIVE
from dispatcher.model import SessionKey


class MemoryHistory:
    def __init__(self, disk: Disk, writer: MemoryWriter) -> None:
        self._disk = disk
        self._writer = writer

    async def sessions(
        self, *, limit: int, after: SessionKey | None = None, bound: bool = False
    ) -> Sequence[SessionRecord]:
        return await self._writer.read("list_sessions", lambda: self._sessions(limit, after, bound))

    async def session(self, key: SessionKey) -> SessionRecord | None:
        return await self._writer.read("session", lambda: self._session(key) if key in self._disk.sessions else None)

    async def target(self, session: SessionKey) -> str | None:
        return await self._writer.read(
            "target", lambda: next((message.row.target for message in self._newest(session)), None)
        )

    async def messages(self, session: SessionKey, *, limit: int, before: int | None = None) -> Sequence[MessageRecord]:
        return await self._writer.read("list_messages", lambda: self._messages(session, limit, before))

    async def runs(self, wanted: RunsWanted) -> Sequence[RunRecord]:
        return await self._writer.read("list_runs", lambda: self._runs(wanted))

    def _sessions(self, limit: int, after: SessionKey | None, bound: bool) -> list[SessionRecord]:
        every = sorted(map(self._session, self._disk.sessions), key=lambda each: (-each.last_seen, each.session))
        names = [each.session for each in every]
        start = 0 if after is None else names.index(after) + 1 if after in names else len(names)
        return [each for each in every[start:] if each.settings.project is not None or not bound][:limit]

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

    def _runs(self, wanted: RunsWanted) -> list[RunRecord]:
        found = [run for _, run in sorted(self._disk.runs.items(), reverse=True) if _fits(run, wanted)]
        return found[: wanted.limit]


def _record(message: StoredMessage, reply: str) -> MessageRecord:
    row = message.row
    return MessageRecord(
        id=row.id,
        session=row.event.session,
        transport=row.event.transport,
        event_id=row.event.event_id,
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
