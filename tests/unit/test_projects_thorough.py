"""What is begun is finished before a cancellation is passed on, so that an undo finds it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.projects.model import Project
from bot.projects.observed import EngineInfo
from bot.projects.provisioner import Provisioner
from bot.projects.thorough import finished, in_thread
from tests.docker_world import Told, order, workshop


async def test_work_goes_on_however_often_its_waiter_is_cancelled() -> None:
    may_end, done = asyncio.Event(), []

    async def work() -> None:
        await may_end.wait()
        done.append("done")

    waiting = asyncio.create_task(finished(work()))
    for _ in range(3):
        await asyncio.sleep(0)
        waiting.cancel()
    await asyncio.sleep(0)
    assert not waiting.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert done == ["done"]


async def test_results_and_errors_are_those_of_the_work() -> None:
    assert await in_thread(lambda a, b: a + b, 1, 2) == 3

    async def broken() -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await finished(broken())


class SlowRegistry:
    """Commits, and answers only when it may."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.committed = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def reserve(self, project: Project, ports: Sequence[int]) -> Project:
        kept: Project = await self._inner.reserve(project, ports)
        self.committed.set()
        await self.may_answer.wait()
        return kept

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class FakeEngine:
    async def info(self) -> EngineInfo:
        return EngineInfo("0", "0", 2, 8 << 30, "x86_64", "")


async def test_a_reservation_that_is_answered_too_late_is_given_back(tmp_path: Path) -> None:
    real = workshop(tmp_path)
    registry = SlowRegistry(real.registry)
    provisioner = Provisioner(replace(real, engine=FakeEngine(), registry=registry))  # type: ignore[arg-type]
    making = asyncio.create_task(provisioner.create(order("toy"), 1, Told()))
    await registry.committed.wait()
    making.cancel()
    registry.may_answer.set()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert await real.registry.all() == []
    await real.engine.close()
