"""The runs that are alive in this process, those that would not die, and agents that are refused by their provider."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.agents.base import AgentRun, Process
from bot.runs.workplaces import Workplace
from dispatcher.model import Batch


@dataclass(eq=False, slots=True)
class LiveRun:
    batch: Batch
    agent: str
    began: float  # monotonic seconds
    heard: float  # monotonic seconds of the last event or evidence of activity
    turn: AgentRun | None = None  # None: not started yet
    workplace: Workplace | None = None  # None: not known yet
    say: Callable[[str], None] = lambda text: None  # shows a line among the run's reply
    can_steer: bool = False  # the agent takes further text while its turn runs


@dataclass(slots=True)
class LiveRuns:
    """One writer: the turn itself."""

    running: dict[int, LiveRun] = field(default_factory=dict)
    stuck: dict[int, Process] = field(default_factory=dict)  # could not be killed; kept to try again
    working: Callable[[int, str, bool], None] = lambda run, target, on: None  # told when a run begins and ends
    limited: dict[str, float | None] = field(default_factory=dict)  # agent → Unix seconds until when, where known

    def begin(self, batch: Batch, agent: str) -> LiveRun:
        now = asyncio.get_running_loop().time()
        live = self.running[batch.run] = LiveRun(batch, agent, now, now)
        self.working(batch.run, batch.target, True)
        return live

    def end(self, run: int) -> None:
        live = self.running.pop(run, None)
        if live is not None:
            self.working(run, live.batch.target, False)
