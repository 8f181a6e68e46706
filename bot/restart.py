"""After a restart: end what an earlier process left alive, report what it was doing, go on with what waits."""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from bot.agents.base import KillReport, Launcher
from bot.agents.containment import BubblewrapLauncher
from bot.commands import interrupted, stop_scope, words
from bot.commands.model import Names
from bot.runs.words import quarantined, question_over
from bot.store.records import CutOff, RunRecord
from bot.store.rules import RecoveryWords, StopScope
from bot.store.store import Store
from dispatcher.core import Dispatcher

log = logging.getLogger(__name__)


def workspace_of_run(record: RunRecord) -> str:
    """What the run locked; the same rule as dispatcher.core.workspace_of."""
    return f"project/{record.project}" if record.project else f"session/{record.session}"


def mark_of(data: Path) -> str:
    """How the sandboxes of the bot on this data directory are called in the process list."""
    return f"tugbot-sandbox-{hashlib.sha256(str(data).encode()).hexdigest()[:12]}"


def clear_unborn(data: Path) -> None:
    """Before the first sandbox of this start: the lock on the data directory says that all of them are leftovers."""
    if sys.platform == "linux" and (found := BubblewrapLauncher((data,), mark_of(data)).clear_unborn()):
        log.warning("an earlier start had left %s sandboxes behind in which nothing had run; killed", found)


async def recover(store: Store, launchers: Mapping[str, Launcher], names: Names) -> CutOff:
    """Kill first, record after (P7). Each launcher, by name, knows how to end what it made."""
    unkilled = {}
    for record in await store.runs.alive():
        report = await _kill(record, launchers)
        if report.survivors:
            unkilled[record.id] = asdict(report)
        if report.found:
            log.warning("run %s had left %s processes behind; gone: %s", record.id, report.found, report.verified)
    return await store.recover(unkilled=unkilled, words=_words(names))


async def quarantine(store: Store, dispatcher: Dispatcher) -> None:
    """Keep closed what runs that could not be killed may still be writing to."""
    for record in await store.runs.failed_to_kill():
        report = words.kill_report(record.kill_report)
        dispatcher.quarantine(workspace_of_run(record), quarantined(record.id, report.survivors if report else ()))


async def _kill(record: RunRecord, launchers: Mapping[str, Launcher]) -> KillReport:
    identity = record.containment
    launcher = launchers.get(identity.method) if identity else None
    if identity is None or launcher is None:
        return KillReport(found=0, seconds=0.0, verified=identity is None)
    return await launcher.kill_leftover(identity)


def _words(names: Names) -> RecoveryWords:
    return RecoveryWords(
        run_cut_off=words.cut_off,
        command_cut_off=lambda text: interrupted(text, names),
        stop_done=_stop_done,
        stop_scope=_scope,
        question_over=question_over,
    )


def _scope(text: str) -> StopScope:
    scope = stop_scope(text)
    return "run" if isinstance(scope, int) else scope


def _stop_done(text: str, discarded: int) -> str:
    count = "1 message was" if discarded == 1 else f"{discarded} messages were"
    return f"The restart came in the middle of `{' '.join(text.split())}`: nothing runs any more. {count} discarded."
