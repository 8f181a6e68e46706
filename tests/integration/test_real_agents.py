"""The real programs in the real sandbox against a model API on loopback: what people see when they use them.

A program's start costs seconds, so a test follows several promises of one process where they do not disturb each other.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.agents.base import (
    Agent,
    AgentEvent,
    AgentRun,
    Finished,
    PermissionRequest,
    RateLimited,
    Started,
    TextDelta,
    ToolCall,
    Turn,
    Usage,
    Waits,
)
from bot.agents.containment import BubblewrapLauncher, SupervisedLauncher, probe
from tests import real_agents, victims
from tests.model_api import ModelApi, serving
from tests.real_agents import REAL, Real

pytestmark = pytest.mark.integration

PATIENCE = 60.0  # seconds for a turn; a start alone takes up to ten on a busy machine


@dataclass
class Scene:
    real: Real
    agent: Agent
    api: ModelApi
    cwd: Path
    home: Path
    launcher: Any
    runs: list[AgentRun] = field(default_factory=list)
    native: str | None = None  # the conversation's id, as last told

    async def start(self, prompt: str, **turn: Any) -> AgentRun:
        run = await self.agent.start(Turn(len(self.runs) + 1, prompt, self.cwd, **turn), self.launcher)
        self.runs.append(run)
        return run

    async def ask(self, prompt: str, on: Any = None, **turn: Any) -> list[AgentEvent]:
        return await self.follow(await self.start(prompt, **turn), on)

    async def follow(self, run: AgentRun, on: Callable[[AgentRun, AgentEvent], Any] | None = None) -> list[AgentEvent]:
        events = []
        async with asyncio.timeout(PATIENCE):
            async for event in run.events():
                events.append(event)
                self.native = event.native_session if isinstance(event, Started) else self.native
                if on is not None and (todo := on(run, event)) is not None:
                    await todo
        return events


@pytest.fixture(params=REAL, ids=lambda real: real.name)
def real(request: pytest.FixtureRequest) -> Real:
    chosen: Real = request.param
    return chosen


@pytest.fixture
async def scene(real: Real, tmp_path: Path) -> AsyncIterator[Scene]:
    program = real_agents.program_of(real)
    launcher = BubblewrapLauncher((tmp_path / "data",))
    if not (found := await probe(launcher)).works:
        pytest.fail(found.detail) if os.environ.get("CI") == "true" else pytest.skip(found.detail)
    home, cwd = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    cwd.mkdir()
    async with serving() as api:
        agent = real.make(program, real_agents.environment(home), home, api.url)
        scene = Scene(real, agent, api, cwd, home, launcher)
        yield scene
        for run in scene.runs:
            report = await run.process.kill()
            assert report.verified


def allow(run: AgentRun, event: AgentEvent) -> Any:
    return run.answer(event.id, option(event, "allow_once")) if isinstance(event, PermissionRequest) else None


def deny(run: AgentRun, event: AgentEvent) -> Any:
    return (
        run.answer(event.id, option(event, "reject_once"), "not today")
        if isinstance(event, PermissionRequest)
        else None
    )


def option(request: PermissionRequest, kind: str) -> str:
    return next(each.id for each in request.options if each.kind == kind)


def said(events: list[AgentEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def ended(events: list[AgentEvent]) -> Finished:
    last = events[-1]
    assert isinstance(last, Finished)
    return last


def session_of(events: list[AgentEvent]) -> str:
    started = next(event for event in events if isinstance(event, Started))
    assert started.native_session
    return started.native_session


def calls(events: list[AgentEvent]) -> dict[str, ToolCall]:
    return {event.id: event for event in events if isinstance(event, ToolCall)}


async def test_text_then_a_second_turn_then_a_resume_in_a_new_process(scene: Scene) -> None:
    arrivals: list[float] = []

    def note(run: AgentRun, event: AgentEvent) -> None:
        if isinstance(event, TextDelta):
            arrivals.append(time.monotonic())

    first = await scene.ask("SLOW[40]", note, brief="Be brief.")
    assert not ended(first).is_error
    assert said(first).split()[-40:] == [f"word{number}" for number in range(40)]  # codex-acp says warnings as text
    assert arrivals[-1] - arrivals[0] > 0.5  # in pieces; opencode may hold the first half second back
    assert "Be brief." in str(scene.api.requests)
    session = session_of(first)

    warm = await scene.runs[0].again(Turn(2, "second", scene.cwd, session))
    assert warm is not None
    scene.runs.append(warm)
    second = await scene.follow(warm)
    assert "You said: second (2 user messages)" in said(second)
    assert session_of(second) == session

    await warm.process.kill()
    third = await scene.ask("third", native_session=session)
    assert "You said: third" in said(third)
    assert "SLOW[40]" in str(scene.api.requests[-1])  # the whole conversation came along
    assert "word39" not in said(third)  # and was not shown again
    assert not any(isinstance(event, Started) and event.fresh_because for event in third)


async def test_a_tool_call_is_asked_for_and_allowed(scene: Scene) -> None:
    events = await scene.ask("BASH[echo made > made.txt; cat made.txt]", allow)
    assert not ended(events).is_error
    assert "made" in said(events).partition("done: ")[2]
    assert (scene.cwd / "made.txt").read_text() == "made\n"
    asked = [event for event in events if isinstance(event, PermissionRequest)]
    assert bool(asked) == scene.real.asks
    assert all("made.txt" in request.input for request in asked)
    (call,) = calls(events).values()
    assert call.status == "completed"
    assert "made.txt" in call.title or call.kind == "execute"


async def test_a_tool_call_is_denied(scene: Scene) -> None:
    if not scene.real.asks:
        pytest.skip(f"{scene.real.name} asks for nothing as it is set up here")
    events = await scene.ask("BASH[echo made > made.txt]", deny)
    assert any(isinstance(event, PermissionRequest) for event in events)
    assert not (scene.cwd / "made.txt").exists()
    assert [call.status for call in calls(events).values()] != ["completed"]


async def test_an_api_error_is_told(scene: Scene) -> None:
    events = await scene.ask("ERR[400]")
    shown = f"{said(events)} {ended(events).text}"
    assert "400" in shown
    if scene.real.steers:
        assert ended(events).is_error


async def test_a_refused_login_is_told_with_the_fix(scene: Scene) -> None:
    if scene.real.name != "claude":
        pytest.skip("their own words are shown")
    events = await scene.ask("ERR[401]")
    assert "tugbot secrets set --agent claude CLAUDE_CODE_OAUTH_TOKEN" in ended(events).text
    assert any(isinstance(event, Waits) for event in events)


async def test_a_rate_limit_is_a_hard_one(scene: Scene) -> None:
    if scene.real.name != "claude":
        pytest.skip("only Claude Code tells of limits in its protocol")
    events = await scene.ask("LIMIT[3600]")
    assert ended(events).is_error
    assert any(isinstance(event, RateLimited) and event.hard for event in events)


async def test_an_interrupt_ends_text_and_the_conversation_goes_on(scene: Scene) -> None:
    def cut(run: AgentRun, event: AgentEvent) -> Any:
        if cuts or not isinstance(event, TextDelta) or "word" not in event.text:  # codex-acp says warnings as text
            return None
        cuts.append(1)
        return run.interrupt()

    cuts: list[int] = []
    events = await scene.ask("SLOW[400]", cut)
    assert cuts
    assert len(said(events).split()) < 300
    assert not ended(events).is_error
    await scene.runs[0].process.kill()
    async with asyncio.timeout(5):
        while not scene.api.hung_up:  # noqa: ASYNC110 - the server sees it when it writes the next word
            await asyncio.sleep(0.02)
    resumed = await scene.ask("go on", native_session=session_of(events))
    assert "You said:" in said(resumed)


async def test_an_interrupt_ends_a_tool(scene: Scene) -> None:
    async def cut(run: AgentRun) -> None:
        await appears(scene.cwd / "begun")
        await run.interrupt()

    run = await scene.start("BASH[touch begun; tail -f /dev/null]")
    began = time.monotonic()
    cutting = asyncio.create_task(cut(run))
    events = await scene.follow(run, allow)
    await cutting
    assert time.monotonic() - began < PATIENCE / 2
    assert not ended(events).is_error


async def test_text_in_mid_tool_reaches_the_turn(scene: Scene) -> None:
    if not scene.real.steers:
        assert not scene.agent.can_steer
        pytest.skip(f"{scene.real.name} takes no text during a turn")

    async def steer(run: AgentRun) -> None:
        await appears(scene.cwd / "begun")
        assert await run.steer("SAY[steered]")

    run = await scene.start("BASH[touch begun; sleep 1; echo over]")
    steering = asyncio.create_task(steer(run))
    events = await scene.follow(run, allow)
    await steering
    assert not ended(events).is_error
    assert "steered" in str(scene.api.requests[-1]["messages"][-2:])
    assert not await run.steer("too late")


async def test_text_in_mid_answer_is_answered_before_the_end(scene: Scene) -> None:
    if not scene.real.steers:
        pytest.skip(f"{scene.real.name} takes no text during a turn")
    steered: list[bool] = []

    async def steer(run: AgentRun, event: AgentEvent) -> None:
        if isinstance(event, TextDelta) and not steered:
            steered.append(await run.steer("SAY[the second answer]"))

    events = await scene.ask("SLOW[20]", steer)
    assert steered == [True]
    assert "word19" in said(events)
    assert said(events).endswith("the second answer")
    assert sum(isinstance(event, Finished) for event in events) == 1


async def test_a_hard_stop_in_a_tool_leaves_nothing_not_even_a_daemon(scene: Scene) -> None:
    beat = scene.cwd / "beat"
    victim = scene.cwd / "victims.py"  # the sandbox hides /tmp and home, where the checkout may lie
    shutil.copy(victims.__file__, victim)
    daemon = f"python3 {victim} daemon {beat}"
    run = await scene.start(f"BASH[{daemon}; touch begun; tail -f /dev/null]")
    following = asyncio.create_task(scene.follow(run, allow))
    await appears(beat)
    report = await run.process.kill()
    assert report.verified
    assert report.found >= 2
    await asyncio.sleep(0.3)
    size = beat.stat().st_size
    await asyncio.sleep(0.5)
    assert beat.stat().st_size == size
    following.cancel()
    await asyncio.wait({following})


async def test_cost_is_of_the_turn_and_not_of_the_conversation(scene: Scene) -> None:
    if scene.real.name != "claude":
        pytest.skip("the others report no cost for this model")
    first = _usage(await scene.ask("one"))
    assert first.cost_delta > 0
    assert first.cost_total == pytest.approx(first.cost_delta)
    session = scene.native
    warm = await scene.runs[0].again(Turn(2, "two", scene.cwd, session, first.cost_total))
    assert warm is not None
    second = _usage(await scene.follow(warm))
    assert second.cost_delta == pytest.approx(first.cost_delta)
    assert second.cost_total == pytest.approx(2 * first.cost_delta)
    warm.process.stdin.close()  # in peace: then the total goes on
    await warm.process.wait()
    third = _usage(await scene.ask("three", native_session=session, spent=second.cost_total))
    assert third.cost_delta == pytest.approx(first.cost_delta)
    await scene.runs[-1].process.kill()  # then it does not
    fourth = _usage(await scene.ask("four", native_session=session, spent=third.cost_total))
    assert fourth.cost_delta == pytest.approx(first.cost_delta)


async def test_a_conversation_that_is_gone_begins_afresh_once_and_says_so(scene: Scene) -> None:
    lost = "11111111-2222-4333-8444-555555555555"
    events = await scene.ask("hello", native_session=lost, brief="Be brief.")
    started = next(event for event in events if isinstance(event, Started))
    assert started.fresh_because
    assert started.native_session != lost
    assert "You said:" in said(events)
    assert "Be brief." in str(scene.api.requests[-1])


async def test_in_the_supervisor_too(scene: Scene) -> None:
    scene.launcher = SupervisedLauncher()
    assert "You said: hello" in said(await scene.ask("hello"))


async def appears(path: Path) -> None:
    async with asyncio.timeout(PATIENCE):
        while not os.path.exists(path):  # noqa: ASYNC110, ASYNC240 - a file tells nobody
            await asyncio.sleep(0.02)


def _usage(events: list[AgentEvent]) -> Usage:
    return next(event for event in events if isinstance(event, Usage) and event.cost_total is not None)
