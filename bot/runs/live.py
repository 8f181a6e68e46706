"""The runs that are alive in this process, and those that would not die."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from bot.agents.base import Process
from dispatcher.model import Batch


@dataclass(eq=False, slots=True)
class LiveRun:
    batch: Batch
    agent: str
    began: float  # monotonic seconds
    heard: float  # monotonic seconds of the last event or evidence of activity
    process: Process | None = None


@dataclass(slots=True)
class LiveRuns:
    """One writer: the turn itself."""

    running: dict[int, LiveRun] = field(default_factory=dict)
    stuck: dict[int, Process] = field(default_factory=dict)  # could not be killed; kept to try again

    def begin(self, batch: Batch, agent: str) -> LiveRun:
        now = asyncio.get_running_loop().time()
        live = self.running[batch.run] = LiveRun(batch, agent, now, now)
        return live

    def end(self, run: int) -> None:
        self.running.pop(run, None)
