"""After a crash: what was cut off is told, what a stop still had to discard is discarded. One transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select, update

from bot.store.incarnation import Counters
from bot.store.ledger import discard
from bot.store.outbox import say
from bot.store.records import CutOff, RunRecord
from bot.store.rows import AnyRow
from bot.store.rules import RecoveryWords, ending_of, record_fields, run_columns
from bot.store.runs import ended, living_runs
from bot.store.tables import is_undelivered, messages, outbox
from dispatcher.model import Notice, RunState, State

REASON = "the bot ended"


class Recovery:
    """`unkilled`: runs whose leftovers would not die, with the fields of their KillReport."""

    def __init__(
        self,
        connection: Connection,
        unkilled: Mapping[int, Mapping[str, object]],
        words: RecoveryWords,
        now: float,
        ids: Counters,
    ) -> None:
        self._connection = connection
        self._unkilled = unkilled
        self._words = words
        self._now = now
        self._ids = ids

    def perform(self) -> CutOff:
        runs = tuple(self._cut_run(run) for run in living_runs(self._connection))
        self._move_claimed()
        stops, others = self._accepted()
        # A stop is finished before anything can claim what it was to discard; its word came before ours.
        discarded = sum(self._finish_stop(row) for row in stops)
        commands = tuple(self._cut_command(row) for row in others)
        self._doubt_deliveries()
        return CutOff(runs, commands, discarded)

    def _cut_run(self, run: RunRecord) -> RunRecord:
        report = self._unkilled.get(run.id)
        state = RunState.INTERRUPTED if report is None else RunState.FAILED_TO_KILL
        columns = run_columns({"state": state, "ended_at": self._now, "error": REASON, "kill_report": report})
        ended(self._connection, run.id, columns)
        fields: dict[str, Any] = record_fields(columns)
        told = replace(run, **fields)
        self._end_questions(run.id)
        self._say(Notice(run.target, self._words.run_cut_off(told), key=f"cut-off/run/{run.id}"), run.id)
        return told

    def _end_questions(self, run: int) -> None:
        """Those whose end was not put into the outbox: nobody waits for their answers."""
        asked = select(outbox).where(outbox.c.run == run, outbox.c.kind == "permission", outbox.c.replaces.is_(None))
        for row in self._connection.execute(asked.order_by(outbox.c.id)).all():
            text, key = self._words.question_over(row.text), ending_of(row.key)
            self._say(Notice(row.target, text, "permission", key, replaces=row.key), run)

    def _move_claimed(self) -> None:
        claimed = update(messages).where(messages.c.state == State.CLAIMED.value)
        self._connection.execute(claimed.values(state=State.INTERRUPTED.value, reason=REASON))

    def _accepted(self) -> tuple[Sequence[AnyRow], Sequence[AnyRow]]:
        open_commands = select(messages).where(messages.c.state == State.ACCEPTED.value)
        rows = self._connection.execute(open_commands.order_by(messages.c.id)).all()
        stops = [row for row in rows if self._words.stop_scope(row.text) is not None]
        return stops, [row for row in rows if self._words.stop_scope(row.text) is None]

    def _finish_stop(self, row: AnyRow) -> int:
        scope = self._words.stop_scope(row.text)
        count = 0
        if scope != "run":
            count = discard(self._connection, None if scope == "all" else row.session, row.id)
        self._end_command(row.id, State.DONE, "")
        text = self._words.stop_done(row.text, count)
        self._say(Notice(row.target, text, kind="receipt", key=f"cut-off/command/{row.id}"))
        return count

    def _cut_command(self, row: AnyRow) -> str:
        self._end_command(row.id, State.INTERRUPTED, REASON)
        self._say(Notice(row.target, self._words.command_cut_off(row.text), key=f"cut-off/command/{row.id}"))
        return str(row.text)

    def _end_command(self, number: int, state: State, reason: str) -> None:
        self._connection.execute(
            update(messages).where(messages.c.id == number).values(state=state.value, reason=reason)
        )

    def _doubt_deliveries(self) -> None:
        sending = update(outbox).where(is_undelivered, outbox.c.state == "sending")
        self._connection.execute(sending.values(state="pending", repeat=True))

    def _say(self, notice: Notice, run: int | None = None) -> None:
        say(self._connection, [notice], self._now, self._ids, run)
