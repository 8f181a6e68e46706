"""Work that is no agent's turn: making a project, rebuilding one. Each is a run: shown, stoppable, recorded.

A chore is stopped by cancelling it once. Whatever it has to undo it does then, before it is over.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from bot import logs
from bot.errors import UserError
from bot.happenings.model import ProjectStep, Tell, nobody
from bot.runs import words
from bot.runs.progress import Progress, Shows
from bot.runs.values import as_value
from dispatcher.model import Ended, Notice, Outcome, RunState, Stopped, StoreUnavailable

log = logging.getLogger(__name__)

AT_ONCE = 2  # spec/dispatch.md §3: provisioning has a cap of its own
STOP_PATIENCE = 15.0  # seconds after which a stop reports what has not ended yet
UNDONE = "what it had made is removed"


class Book(Protocol):
    def create(
        self, kind: str, *, session: str, target: str, requested_by: str, project: str | None, prompt: str
    ) -> Awaitable[int]: ...

    def update(self, run: int, **columns: object) -> Awaitable[bool]: ...

    def end(self, run: int, outcome: Outcome) -> Awaitable[bool]: ...


class ProjectBusy(UserError):
    """Something is being done with `{name}` already; `status` shows it. Nothing was done."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done, for whom."""

    kind: str  # provision | rebuild | delete …
    title: str  # "new project harbour", for the header
    project: str
    session: str
    target: str
    asked_by: str
    text: str  # the command as it was given: what `retry` repeats
    # Raises UserError with words for the chat; cancelled, it undoes what it did. Gives the final words.
    work: Callable[[int, Progress], Awaitable[str]]
    over: Callable[[bool], Awaitable[None]]  # told at the end whether it succeeded; before the session goes on
    undoes: bool = False  # whether stopping it removes what it made


