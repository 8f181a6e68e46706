"""What would be on the disk: committed state, which outlives the store objects that wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from bot.projects.model import Project
from bot.store.records import Conversation, Member, OutboxItem, RunRecord, Scheduled, SessionSettings
from bot.transcript.model import Said
from dispatcher.model import Event, Kind, Notice, Row, SessionKey, State


@dataclass(slots=True)
class StoredMessage:
    row: Row
    kind: Kind
    state: State
    run: int | None = None
    reason: str = ""
    accepted_at: float = 0.0


@dataclass(slots=True)
class StoredNotice:
    item: OutboxItem
    due_at: float
    sent_at: float | None = None
    ref: str = ""
    error: str = ""


@dataclass(slots=True)
class Disk:
    """Every method is one atomic step: it either changes all it means to, or raises before it changed anything."""

    incarnation: int = 0
    messages: dict[int, StoredMessage] = field(default_factory=dict)
    events: dict[Event, int] = field(default_factory=dict)
    runs: dict[int, RunRecord] = field(default_factory=dict)
    outbox: dict[int, StoredNotice] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    sessions: dict[SessionKey, SessionSettings] = field(default_factory=dict)
    seen: dict[SessionKey, float] = field(default_factory=dict)  # when something was last taken in
    natives: dict[tuple[SessionKey, str, str | None], Conversation] = field(default_factory=dict)
    scheduled: dict[int, Scheduled] = field(default_factory=dict)
    projects: dict[int, Project] = field(default_factory=dict)
    members: dict[tuple[str, str], Member] = field(default_factory=dict)
    keepsakes: dict[tuple[str, str], str] = field(default_factory=dict)
    transcript: dict[int, Said] = field(default_factory=dict)

    def add(self, message: StoredMessage) -> None:
        self.messages[message.row.id] = message
        self.events[message.row.event] = message.row.id

    def say(self, notices: Iterable[Notice], now: float, run: int | None = None) -> None:
        for notice in notices:
            if notice.key not in self.keys:
                self._append(notice, now, run)

    def _append(self, notice: Notice, now: float, run: int | None) -> None:
        number = max(self.outbox, default=0) + 1
        item = OutboxItem(
            id=number,
            target=notice.target,
            text=notice.text,
            kind=notice.kind,
            key=notice.key,
            state="pending",
            run=run,
            edits=notice.edits,
            asides=notice.asides,
            replaces=notice.replaces,
        )
        self.outbox[number] = StoredNotice(item, due_at=now)
        self.keys.add(notice.key)

    def waiting(self, session: SessionKey | None = None) -> list[StoredMessage]:
        """Texts that wait, in inbox order; of one session or of all."""
        return sorted(
            (
                message
                for message in self.messages.values()
                if message.state is State.WAITING and session in (None, message.row.event.session)
            ),
            key=lambda message: message.row.id,
        )

    def move(self, messages: Sequence[StoredMessage], state: State, reason: str = "") -> int:
        for message in messages:
            message.state, message.reason = state, reason
        return len(messages)

    def of_run(self, run: int) -> list[StoredMessage]:
        return [message for message in self.messages.values() if message.run == run]

    def change_item(self, number: int, **changes: object) -> None:
        stored = self.outbox[number]
        stored.item = replace(stored.item, **changes)  # type: ignore[arg-type]
