"""What the Claude backend makes of lines recorded from the real program, in each launcher, and of what goes wrong."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from bot.agents.base import (
    AgentEvent,
    AgentRun,
    Finished,
    Launcher,
    PermissionRequest,
    RateLimited,
    Started,
    TextDelta,
    ToolCall,
    Turn,
    Usage,
    Waits,
)
from bot.agents.claude import ClaudeAgent
from tests import claude_scripted
from tests.contract.test_agents import ENV, TESTS, finished, launcher, ours, over, started, text

__all__ = ["launcher"]  # the fixture of the other backends

On = Callable[[AgentRun, AgentEvent], Any]


def claude(file: str | Path, **options: Any) -> ClaudeAgent:
    return ClaudeAgent("claude", claude_scripted.command(file), ENV, readable=(TESTS, Path(file).parent), **options)


@pytest.fixture
async def play(launcher: Launcher, tmp_path: Path) -> AsyncIterator[Any]:
    runs: list[AgentRun] = []

    async def play(file: str | Path, on: On | None = None, *, resume: str | None = None, **options: Any) -> list[Any]:
        """A turn's events; `on` may return something to await for an event."""
        run = await claude(file, **options).start(Turn(len(runs) + 1, "hi", tmp_path, resume), launcher)
        runs.append(run)
        events = []
        async for event in run.events():
            events.append(event)
            if on is not None and (todo := on(run, event)) is not None:
                await todo
        assert [name for name in ours() if name.startswith("claude")] == []
        assert not await run.steer("too late")
        await over(run)
        return events

    yield play
    for run in runs:
        await run.process.kill()


def script(tmp_path: Path, *steps: dict[str, Any]) -> Path:
    file = tmp_path / "script.jsonl"
    file.write_text("".join(json.dumps(step) + "\n" for step in steps))
    return file


USER, INIT = {"client": "user"}, {"agent": {"type": "system", "subtype": "init", "session_id": "$SESSION"}}
REPLAY = {"agent": {"type": "user", "isReplay": True, "uuid": "$UUID1", "message": {"role": "user", "content": []}}}


def result(**fields: Any) -> dict[str, Any]:
    return {"agent": {"type": "result", "subtype": "success", "is_error": False, **fields}}


# ---------------------------------------------------------------- recorded from the real program


async def test_text(play: Any) -> None:
    events = await play("claude_text.jsonl")
    assert started(events).model == "claude-opus-5-5"
    assert started(events).version == "2.1.329"
    assert text(events) == "Hello from Claude."
    assert finished(events) == Finished("end_turn")
    (usage,) = [event for event in events if isinstance(event, Usage)]
    assert usage.cost_delta > 0


@pytest.mark.parametrize("option", ["once", "always", "deny", ""])
async def test_a_tool_that_asks(play: Any, option: str) -> None:
    def answer(run: AgentRun, event: AgentEvent) -> Any:
        return run.answer(event.id, option, "why") if isinstance(event, PermissionRequest) else None

    events = await play("claude_tool.jsonl", answer)
    (asked,) = [event for event in events if isinstance(event, PermissionRequest)]
    assert (asked.tool, asked.input) == ("Bash", "echo made > made.txt; cat made.txt")
    assert [each.kind for each in asked.options] == ["allow_once", "reject_once", "allow_always"]
    calls = [event for event in events if isinstance(event, ToolCall)]
    assert [(call.title, call.kind, call.status) for call in calls] == [
        ("Bash: echo made > made.txt; cat made.txt", "execute", "in_progress"),
        ("Bash: echo made > made.txt; cat made.txt", "execute", "completed"),
    ]
    assert calls[-1].detail == "made"
    assert text(events) == "done: made"


async def test_text_in_mid_tool_joins_the_turn(play: Any) -> None:
    async def answer_and_steer(run: AgentRun, request: PermissionRequest) -> None:
        assert await run.answer(request.id, "once")
        assert not await run.answer(request.id, "once")
        assert await run.steer("and also this")

    def on(run: AgentRun, event: AgentEvent) -> Any:
        return answer_and_steer(run, event) if isinstance(event, PermissionRequest) else None

    events = await play("claude_steer_tool.jsonl", on)
    assert text(events).startswith("done: ")
    assert sum(isinstance(event, Usage) for event in events) == 1  # one result for both


async def test_text_in_mid_answer_has_a_turn_of_its_own_within_this_one(play: Any) -> None:
    steered: list[bool] = []

    async def steer(run: AgentRun) -> None:
        steered.append(await run.steer("SAY[the second]"))

    def on(run: AgentRun, event: AgentEvent) -> Any:
        return steer(run) if isinstance(event, TextDelta) and not steered else None

    events = await play("claude_steer_text.jsonl", on)
    assert steered == [True]
    assert text(events).endswith("word11 \n\nthe second")
    assert sum(isinstance(event, Started) for event in events) == 1
    assert sum(isinstance(event, Usage) for event in events) == 2


async def test_an_interrupt(play: Any) -> None:
    asked: list[bool] = []

    async def interrupt(run: AgentRun) -> None:
        asked.append(await run.interrupt())

    def on(run: AgentRun, event: AgentEvent) -> Any:
        return interrupt(run) if isinstance(event, TextDelta) and not asked else None

    events = await play("claude_interrupt.jsonl", on)
    assert asked == [True]
    assert finished(events) == Finished("cancelled")


