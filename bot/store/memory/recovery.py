"""The twin's recovery: see bot/store/recovery.py for what it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bot.store.memory.disk import Disk, StoredMessage
from bot.store.records import CutOff, RunRecord
from bot.store.rules import ALIVE, RecoveryWords, ending_of, record_fields, run_columns
from dispatcher.model import Notice, RunState, State


def recover(disk: Disk, unkilled: Mapping[int, Mapping[str, object]], words: RecoveryWords, now: float) -> CutOff:
    runs = tuple(_cut_run(disk, number, unkilled.get(number), words, now) for number in _alive(disk))
    disk.move([m for m in disk.messages.values() if m.state is State.CLAIMED], State.INTERRUPTED, "the bot ended")
    accepted = [m for _, m in sorted(disk.messages.items()) if m.state is State.ACCEPTED]
    stops = [m for m in accepted if words.stop_scope(m.row.text) is not None]
    discarded = sum(_finish_stop(disk, message, words, now) for message in stops)
    commands = tuple(_cut_command(disk, message, words, now) for message in accepted if message not in stops)
    for number, stored in disk.outbox.items():
        if stored.item.state == "sending":
            disk.change_item(number, state="pending", repeat=True)
    return CutOff(runs, commands, discarded)


def _alive(disk: Disk) -> list[int]:
    return sorted(number for number, run in disk.runs.items() if run.state in ALIVE)


def _cut_run(
    disk: Disk, number: int, report: Mapping[str, object] | None, words: RecoveryWords, now: float
) -> RunRecord:
    state = RunState.INTERRUPTED if report is None else RunState.FAILED_TO_KILL
    columns = run_columns({"state": state, "ended_at": now, "error": "the bot ended", "kill_report": report})
    record = replace(disk.runs[number], **record_fields(columns))  # type: ignore[arg-type]
    disk.runs[number] = record
    _end_questions(disk, number, words, now)
    disk.say([Notice(record.target, words.run_cut_off(record), key=f"cut-off/run/{number}")], now, number)
    return record


def _end_questions(disk: Disk, run: int, words: RecoveryWords, now: float) -> None:
    items = [stored.item for _, stored in sorted(disk.outbox.items()) if stored.item.run == run]
    for item in items:
        if item.kind == "permission" and not item.replaces:
            text, key = words.question_over(item.text), ending_of(item.key)
            disk.say([Notice(item.target, text, "permission", key, replaces=item.key)], now, run)


def _cut_command(disk: Disk, message: StoredMessage, words: RecoveryWords, now: float) -> str:
    message.state, message.reason = State.INTERRUPTED, "the bot ended"
    text = message.row.text
    disk.say([Notice(message.row.target, words.command_cut_off(text), key=f"cut-off/command/{message.row.id}")], now)
    return text


def _finish_stop(disk: Disk, message: StoredMessage, words: RecoveryWords, now: float) -> int:
    scope = words.stop_scope(message.row.text)
    below = [
        waiting
        for waiting in disk.waiting(None if scope == "all" else message.row.event.session)
        if waiting.row.id <= message.row.id and scope != "run"
    ]
    disk.move(below, State.STOPPED, "stop")
    message.state = State.DONE
    text = words.stop_done(message.row.text, len(below))
    disk.say([Notice(message.row.target, text, kind="receipt", key=f"cut-off/command/{message.row.id}")], now)
    return len(below)
