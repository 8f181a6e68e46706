"""Takes a turn's events in their order: to the reply, to the account, to the store."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from dataclasses import asdict, dataclass
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
)
from bot.runs import words
from bot.runs.live import LiveRun
from bot.runs.watch import Pulse, TurnLimits
from dispatcher.model import Batch, Notice, StoreUnavailable

log = logging.getLogger(__name__)


class Reply(Protocol):
    answer: list[str]

    def text(self, delta: str) -> None: ...

    def tool(self, call: ToolCall) -> None: ...

    def notice(self, text: str) -> None: ...

    def mute(self) -> None: ...

    async def finish(self, footer: str = "", trouble: str = "") -> tuple[Notice, ...]: ...


class Conversations(Protocol):
    async def native(self, session: str, agent: str, project: str | None) -> str | None: ...

    def keep_native(self, session: str, agent: str, project: str | None, native: str) -> Awaitable[None]: ...


@dataclass(frozen=True, slots=True)
class Staff:
    """An agent with its limits."""

    agent: Agent
    limits: TurnLimits


@dataclass(slots=True)
class Account:
    """What a turn adds up to."""

    bytes: int = 0
    cost: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    model: str | None = None
    native: str | None = None
    finished: Finished | None = None


class Listener:
    """Takes a turn's events in their order."""

    def __init__(self, batch: Batch, staff: Staff, reply: Reply, live: LiveRun, conversations: Conversations) -> None:
        self.batch = batch
        self.staff = staff
        self.reply = reply
        self.live = live
        self.account = Account()
        self.pulse = Pulse()
        self._conversations = conversations

    def columns(self, report: KillReport | None) -> dict[str, object]:
        """What the run record keeps of this turn."""
        finished = self.account.finished
        return {
            "reply": "".join(self.reply.answer) or None,
            "cost": self.account.cost,
            "tokens_in": self.account.tokens_in,
            "tokens_out": self.account.tokens_out,
            "model": self.account.model,
            "native_session": self.account.native,
            "exit_code": finished.exit_code if finished else None,
            "kill_report": asdict(report) if report else None,
        }

    async def listen(self, run: AgentRun) -> None:
        async for event in run.events():
            self.pulse.beat()
            self.live.heard = self.pulse.heard
            await self._take(event, run)
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
                await self._started(event)
            case PermissionRequest():
                await self._deny(event, run)
            case Usage():
                self.account.cost += event.cost_delta
                self.account.tokens_in += event.input
                self.account.tokens_out += event.output
            case AgentNotice(text):
                self.reply.notice(text)
            case RateLimited(hard=True):
                self.reply.notice("The agent has hit a rate limit.")
            case Finished():
                self.account.finished = event
            case _:
                pass  # thoughts and plans are signs of life, no more

    def _text(self, text: str) -> None:
        limit, had = self.staff.limits.max_output, self.account.bytes
        self.account.bytes += len(text.encode("utf-8", "surrogatepass"))
        if not limit or self.account.bytes <= limit:
            self.reply.text(text)
        elif had < limit:
            self.reply.text(text.encode("utf-8", "surrogatepass")[: limit - had].decode("utf-8", "ignore"))

    async def _started(self, event: Started) -> None:
        self.account.model, self.account.native = event.model, event.native_session
        if event.fresh_because:
            self.reply.notice(event.fresh_because)
        if event.native_session is None:
            return
        batch = self.batch
        try:
            await self._conversations.keep_native(
                batch.session, self.staff.agent.name, batch.binding.project, event.native_session
            )
        except StoreUnavailable as exc:
            log.warning("the conversation of run %s cannot be kept: %s", batch.run, exc)

    async def _deny(self, request: PermissionRequest, run: AgentRun) -> None:
        refusal = next((option.id for option in request.options if option.kind.startswith("reject")), "")
        await run.answer(request.id, refusal)
        self.reply.notice(words.cannot_ask(" ".join(request.tool.split())[:200]))
