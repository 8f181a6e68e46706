"""A turn from its first event to the proof that nothing of it lives.

The order at the end is the promise (P6, P7): mute, ask in-band, kill, verify. The kill also follows a normal end,
because daemons survive those too; it is left out only where the agent may rest until the next turn, and nothing but
the idle agent is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from bot.agents.base import AgentRun, KillReport
from bot.runs.killing import kill, together
from bot.runs.listening import Listener
from bot.runs.values import as_value
from bot.runs.watch import exceeded
from dispatcher.model import StopSignal


@dataclass(frozen=True, slots=True)
class End:
    """How a sitting ended."""

    cut: Literal["signal", "limit"] | None  # None: the agent ended it
    why: str  # the signal's reason, the limit in words, or what broke the conversation
    report: KillReport | None  # None: nothing was killed, the agent rests


class Sitting:
    def __init__(
        self,
        run: AgentRun,
        listener: Listener,
        stop: StopSignal,
        grace: float,
        group: asyncio.TaskGroup,
        rest: Callable[[AgentRun, Listener], Awaitable[bool]],
    ) -> None:
        """`grace`: seconds for an in-band interrupt. `rest`: lets the agent rest if it may."""
        self._run = run
        self._listener = listener
        self._stop = stop
        self._grace = grace
        self._group = group
        self._rest = rest

    async def until_dead(self) -> End:
        """Until nothing of the turn lives, or nothing but an agent that rests."""
        name = f"of run {self._listener.batch.run}"
        listening = self._group.create_task(as_value(self._listener.listen(self._run)), name=f"events {name}")
        stopping = self._group.create_task(self._stop.wait(), name=f"stop {name}")
        watching = self._group.create_task(self._exceeded(), name=f"limits {name}")
        report: KillReport | None = None
        resting = False
        try:
            await asyncio.wait({listening, stopping, watching}, return_when=asyncio.FIRST_COMPLETED)
            cut, why = _cause(listening, stopping, watching)
            self._listener.permitting.close()
            if cut is not None:
                await self._interrupt(listening, mute=cut == "signal")
            else:
                resting = await self._rest(self._run, self._listener)
        finally:
            stopping.cancel()
            watching.cancel()
            if not resting:
                report = await kill(process := self._run.process)
            listening.cancel()
            await asyncio.wait({listening})
            if report is not None and self._run.process is not process:
                report = together(report, await kill(self._run.process))  # it was just being started anew
        return End(cut, why, report)

    async def _exceeded(self) -> str:
        return await exceeded(self._listener.pulse, self._run.process, self._listener.staff.limits)

    async def _interrupt(self, listening: asyncio.Task[Exception | None], *, mute: bool) -> None:
        """The polite part: an agent that ends its turn by itself, soon, keeps a clean transcript."""
        if mute:
            self._listener.reply.mute()
        if self._stop.hurried or not self._grace:
            return
        asking = self._group.create_task(as_value(self._asked_in_vain()), name="interrupt")
        hurry = self._group.create_task(self._stop.wait_hurried(), name="hurry")
        await asyncio.wait({listening, hurry, asking}, timeout=self._grace, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        asking.cancel()

    async def _asked_in_vain(self) -> None:
        """Ask; end only if no answer can come. The one who waits has the patience and looks at the turn's end."""
        if await self._run.interrupt():
            await asyncio.get_running_loop().create_future()


def _cause(
    listening: asyncio.Task[Exception | None], stopping: asyncio.Task[str], watching: asyncio.Task[str]
) -> tuple[Literal["signal", "limit"] | None, str]:
    if listening.done():  # it ended by itself, whatever else came in the same instant
        error = listening.result()
        return None, f"{type(error).__name__}: {error}" if error else ""
    if stopping.done():
        return "signal", stopping.result()
    return "limit", watching.result()
