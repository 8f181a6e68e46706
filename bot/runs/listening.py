"""Takes a turn's events in their order: to the reply, to the account, to the store."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import asdict, dataclass, field
from typing import Protocol

from bot.agents.base import (
    Agent,
    AgentEvent,
    AgentNotice,
    AgentRun,
    Finished,
    KillReport,
    PermissionRequest,
    RateLimited,
    Started,
    TextDelta,
    ToolCall,
    Usage,
    Waits,
)
from bot.agents.config import Permissions, Place
from bot.runs import words
from bot.runs.budget import Budget
from bot.runs.live import LiveRun
from bot.runs.permitting import Permitting
from bot.runs.watch import Pulse, TurnLimits
from bot.store.records import Conversation
from dispatcher.model import Batch, Notice, StoreUnavailable

log = logging.getLogger(__name__)

WORTH_TELLING = 5.0  # seconds of an announced wait; shorter ones are nobody's concern


class Reply(Protocol):
    answer: list[str]

    def text(self, delta: str) -> None: ...

    def tool(self, call: ToolCall) -> None: ...

    def notice(self, text: str) -> None: ...

    def flush(self) -> asyncio.Future[None] | None: ...

    def mute(self) -> None: ...

    async def finish(self, footer: str = "", trouble: str = "") -> tuple[Notice, ...]: ...


class Conversations(Protocol):
    async def native(self, session: str, agent: str, project: str | None) -> Conversation | None: ...

    def keep_native(
        self, session: str, agent: str, project: str | None, conversation: Conversation
    ) -> Awaitable[None]: ...


@dataclass(frozen=True, slots=True)
class Staff:
    """An agent with its limits and what it may do by itself."""

    agent: Agent
    limits: TurnLimits
    permissions: Permissions = field(default_factory=Permissions)
    briefed: bool = False  # whether it is told the brief
    inside: Agent | None = None  # the same agent, for containers; None: the same is right for both

    def at(self, place: Place) -> Agent:
        return self.inside if place == "container" and self.inside is not None else self.agent


@dataclass(slots=True)
class Account:
    """What a turn adds up to."""

    bytes: int = 0
    cost: float = 0.0
    spent: float | None = None  # the agent's own sum over the conversation
    tokens_in: int = 0
    tokens_out: int = 0
    model: str | None = None
    native: str | None = None
    limited: RateLimited | None = None  # refused by its provider, the last time it said so
    finished: Finished | None = None


class Listener:
    """Takes a turn's events in their order."""

    def __init__(
        self,
        batch: Batch,
        staff: Staff,
        reply: Reply,
        live: LiveRun,
        conversations: Conversations,
        budget: Budget,
        permitting: Permitting,
        pulse: Pulse,
        group: asyncio.TaskGroup,
    ) -> None:
        self.batch = batch
        self.staff = staff
        self.reply = reply
        self.live = live
        self.account = Account()
        self.pulse = pulse
        self.permitting = permitting
        self.idle: frozenset[int] | None = None  # pids of the agent before it worked; None: not known
        self.recorded: Awaitable[None] | None = None  # to be awaited before anything is said to the agent
        self._conversations = conversations
        self._budget = budget
        self._group = group

    def columns(self, report: KillReport | None) -> dict[str, object]:
        """What the run record keeps of this turn."""
        finished, limited = self.account.finished, self.account.limited
        return {
            "reply": "".join(self.reply.answer) or None,
            "cost": self.account.cost,
            "tokens_in": self.account.tokens_in,
            "tokens_out": self.account.tokens_out,
            "model": self.account.model,
            "native_session": self.account.native,
            "exit_code": finished.exit_code if finished else None,
            "kill_report": asdict(report) if report else None,
            "resets_at": limited.until if limited and finished and finished.is_error else None,
        }

    async def listen(self, run: AgentRun) -> None:
        if self.recorded is not None:
            await self.recorded
        async for event in run.events():
            self.pulse.beat()
            self.live.heard = self.pulse.heard
            await self._take(event, run)
        await self._keep_cost()
        limit = self.staff.limits.max_output
        if limit and self.account.bytes > limit:
            self.reply.notice(words.cut_output(limit, self.account.bytes))

    async def _take(self, event: AgentEvent, run: AgentRun) -> None:
        match event:
            case TextDelta(text):
                self._text(text)
            case ToolCall():
                self.reply.tool(event)
            case Started():
                await self._started(event, run)
            case PermissionRequest():
                self.permitting.take(event, run, self._group)
            case Usage():
                self._spent(event)
            case AgentNotice(text):
                self.reply.notice(text)
            case RateLimited(hard=True):
                self.account.limited = event
            case Waits(seconds, why):
                self.pulse.excuse(seconds)
                if seconds >= WORTH_TELLING:
                    self.reply.notice(words.waits(why, seconds))
            case Finished():
                self.account.finished = event
            case _:
                pass  # thoughts, plans and warnings are signs of life, no more

    def _text(self, text: str) -> None:
        limit, had = self.staff.limits.max_output, self.account.bytes
        self.account.bytes += len(text.encode("utf-8", "surrogatepass"))
        if not limit or self.account.bytes <= limit:
            self.reply.text(text)
        elif had < limit:
            self.reply.text(text.encode("utf-8", "surrogatepass")[: limit - had].decode("utf-8", "ignore"))

    def _spent(self, event: Usage) -> None:
        account, most = self.account, self.staff.limits.max_cost
        account.cost += event.cost_delta
        account.tokens_in += event.input
        account.tokens_out += event.output
        account.spent = account.spent if event.cost_total is None else event.cost_total
        self._budget.add(event.cost_delta)
        if most and account.cost > most:
            self.pulse.exceed(words.over_cost(account.cost, most))
        elif event.cost_delta and self._budget.is_spent():
            self.pulse.exceed(words.over_budget(self._budget.per_day))

    async def _started(self, event: Started, run: AgentRun) -> None:
        self.account.model, self.account.native = event.model, event.native_session
        if not event.resumed:
            self.account.spent = None  # what an earlier conversation had cost says nothing about this one
        self.idle = run.process.members() if self.idle is None else self.idle
        self.live.can_steer = self.staff.agent.can_steer  # not earlier: nothing was said to it before
        if event.fresh_because:
            self.reply.notice(words.fresh(event.fresh_because))
        await self._keep_conversation()

    async def _keep_conversation(self) -> None:
        if (native := self.account.native) is None:
            return
        try:
            await self._conversations.keep_native(*self._place(), Conversation(native, self.account.spent))
        except StoreUnavailable as exc:
            log.warning("the conversation of run %s cannot be kept: %s", self.batch.run, exc)

    async def _keep_cost(self) -> None:
        """What the conversation has cost, unless it was forgotten (`reset`) while the turn ran."""
        kept = await self._conversations.native(*self._place())
        if kept is not None and kept.native == self.account.native:
            await self._keep_conversation()

    def _place(self) -> tuple[str, str, str | None]:
        return self.batch.session, self.staff.agent.name, self.batch.binding.project