async def test_a_limit_and_a_login(play: Any) -> None:
    limited = await play("claude_limit.jsonl")
    assert finished(limited).is_error
    assert any(isinstance(event, RateLimited) and event.hard for event in limited)
    assert text(limited) == ""  # the error's words are no answer
    login = await play("claude_login.jsonl")
    assert "claude setup-token" in finished(login).text
    assert sum(isinstance(event, Waits) for event in login) == 2


# ---------------------------------------------------------------- what else can happen


async def test_a_conversation_that_is_gone_begins_afresh_once(play: Any, tmp_path: Path) -> None:
    lost = {"type": "result", "subtype": "error_during_execution", "is_error": True}
    lost["errors"] = ["No conversation found with session ID: x"]
    steps = [USER, {"resumed": [{"agent": lost}, {"exit": 1}]}, INIT, REPLAY, result()]
    events = await play(script(tmp_path, *steps), resume="11111111-2222-4333-8444-555555555555")
    assert started(events).fresh_because
    assert started(events).native_session != "11111111-2222-4333-8444-555555555555"
    assert finished(events) == Finished("end_turn")


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([{"exit": 3}], "exited with code 3"),
        ([USER, INIT, {"stderr": "out of luck"}, {"exit": 1}], "out of luck"),
        ([{"raw": "hello\n" * 30}], "printed text where JSON was expected. It printed: hello"),
        ([USER, {"sleep": 5}], "did not answer within 1 s"),
        ([USER, INIT, REPLAY, result(is_error=True, result="odd")], "claude: odd"),
        ([USER, INIT, REPLAY, result(is_error=True, subtype="error_max_turns")], "claude: error_max_turns"),
    ],
)
async def test_one_clear_reply_when_it_breaks(play: Any, tmp_path: Path, steps: Any, words: str) -> None:
    events = await play(script(tmp_path, *steps), handshake=1.0)
    assert finished(events).is_error
    assert words in finished(events).text


HOSTILE: list[Any] = [
    {},
    {"type": None},
    {"type": "assistant", "message": {"content": "text"}},
    {"type": "assistant", "message": {"content": [1, None, {"type": "text"}]}},
    {"type": "assistant", "message": {"content": [{"type": "tool_use", "id": [], "input": 3}]}},
    {"type": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": {}, "content": 7}]}},
    {"type": "stream_event", "event": {"type": "content_block_delta", "delta": {"text": 5}}},
    {"type": "stream_event", "event": []},
    {"type": "stream_event", "event": {"type": "message_start", "message": "m"}},
    {"type": "control_request"},
    {"type": "control_request", "request_id": 7, "request": {"subtype": "hook_callback"}},
    {"type": "control_request", "request_id": "p", "request": {"subtype": "can_use_tool", "input": [1]}},
    {"type": "control_cancel_request", "request_id": None},
    {"type": "system", "subtype": "api_retry", "retry_delay_ms": "soon"},
    {"type": "system", "subtype": "init", "model": 3, "session_id": 5},
    {"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": "later"}},
    {"type": "user", "isReplay": True, "uuid": ["x"]},
    {"type": "assistant", "message": {"content": [{"type": "tool_use", "name": "TodoWrite", "input": {"todos": 3}}]}},
]


async def test_hostile_lines_end_nothing(play: Any, tmp_path: Path) -> None:
    lines = [{"agent": line} for line in HOSTILE]
    usage = result(usage="none", total_cost_usd="free")
    events = await play(script(tmp_path, USER, *lines, INIT, REPLAY, *lines, usage))
    assert finished(events) == Finished("end_turn")


async def test_results_before_any_message_was_consumed_are_not_ours(play: Any, tmp_path: Path) -> None:
    early = result(result="of an earlier turn", total_cost_usd=7)
    events = await play(script(tmp_path, USER, INIT, early, REPLAY, result()))
    assert finished(events) == Finished("end_turn")
    assert sum(event.cost_delta for event in events if isinstance(event, Usage)) == 0


async def test_an_error_before_any_message_was_consumed_ends_the_turn(play: Any, tmp_path: Path) -> None:
    early = result(is_error=True, result="cannot start")
    events = await play(script(tmp_path, USER, early, {"sleep": 5}))
    assert finished(events).text == "claude: cannot start"


async def test_several_turns_in_one_process(launcher: Launcher, tmp_path: Path) -> None:
    def turn(number: int) -> list[dict[str, Any]]:
        replay = {**REPLAY["agent"], "uuid": f"$UUID{number}"}
        said = {
            "type": "assistant",
            "message": {"id": f"m{number}", "content": [{"type": "text", "text": f"n{number}"}]},
        }
        return [USER, INIT, {"agent": replay}, {"agent": said}, result()]

    agent = claude(script(tmp_path, *turn(1), *turn(2)))
    run = await agent.start(Turn(1, "one", tmp_path), launcher)
    first = [event async for event in run.events()]
    again = await run.again(Turn(2, "two", tmp_path, started(first).native_session))
    assert again is not None
    second = [event async for event in again.events()]
    assert (text(first), text(second)) == ("n1", "n2")
    assert started(second).resumed
    assert await run.again(Turn(3, "three", tmp_path, "another")) is None
    await over(again)


def test_no_secret_in_its_repr() -> None:
    assert "hidden" not in repr(ClaudeAgent("c", ("claude",), {"KEY": "hidden"}))
