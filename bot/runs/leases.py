"""Agents that rest between two turns of a conversation, because starting them takes seconds.

A resting agent is held by exactly one lease. `stop`, `reset`, the end of the warm period, another use of the
workspace, too many of them, and the bot's end all end the lease with kill and proof.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass, field

from bot.agents.base import AgentRun, KillReport
from bot.runs.killing import kill

log = logging.getLogger(__name__)

# Seconds for children of a finished turn to be gone before they count as left behind; over as soon as they are gone.
# claude-agent-acp asks `claude auth status` after a turn: 65-190 ms on an idle machine, far more on a busy one.
SETTLING = 1.0
STEP = 0.02


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose agent rests: the next turn must be the same in all of it."""

    workspace: str
    session: str
    agent: str
    project: str | None
    native: str  # the agent's own id of the conversation


@dataclass(eq=False, slots=True)
class Rest:
    """What a lease holds."""

    run: AgentRun  # finished, ready for `again`
    idle: frozenset[int]  # pids of the agent itself, as they were before it worked


@dataclass(eq=False, slots=True)
class _Lease:
    holder: Holder
    rest: Rest
    ended: asyncio.Event = field(default_factory=asyncio.Event)  # somebody wants it to be over
    taken: bool = False
    watch: asyncio.Task[KillReport | None] | None = None


class Leases:
    def __init__(self, group: asyncio.TaskGroup, *, warm_for: float, at_most: int) -> None:
        """`warm_for`: seconds an agent may rest, 0: none does; `at_most`: how many at once."""
        self._group = group
        self._warm_for = warm_for
        self._at_most = at_most
        self._leases: dict[str, _Lease] = {}  # by workspace, the longest resting first
        self._closed = False

    async def keep(self, holder: Holder, rest: Rest) -> bool:
        """Let the agent rest if it may. False: whoever asked still has to end its processes."""
        if not self._warm_for or not self._at_most or not await _is_alone(rest):
            return False
        if self._closed or holder.workspace in self._leases:
            return False
        self._make_room()
        lease = self._leases[holder.workspace] = _Lease(holder, rest)
        lease.watch = self._group.create_task(self._watch(lease), name=f"rest of {holder.session}")
        return True

    def holds(self, workspace: str) -> bool:
        return workspace in self._leases

    async def take(self, workspace: str, holder: Holder | None) -> Rest | None:
        """What rests for exactly this holder, theirs from now on. Anything else in the workspace is ended first."""
        lease = self._leases.get(workspace)
        if lease is None:
            return None
        if lease.holder == holder and not lease.ended.is_set() and lease.rest.run.process.returncode is None:
            del self._leases[workspace]
            lease.taken = True
            lease.ended.set()
            return lease.rest
        await self._all([lease])
        return None

    def end(self, session: str) -> Awaitable[tuple[KillReport, ...]]:
        """End what rests for a session. Signalled before this returns; awaiting it waits for the proof."""
        return self._all([lease for lease in self._leases.values() if lease.holder.session == session])

    def end_all(self) -> Awaitable[tuple[KillReport, ...]]:
        """The same for everything that rests."""
        return self._all(list(self._leases.values()))

    async def close(self) -> None:
        """The bot's end: nothing rests any more."""
        self._closed = True
        await self.end_all()

    def _make_room(self) -> None:
        resting = [lease for lease in self._leases.values() if not lease.ended.is_set()]
        for lease in resting[: max(0, len(resting) - self._at_most + 1)]:
            lease.ended.set()

    def _all(self, leases: list[_Lease]) -> Awaitable[tuple[KillReport, ...]]:
        for lease in leases:
            lease.ended.set()
        watches = [lease.watch for lease in leases if lease.watch is not None]
        return asyncio.shield(self._group.create_task(_reports(watches), name="ends of rests"))

    async def _watch(self, lease: _Lease) -> KillReport | None:
        """Until the end is wanted, the time is over, or the program left; then kill and prove. None: it was taken."""
        process, name = lease.rest.run.process, lease.holder.session
        left = self._group.create_task(process.wait(), name=f"exit in the rest of {name}")
        ended = self._group.create_task(lease.ended.wait(), name=f"end of the rest of {name}")
        try:
            await asyncio.wait({left, ended}, timeout=self._warm_for, return_when=asyncio.FIRST_COMPLETED)
        finally:
            left.cancel()
            ended.cancel()
        if lease.taken:
            return None
        lease.ended.set()
        report = await kill(process)
        # Only now is the workspace free for another: its next user waits for this proof.
        del self._leases[lease.holder.workspace]
        if not report.verified:
            log.error("a resting agent of %s could not be proven dead: %s", name, report)
        return report


async def _is_alone(rest: Rest) -> bool:
    """Whether nothing but the idle agent is left of the turn: no daemon, no job in the background."""
    process = rest.run.process
    for _ in range(round(SETTLING / STEP) + 1):
        members = process.members()
        if members is None or process.returncode is not None:
            return False
        if members <= rest.idle:
            return True
        await asyncio.sleep(STEP)
    return False


async def _reports(watches: list[asyncio.Task[KillReport | None]]) -> tuple[KillReport, ...]:
    reports = [await watch for watch in watches]
    return tuple(report for report in reports if report is not None)
