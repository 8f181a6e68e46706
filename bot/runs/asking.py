"""Questions that agents ask people: open until one who may answers, the time is up, or the run ends.

In memory alone: a question lives as long as its run, and no run outlives the bot. The words, the buttons and the
reactions of all transports end here.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from bot.agents.base import PermissionRequest
from bot.agents.config import Place
from bot.happenings.model import RunAsked, RunDecided, Tell, nobody
from bot.runs import words
from bot.runs.watch import brief
from bot.store.rules import ending_of
from dispatcher.model import Batch, Notice, StoreUnavailable
from transports.base import Choice

log = logging.getLogger(__name__)

Decision: TypeAlias = Literal["once", "always", "deny"]

ALLOW = Choice("allow", "Allow", "✅")
ALWAYS = Choice("allow always", "Allow always", "♾️")
DENY = Choice("deny", "Deny", "❌")

REMEMBERED = 200  # ended questions, so that a late answer is told what became of them
ATTEMPTS = 3  # to write down how a question ended; without it the message that asks looks open, and pressing says more
PAUSE = 1.0  # seconds between them


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a question."""

    decision: Decision
    why: str = ""  # the person's words with a refusal
    by: str = ""  # who decided; "": nobody did in time


@dataclass(eq=False, slots=True)
class Question:
    number: int  # within its run, from 1
    batch: Batch
    agent: str
    place: Place
    request: PermissionRequest
    answer: asyncio.Future[Answer] = field(repr=False)

    @property
    def key(self) -> str:
        """Names the question on buttons and reactions: the key of the notice that shows it."""
        return f"run/{self.batch.run}/permission/{self.number}"


@dataclass(frozen=True, slots=True)
class Reaction:
    """What came of an attempt to answer."""

    result: Literal["taken", "nothing", "forbidden", "ended", "decided"]  # ended: its run is over
    question: Question | None = None
    answer: Answer | None = None  # for `taken` and `decided`
    open: int = 0  # questions of this conversation that still wait
    only_once: bool = False  # asked for always, which this agent does not offer
    shown: bool = False  # the message that asked says all of this itself, under the eyes of whoever pressed its button


def _said(answer: Answer) -> str:
    if answer.decision == "deny":
        return words.was_denied(answer.by, answer.why)
    return words.was_allowed(answer.by, always=answer.decision == "always")


def _offers_always(question: Question) -> bool:
    return any(option.kind == "allow_always" for option in question.request.options)


def _asked(question: Question) -> RunAsked:
    return RunAsked(
        run=question.batch.run,
        session=question.batch.session,
        project=question.batch.binding.project,
        question=question.key,
        agent=question.agent,
        tool=question.request.tool,
        input=question.request.input,
        always=_offers_always(question),
    )


def _decided(question: Question, answer: Answer | None) -> RunDecided:
    over = RunDecided(
        run=question.batch.run,
        session=question.batch.session,
        project=question.batch.binding.project,
        question=question.key,
        decision="over",
    )
    return over if answer is None else replace(over, decision=answer.decision, by=answer.by, why=answer.why)