@dataclass(eq=False, slots=True)
class Chore:
    run: int
    job: Job
    began: float  # monotonic seconds
    task: asyncio.Task[str | Exception] | None = None  # its work alone: what tells and records it cannot be stopped
    reason: str = ""  # why it was stopped; "": it was not
    outcome: Outcome | None = None  # once it is recorded
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Chores:
    def __init__(
        self,
        book: Book,
        shows: Callable[[int, str, str], Shows],  # run, target, header
        group: asyncio.TaskGroup,
        *,
        hold: Callable[[str], None],  # a session's text waits …
        release: Callable[[str], None],  # … until this
        occupy: Callable[[str, str], None],  # a workspace is closed to agents, and why …
        vacate: Callable[[str], None],  # … until this
        announced: Callable[[], None],
        failed: Callable[[], None],
        working: Callable[[int, str, bool], None] = lambda run, target, on: None,  # told when one begins and ends
        tell: Tell = nobody,
    ) -> None:
        self._book = book
        self._shows = shows
        self._group = group
        self._hold = hold
        self._release = release
        self._occupy = occupy
        self._vacate = vacate
        self._announced = announced
        self._failed = failed
        self._working = working
        self._tell = tell
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._claimed: set[str] = set()
        self.live: dict[int, Chore] = {}

    def claim(self, project: str) -> bool:
        """Whether the project is nobody else's to work on, and from now on the caller's until `disclaim`."""
        if project in self._claimed:
            return False
        self._claimed.add(project)
        return True

    def disclaim(self, project: str) -> None:
        self._claimed.discard(project)

    async def begin(self, job: Job) -> int:
        """Record it and let it work; its run's number. Raises ProjectBusy, StoreUnavailable."""
        if not self.claim(job.project):
            raise ProjectBusy(name=job.project)
        self._hold(job.session)
        try:
            run = await self._book.create(
                job.kind,
                session=job.session,
                target=job.target,
                requested_by=job.asked_by,
                project=job.project,
                prompt=job.text,
            )
        except BaseException:
            self.disclaim(job.project)
            self._release(job.session)
            raise
        chore = self.live[run] = Chore(run, job, asyncio.get_running_loop().time())
        self._occupy(f"project/{job.project}", f"run {run} ({job.title})")
        self._working(run, job.target, True)
        self._group.create_task(self._see_to_it(chore), name=f"chore {run}")
        return run

    # ------------------------------------------------------------ stop

    def stop(self, session: str) -> list[Awaitable[Stopped]]:
        """Signalled before this returns; the awaitables wait for the end."""
        return [self._stopped(chore) for chore in list(self.live.values()) if chore.job.session == session]

    def stop_all(self) -> list[Awaitable[Stopped]]:
        return [self._stopped(chore) for chore in list(self.live.values())]

    def end(self, run: int) -> list[Awaitable[Stopped]]:
        chore = self.live.get(run)
        return [self._stopped(chore)] if chore else []

    async def close(self) -> None:
        """The bot's end: what is under way is undone, and reported as interrupted."""
        for chore in list(self.live.values()):
            self._cancel(chore, "shutdown")
        for chore in list(self.live.values()):
            await chore.over.wait()

    def _stopped(self, chore: Chore) -> Awaitable[Stopped]:
        self._cancel(chore, "stop")
        return self._group.create_task(self._ended(chore), name=f"stop of chore {chore.run}")

    def _cancel(self, chore: Chore, reason: str) -> None:
        if chore.reason:
            return  # once: a second cancellation would hit the undoing
        chore.reason = reason
        if chore.task is not None:
            chore.task.cancel(reason)

    async def _ended(self, chore: Chore) -> Stopped:
        waiting = self._group.create_task(chore.over.wait(), name=f"end of chore {chore.run}")
        await asyncio.wait({waiting}, timeout=STOP_PATIENCE)
        waiting.cancel()
        seconds = asyncio.get_running_loop().time() - chore.began
        if chore.outcome is None or not chore.over.is_set():
            return Stopped(chore.job.session, unfinished=(chore.run,))
        return Stopped(chore.job.session, (Ended(chore.run, seconds, chore.outcome),))

    # ------------------------------------------------------------ one chore

    async def _see_to_it(self, chore: Chore) -> None:
        job = chore.job
        began = asyncio.get_running_loop().time()
        logs.about(run=chore.run, session=job.session, transport=job.session.partition("/")[0])
        shows = self._shows(chore.run, job.target, f"run {chore.run} · {job.title}")
        progress = Progress(shows, partial(self._step, chore))
        chore.task = self._group.create_task(self._work(chore, progress), name=f"work of {chore.run}")
        if chore.reason:
            chore.task.cancel(chore.reason)
        try:
            await asyncio.wait({chore.task})
            progress.close()
            outcome = await self._outcome(chore, chore.task, shows, began)
            if isinstance(failure := await as_value(job.over(outcome.state is RunState.SUCCEEDED)), Exception):
                log.error("after run %s", chore.run, exc_info=failure)
            await self._record(chore, outcome)
            chore.outcome = outcome
            if outcome.state is RunState.FAILED:
                self._failed()
        finally:
            del self.live[chore.run]
            chore.over.set()
            self._working(chore.run, job.target, False)
            self._vacate(f"project/{job.project}")
            self.disclaim(job.project)
            self._release(job.session)
            self._announced()

    def _step(self, chore: Chore, step: str, state: str, text: str) -> None:
        job = chore.job
        of = ProjectStep(run=chore.run, session=job.session, project=job.project, step=step, state=state, text=text)
        self._tell(of)

    async def _record(self, chore: Chore, outcome: Outcome) -> None:
        while True:
            try:
                await self._book.end(chore.run, outcome)
            except StoreUnavailable as exc:
                log.warning("the end of run %s waits for the store: %s", chore.run, exc)
                await asyncio.sleep(1.0)
            else:
                return

    async def _work(self, chore: Chore, progress: Progress) -> str | Exception:
        if self._slots.locked():
            progress.say(f"{AT_ONCE} projects are being worked on already; this one waits for its turn.")
        try:
            async with self._slots:
                await self._book.update(chore.run, state=RunState.RUNNING)
                return await chore.job.work(chore.run, progress)
        except Exception as exc:
            return exc  # as a value: in a task of the group it would end every other session's work

    async def _outcome(self, chore: Chore, done: asyncio.Task[str | Exception], shows: Shows, began: float) -> Outcome:
        """How it went. A task that is cancelled before its first step never enters what it was made of."""
        if done.cancelled():
            return await self._cut_off(chore, shows)
        result = done.result()
        if isinstance(result, UserError):
            return await self._over(chore, shows, RunState.FAILED, str(result), began)
        if isinstance(result, Exception):
            reference = secrets.token_hex(4)
            about = {"reference": reference}
            log.error("run %s failed, reference %s", chore.run, reference, exc_info=result, extra=about)
            why = f"it failed inside Tugbot; the log has it under {reference}"
            return await self._over(chore, shows, RunState.FAILED, why, began)
        shows.text(result)
        return await self._over(chore, shows, RunState.SUCCEEDED, "", began)

    async def _cut_off(self, chore: Chore, shows: Shows) -> Outcome:
        undone = UNDONE if chore.job.undoes else "stop"
        if chore.reason == "stop":
            notices = await shows.finish()
            return Outcome(RunState.STOPPED, undone, notices)  # its receipt tells how it ended
        notices = await shows.finish(trouble=words.shut_down(chore.run))
        return Outcome(RunState.INTERRUPTED, chore.reason or "cancelled", notices)

    async def _over(self, chore: Chore, shows: Shows, state: RunState, why: str, began: float) -> Outcome:
        seconds = asyncio.get_running_loop().time() - began
        trouble = words.chore_failed(chore.run, why) if why else ""
        notices: tuple[Notice, ...] = await shows.finish(words.footer(seconds, 0.0), trouble)
        return Outcome(state, why, notices)
