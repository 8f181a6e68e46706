"""One turn's permission requests: answered by policy, or by people."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from bot.agents.base import CANCELLED, AgentRun, PermissionOption, PermissionRequest
from bot.agents.config import Place, Policy
from bot.hidden import shown
from bot.runs import words
from bot.runs.asking import Answer, Asking, Decision
from bot.runs.values import as_value
from bot.runs.watch import Pulse
from dispatcher.model import Batch

log = logging.getLogger(__name__)

ABOVE = 1.0  # seconds that a question waits at most for the beginning of its run's reply, so as to stand below it

# Kinds of options that carry out a decision, the best first. Never more than was decided: where only `always` is
# offered, once is not.
_KINDS: dict[Decision, tuple[str, ...]] = {
    "once": ("allow_once",),
    "always": ("allow_always", "allow_once"),
    "deny": ("reject_once", "reject_always"),
}


class Says(Protocol):
    def notice(self, text: str) -> None: ...

    def flush(self) -> asyncio.Future[None] | None: ...


class Permitting:
    """Requests are answered from tasks of their own: the turn's other events go on meanwhile."""

    def __init__(
        self, batch: Batch, agent: str, place: Place, policy: Policy, asking: Asking, says: Says, pulse: Pulse
    ) -> None:
        self._batch = batch
        self._agent = agent
        self._place: Place = place
        self._policy: Policy = policy
        self._asking = asking
        self._says = says
        self._pulse = pulse
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, request: PermissionRequest, run: AgentRun, group: asyncio.TaskGroup) -> None:
        request = replace(request, tool=shown(request.tool), input=shown(request.input))  # for people and the log
        # Now: by the time that its task runs, words may have come that belong behind it.
        above = self._says.flush() if self._policy == "ask" else None
        task = group.create_task(self._settled(request, run, above), name=f"permission of run {self._batch.run}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """The turn is ending: nobody is asked any more, and answers come too late."""
        for task in self._tasks:
            task.cancel("the run ends")
        self._asking.forget(self._batch.run)

    async def _settled(self, request: PermissionRequest, run: AgentRun, above: asyncio.Future[None] | None) -> None:
        # In a task of the group an exception would end every other session's work; here it costs this answer.
        if isinstance(failure := await as_value(self._settle(request, run, above)), Exception):
            log.error("a permission request of run %s could not be settled", self._batch.run, exc_info=failure)
            self._says.notice(words.unsettled(request.tool))

    async def _settle(self, request: PermissionRequest, run: AgentRun, above: asyncio.Future[None] | None) -> None:
        answer = await self._decide(request, above)
        option = option_for(answer.decision, request.options)
        try:
            taken = await run.answer(request.id, option, answer.why)
        except OSError as exc:  # the turn's own end tells the rest
            log.info("an answer for run %s did not reach its agent: %s", self._batch.run, exc)
            return
        if not taken:
            self._says.notice(words.withdrawn(request.tool))
        elif not answer.by and answer.decision == "deny":
            self._says.notice(words.denied(request.tool, answer.why))

    async def _decide(self, request: PermissionRequest, above: asyncio.Future[None] | None) -> Answer:
        if self._policy == "allow":
            return Answer("once", by="policy")
        if self._policy == "deny":
            return Answer("deny", f"the settings deny everything it asks for ({self._agent}, {self._place})")
        with self._pulse.asking():
            if above is not None:
                await asyncio.wait({above}, timeout=ABOVE)
            return await self._asking.ask(self._batch, self._agent, self._place, request)


def option_for(decision: Decision, options: Sequence[PermissionOption]) -> str:
    """The id of the offered option that does what was decided; CANCELLED where none does."""
    by_kind = {option.kind: option.id for option in reversed(options)}
    return next((by_kind[kind] for kind in _KINDS[decision] if kind in by_kind), CANCELLED)