class Asking:
    """The questions of all runs."""

    def __init__(self, show: Callable[[Notice, int], Awaitable[None]], patience: float, tell: Tell = nobody) -> None:
        """`show` puts a notice of a run into the outbox; `patience`: seconds until a question counts as denied."""
        self._show = show
        self._patience = patience
        self._tell = tell
        self._open: dict[str, Question] = {}  # by key, oldest first
        self._past: OrderedDict[str, tuple[Question, Answer | None]] = OrderedDict()
        self._asked: dict[int, int] = {}  # questions so far, by run

    async def ask(self, batch: Batch, agent: str, place: Place, request: PermissionRequest) -> Answer:
        """Show the question and wait for its answer; cancelled when the run ends."""
        number = self._asked[batch.run] = self._asked.get(batch.run, 0) + 1
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        question = Question(number, batch, agent, place, request, answer)
        self._open[question.key] = question
        decided: Answer | None = None
        try:
            decided = await self._answered(question)
        finally:
            del self._open[question.key]
            self._remember(question, decided)
            await self._tell_end(question, decided)
            self._tell(_decided(question, decided))
        return decided

    def forget(self, run: int) -> None:
        """The run is over; its questions have ended with their tasks."""
        self._asked.pop(run, None)

    def open(self, session: str) -> tuple[Question, ...]:
        """Questions of a conversation, the oldest first."""
        return tuple(question for question in self._open.values() if question.batch.session == session)

    def choices(self, key: str) -> tuple[Choice, ...]:
        """What may be pressed under the question named `key`; nothing once it has ended."""
        question = self._open.get(key)
        if question is None:
            return ()
        return (ALLOW, ALWAYS, DENY) if _offers_always(question) else (ALLOW, DENY)

    def latest(self, session: str) -> Question | None:
        """The oldest open question, else the one that ended last: what `show all` is about."""
        past = (question for question, _ in reversed(self._past.values()) if question.batch.session == session)
        return next(iter(self.open(session)), None) or next(past, None)

    def answer(
        self, session: str, decision: Decision, why: str, by: str, may: Callable[[Question], bool], key: str = ""
    ) -> Reaction:
        """Answer the question named `key`, else the oldest one of the conversation. Synchronous: it acts once."""
        question = self._open.get(key) if key else next(iter(self.open(session)), None)
        if question is None:
            return self._too_late(session, key)
        if not may(question):
            return Reaction("forbidden", question, open=len(self.open(session)))
        lacks = decision == "always" and all(option.kind != "allow_always" for option in question.request.options)
        answer = Answer("once" if lacks else decision, why, by)
        if question.answer.done():
            return Reaction("decided", question, question.answer.result())
        question.answer.set_result(answer)
        return Reaction("taken", question, answer, len(self.open(session)) - 1, only_once=lacks)

    async def _answered(self, question: Question) -> Answer:
        text = words.permission(question.batch.run, question.agent, question.request, self._patience)
        notice = Notice(question.batch.target, text, "permission", question.key)
        try:
            await self._show(notice, question.batch.run)
        except StoreUnavailable as exc:
            log.warning("a question of run %s cannot be shown: %s", question.batch.run, exc)
            return Answer("deny", "it could not be shown to anyone")
        self._tell(_asked(question))
        try:
            async with asyncio.timeout(self._patience or None):
                return await asyncio.shield(question.answer)
        except TimeoutError:
            if question.answer.done():  # answered in the very instant
                return question.answer.result()
            question.answer.cancel()
            return Answer("deny", f"nobody answered within {brief(self._patience)}")

    async def _tell_end(self, question: Question, answer: Answer | None) -> None:
        """Have the message that asked say what became of it. In the outbox before anybody acts on it."""
        how = words.QUESTION_OVER if answer is None else _said(answer)
        run = question.batch.run
        text = words.settled(run, question.agent, question.request, how)
        notice = Notice(question.batch.target, text, "permission", ending_of(question.key), replaces=question.key)
        for _ in range(ATTEMPTS):
            try:
                await self._show(notice, run)
            except StoreUnavailable as exc:
                log.warning("the end of a question of run %s cannot be written down: %s", run, exc)
                await asyncio.sleep(PAUSE)
            else:
                return

    def _too_late(self, session: str, key: str) -> Reaction:
        asked = self._past.get(key) if key else None
        if asked is None and not key:
            asked = next((past for past in reversed(self._past.values()) if past[0].batch.session == session), None)
        if asked is None:
            return Reaction("ended" if key else "nothing")  # of a key that is not known: it was asked long ago
        question, answer = asked
        return Reaction("decided" if answer else "ended", question, answer)

    def _remember(self, question: Question, answer: Answer | None) -> None:
        self._past[question.key] = question, answer
        while len(self._past) > REMEMBERED:
            self._past.popitem(last=False)
