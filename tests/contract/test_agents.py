"""What every backend promises, checked against each of them and in each launcher that this machine can use."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import pytest

from bot.agents.acp import AcpAgent
from bot.agents.base import (
    Agent,
    AgentEvent,
    AgentNotice,
    AgentRun,
    Finished,
    Launcher,
    PermissionRequest,
    Plan,
    PlanItem,
    ProgramMissing,
    Started,
    TextDelta,
    Thought,
    ToolCall,
    Turn,
    Usage,
)
from bot.agents.command import CommandAgent
from bot.agents.containment import BubblewrapLauncher, SupervisedLauncher, probe
from bot.agents.demo import demo_agent
from tests import agents_scripted as scripted
from tests.launcher_plain import PlainLauncher

ENV = {"PATH": os.environ["PATH"], "HOME": str(Path.home()), "VERSION": version("tugbot"), "LANG": "C.UTF-8"}
PYTHON = str(Path(sys.executable).resolve())
TESTS = Path(__file__).parents[1]

Follow = Callable[..., Awaitable[list[AgentEvent]]]


LAUNCHERS: dict[str, Callable[[], Launcher]] = {
    "plain": PlainLauncher,
    "bubblewrap": lambda: BubblewrapLauncher(()),
    "supervisor": SupervisedLauncher,
}


REAL = pytest.mark.integration


@pytest.fixture(params=["plain", pytest.param("bubblewrap", marks=REAL), pytest.param("supervisor", marks=REAL)])
async def launcher(request: pytest.FixtureRequest) -> Launcher:
    chosen = LAUNCHERS[request.param]()
    if request.param != "plain" and not (found := await probe(chosen)).works:
        pytest.fail(found.detail) if os.environ.get("CI") == "true" else pytest.skip(found.detail)
    return chosen


@pytest.fixture(autouse=True)
async def nothing_left(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """Each turn ends without a task left behind and without a traceback of the SDK's in the log."""
    yield
    assert asyncio.all_tasks() - {asyncio.current_task()} == set()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.fixture
async def follow(launcher: Launcher, tmp_path: Path) -> AsyncIterator[Follow]:
    runs: list[AgentRun] = []

    async def follow(
        agent: Agent, prompt: str = "hi", *, on: Any = None, resume: str | None = None
    ) -> list[AgentEvent]:
        """All events of a turn; `on(run, event)` is awaited for each."""
        run = await agent.start(Turn(len(runs) + 1, prompt, tmp_path, resume), launcher)
        runs.append(run)
        events = []
        async with asyncio.timeout(30):
            async for event in run.events():
                events.append(event)
                if on is not None:
                    await on(run, event)
        await over(run)
        return events

    yield follow
    for run in runs:
        await run.process.kill()


OPEN = ("acp-talk", "acp.Connection.receive")  # what keeps a conversation open between turns


async def over(run: AgentRun) -> None:
    """Once the events have ended no task of the turn lives; once the process is killed nothing of it does."""
    assert [name for name in ours() if name not in OPEN] == []
    await run.process.kill()
    async with asyncio.timeout(5):
        while ours():  # noqa: ASYNC110 - tasks of the SDK tell nobody
            await asyncio.sleep(0.01)


def ours() -> list[str]:
    """Tasks of backends and of the SDK that live."""
    names = ("acp", "command-", "claude-")
    return [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith(names)]


def shell(script: str, name: str = "sh") -> CommandAgent:
    return CommandAgent(name, ("sh", "-c", script), ENV)


def python(source: str) -> CommandAgent:
    return CommandAgent("py", (PYTHON, "-I", "-S", "-c", source), ENV)


def golden(file: str, **options: Any) -> AcpAgent:
    return AcpAgent("acp", scripted.command(file), ENV, readable=(TESTS,), **options)


def script(tmp_path: Path, *steps: dict[str, Any], **options: Any) -> AcpAgent:
    return golden(str(scripted.write_script(tmp_path / "script.jsonl", *steps)), **options)


def demo() -> AcpAgent:
    return demo_agent(env=ENV, pause=0.005)


def events_of(run: AgentRun) -> AsyncGenerator[AgentEvent, None]:
    return cast("AsyncGenerator[AgentEvent, None]", run.events())


def text(events: list[AgentEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def finished(events: list[AgentEvent]) -> Finished:
    """The last event, which is the only one of its kind."""
    last = events[-1]
    assert isinstance(last, Finished)
    assert sum(isinstance(event, Finished) for event in events) == 1
    return last


def started(events: list[AgentEvent]) -> Started:
    return next(event for event in events if isinstance(event, Started))


# ---------------------------------------------------------------- every backend

ANSWERING: list[Any] = [
    pytest.param(demo, id="demo"),
    pytest.param(lambda: shell("cat"), id="command"),
    pytest.param(lambda: CommandAgent("file", ("cat", "{prompt_file}"), ENV), id="command-file"),
]


@pytest.mark.parametrize("make", ANSWERING)
async def test_the_answer_holds_the_prompt(make: Callable[[], Agent], follow: Follow) -> None:
    events = await follow(make(), "héllo 日本 😀")
    assert isinstance(events[0], Started)
    assert "héllo 日本 😀" in text(events)
    assert not finished(events).is_error


SLOW: list[Any] = [
    pytest.param(demo, "slow 20", id="demo"),
    pytest.param(lambda: shell("for i in $(seq 20); do echo word $i; sleep 0.003; done"), "", id="command"),
]


@pytest.mark.parametrize(("make", "prompt"), SLOW)
async def test_slow_text_arrives_in_order_and_in_parts(make: Callable[[], Agent], prompt: str, follow: Follow) -> None:
    events = await follow(make(), prompt)
    assert "".join(f"word {n}\n" for n in range(1, 21)) in text(events)
    assert sum(isinstance(event, TextDelta) for event in events) > 3


FAILING: list[Any] = [
    pytest.param(demo, "fail", ("asked for a failure",), id="demo-error"),
    pytest.param(demo, "crash", ("exited with code 3", "you asked for a crash"), id="demo-crash"),
    pytest.param(lambda: shell("echo broken >&2; exit 4"), "", ("exited with code 4", "broken"), id="command"),
    pytest.param(lambda: shell("kill -9 $$"), "", ("SIGKILL",), id="command-signal"),
]


@pytest.mark.parametrize(("make", "prompt", "words"), FAILING)
async def test_a_failure_says_what_happened(
    make: Callable[[], Agent], prompt: str, words: tuple[str, ...], follow: Follow
) -> None:
    end = finished(await follow(make(), prompt))
    assert end.is_error
    assert all(word in end.text for word in words), end.text


ENDLESS: list[Any] = [
    pytest.param(demo, "slow 5000", "word 3", id="demo"),
    pytest.param(demo, "stubborn 5000", "word 3", id="demo-stubborn"),
    pytest.param(lambda: shell("trap '' TERM INT; echo word; exec sleep 60"), "", "word", id="command"),
]


@pytest.mark.parametrize(("make", "prompt", "word"), ENDLESS)
async def test_a_kill_ends_the_events_of_an_interrupted_turn(
    make: Callable[[], Agent], prompt: str, word: str, follow: Follow
) -> None:
    async def stop(run: AgentRun, event: AgentEvent) -> None:
        if isinstance(event, TextDelta) and word in event.text:
            await run.interrupt()
            await run.process.kill()

    end = finished(await follow(make(), prompt, on=stop))
    assert (end.stop_reason, end.is_error) == ("cancelled", False)


@pytest.mark.parametrize(("make", "prompt", "word"), ENDLESS)
async def test_a_kill_without_an_interrupt_is_an_error(
    make: Callable[[], Agent], prompt: str, word: str, follow: Follow
) -> None:
    async def kill(run: AgentRun, event: AgentEvent) -> None:
        if isinstance(event, TextDelta) and word in event.text:
            await run.process.kill()

    end = finished(await follow(make(), prompt, on=kill))
    assert end.is_error
    assert "SIGKILL" in end.text


@pytest.mark.parametrize(("make", "prompt", "word"), ENDLESS)
async def test_events_can_be_closed_early(
    make: Callable[[], Agent], prompt: str, word: str, launcher: Launcher, tmp_path: Path
) -> None:
    run = await make().start(Turn(1, prompt, tmp_path), launcher)
    async with contextlib.aclosing(events_of(run)) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                break
    await over(run)


LARGE: list[Any] = [
    pytest.param(demo, "big 10000", 10_000_000, id="demo-10MB"),
    pytest.param(lambda: shell("yes | head -c 10000000"), "", 10_000_000, id="command-10MB"),
    pytest.param(
        lambda: shell("head -c 60000000 /dev/zero | tr '\\0' x"), "", 60_000_000, id="command-60MB-no-newline"
    ),
]


@pytest.mark.parametrize(("make", "prompt", "size"), LARGE)
async def test_large_answers_arrive_whole(make: Callable[[], Agent], prompt: str, size: int, follow: Follow) -> None:
    events = await follow(make(), prompt)
    assert size <= len(text(events)) < size + 1000
    assert not finished(events).is_error


@pytest.mark.parametrize("backend", [AcpAgent, CommandAgent])
async def test_a_missing_program_is_told_with_what_to_do(backend: Callable[..., Agent], follow: Follow) -> None:
    with pytest.raises(ProgramMissing, match=r"`no-such` was not found on PATH. Install it, or set `command` in"):
        await follow(backend("a", ("no-such",), ENV))


# ---------------------------------------------------------------- demo


async def test_demo_introduces_itself_once_and_resumes_without_repeating(follow: Follow) -> None:
    first = await follow(demo(), "one")
    second = await follow(demo(), "two", resume=started(first).native_session)
    assert text(first).startswith("I am Tugbot's demo agent, not a coding agent")
    assert text(second) == "You wrote: two\n"
    assert (started(first).resumed, started(second).resumed) == (False, True)


async def test_demo_starts_afresh_once_when_the_conversation_is_gone(follow: Follow) -> None:
    events = await follow(demo(), "one", resume="../../etc/passwd")
    assert started(events).fresh_because == "No such conversation"
    assert not finished(events).is_error


async def test_demo_lists_the_workspace(follow: Follow, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    calls = [event for event in await follow(demo()) if isinstance(event, ToolCall)]
    assert [(call.title, call.status, call.detail) for call in calls] == [
        ("List the workspace", "in_progress", ""),
        ("List the workspace", "completed", "notes.txt"),
    ]


@pytest.mark.parametrize(("kind", "word"), [("allow_once", "allow-once"), ("reject_once", "reject-once")])
async def test_demo_is_told_the_answer_to_its_question(kind: str, word: str, follow: Follow) -> None:
    async def answer(run: AgentRun, event: AgentEvent) -> None:
        if isinstance(event, PermissionRequest):
            assert not await run.answer(event.id, "no such option")
            option = next(option.id for option in event.options if option.kind == kind)
            assert await run.answer(event.id, option)
            assert not await run.answer(event.id, option)

    events = await follow(demo(), "ask", on=answer)
    assert f"The answer was: {word}." in text(events)


async def test_demo_is_told_that_its_question_was_cancelled(follow: Follow) -> None:
    async def interrupt(run: AgentRun, event: AgentEvent) -> None:
        if isinstance(event, PermissionRequest):
            await run.interrupt()

    events = await follow(demo(), "ask", on=interrupt)
    assert "The answer was: cancelled." in text(events)
    assert finished(events).stop_reason == "cancelled"


async def test_demo_stops_streaming_when_interrupted(follow: Follow) -> None:
    async def interrupt(run: AgentRun, event: AgentEvent) -> None:
        if isinstance(event, TextDelta) and "word 3" in event.text:
            await run.interrupt()

    events = await follow(demo(), "slow 5000", on=interrupt)
    assert (finished(events).stop_reason, finished(events).is_error) == ("cancelled", False)
    assert "word 100\n" not in text(events)


async def test_demo_obeys_each_line_of_a_batch_and_nothing_within_a_sentence(follow: Follow) -> None:
    events = await follow(demo(), "Ann: slow 2\n\nBob: please do not crash or fail")
    assert text(events).endswith("word 1\nword 2\n")


# ---------------------------------------------------------------- ACP, line by line


async def test_acp_permission_and_a_call_that_only_ends(follow: Follow) -> None:
    async def allow(run: AgentRun, event: AgentEvent) -> None:
        if isinstance(event, PermissionRequest):
            assert await run.answer(event.id, next(o.id for o in event.options if o.kind == "allow_once"))

    events = await follow(golden("acp_permission.jsonl"), "delete it", on=allow)
    call = next(event for event in events if isinstance(event, ToolCall))
    assert call == ToolCall("run_shell_command-1", "rm notes.txt", "execute", "completed", "(no output)")
    assert text(events) == "Deleted."
    assert finished(events) == Finished("end_turn")


async def test_acp_keeps_the_order_and_counts_the_cost(follow: Follow) -> None:
    assert await follow(golden("acp_usage.jsonl"), "count") == [
        Started("0b1f2c", "sonnet"),
        Thought("Counting."),
        Plan((PlanItem("count the files", "in_progress"),)),
        TextDelta("There "),
        ToolCall("toolu_1", "`ls`", "execute", "pending"),
        ToolCall("toolu_1", "`ls`", "execute", "completed", "a\nb"),
        Usage(cost_delta=0.25, cost_total=0.25),
        TextDelta("are two."),
        Usage(cost_delta=0.5, cost_total=0.75),
        Usage(input=1300, output=100),
        Finished("end_turn"),
    ]


async def test_acp_resumes_without_showing_the_history(follow: Follow) -> None:
    assert await follow(golden("acp_resume.jsonl"), "and three", resume="0b1f2c") == [
        Started("0b1f2c", resumed=True),
        TextDelta("Five."),
        Usage(cost_delta=0.25, cost_total=0.75),
        Finished("end_turn"),
    ]


async def test_a_program_serves_several_turns(launcher: Launcher, tmp_path: Path) -> None:
    run: AgentRun | None = await demo().start(Turn(1, "first", tmp_path), launcher)
    native = None
    for number in range(1, 4):
        assert run is not None
        events = [event async for event in run.events()]
        assert finished(events) == Finished("end_turn")
        assert started(events).resumed == (number > 1)
        native = started(events).native_session
        last, run = run, await run.again(Turn(number + 1, f"turn {number + 1}", tmp_path, native))
    assert f"turn {3}" in text(events)
    assert run is not None
    await over(last)
    assert await last.again(Turn(9, "too late", tmp_path, native)) is None


async def test_a_resting_program_that_leaves_is_let_go(launcher: Launcher, tmp_path: Path) -> None:
    run = await demo().start(Turn(1, "first", tmp_path), launcher)
    events = [event async for event in run.events()]
    run.process.stdin.close()
    await run.process.wait()
    await over(run)
    assert await run.again(Turn(2, "again", tmp_path, started(events).native_session)) is None


@pytest.mark.parametrize("prompt", ["fail", "interrupt"])
async def test_a_turn_that_did_not_end_well_is_the_last(launcher: Launcher, tmp_path: Path, prompt: str) -> None:
    run = await demo().start(Turn(1, "slow 50" if prompt == "interrupt" else prompt, tmp_path), launcher)
    events = []
    async for event in run.events():
        events.append(event)
        if prompt == "interrupt" and isinstance(event, TextDelta):
            await run.interrupt()
    assert ours() == []
    assert await run.again(Turn(2, "again", tmp_path, started(events).native_session)) is None
    await over(run)


async def test_a_brief_is_told_where_a_conversation_begins(launcher: Launcher, tmp_path: Path) -> None:
    run = await demo().start(Turn(1, "first", tmp_path, brief="Be brief."), launcher)
    events = [event async for event in run.events()]
    assert "Be brief." in text(events)
    again = await run.again(Turn(2, "second", tmp_path, started(events).native_session, brief="Be brief."))
    assert again is not None
    assert "Be brief." not in text([event async for event in again.events()])
    await over(again)


async def test_acp_starts_afresh_when_the_conversation_is_gone(follow: Follow) -> None:
    events = await follow(golden("acp_resume_lost.jsonl"), resume="gone")
    assert events[0] == Started("0b1f2c", fresh_because="Internal error: No previous sessions found")
    assert text(events) == "Hello."


async def test_acp_cancels_open_and_later_permissions(follow: Follow) -> None:
    async def interrupt(run: AgentRun, event: AgentEvent) -> None:
        if isinstance(event, PermissionRequest):
            await run.interrupt()
            assert not await run.answer(event.id, "once")

    events = await follow(golden("acp_cancel.jsonl"), "delete it", on=interrupt)
    assert [event.tool for event in events if isinstance(event, PermissionRequest)] == ["rm -r build"]
    assert finished(events) == Finished("cancelled")


async def test_acp_offers_neither_files_nor_terminals(follow: Follow) -> None:
    assert text(await follow(golden("acp_not_offered.jsonl"), "read it")) == "I cannot read it."


async def test_acp_sets_the_model(follow: Follow) -> None:
    events = await follow(golden("acp_model.jsonl", model="opus"))
    assert started(events).model == "opus"
    assert text(events) == "Hello."


async def test_acp_says_when_a_model_cannot_be_set(follow: Follow, tmp_path: Path) -> None:
    events = await follow(script(tmp_path, *scripted.opening(), scripted.done(), model="opus"))
    assert [event for event in events if isinstance(event, AgentNotice)] == [
        AgentNotice("acp offers no choice of model; `model` was not used.")
    ]


async def test_acp_joins_characters_cut_in_two_and_drops_controls(follow: Follow, tmp_path: Path) -> None:
    parts = ["a\ud83d", "\ude00b\x00\x1b[3", "1mred\x1b[0m\r", "\nend\udc00"]
    agent = script(tmp_path, *scripted.opening(), *map(scripted.say, parts), scripted.done())
    assert text(await follow(agent)) == "a😀bred\nend\ufffd"


async def test_acp_survives_a_greeting_and_invalid_utf8(follow: Follow, tmp_path: Path) -> None:
    broken = '{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s","update":{"sessionUpdate":\
"agent_message_chunk","content":{"type":"text","text":"a\xffb"}}}}\n'
    steps = ({"raw": "Welcome!\n\n[1]\n{}\n"}, *scripted.opening(), {"raw": broken}, scripted.done())
    events = await follow(script(tmp_path, *steps))
    assert text(events) == "a\ufffdb"
    assert finished(events) == Finished("end_turn")


ENDINGS: list[Any] = [
    pytest.param([{"stderr": "no key\n"}, {"exit": 2}], ("exited with code 2", "no key"), id="crash-at-once"),
    pytest.param([{"exit": 0}], ("exited with code 0 in the middle",), id="leaves-politely"),
    pytest.param([{"raw": "usage: agent\n" * 50}], ("text where ACP", "It printed: usage: agent"), id="garbage"),
    pytest.param(
        [{"raw": "Log in first\n"}, {"exit": 1}], ("code 1", "It printed: Log in first"), id="greets-and-exits"
    ),
    pytest.param([{"close": True}], ("closed its output",), id="closes-stdout"),
    pytest.param([*scripted.opening(), scripted.say("x"), {"close": True}], ("closed its output",), id="closes-later"),
    pytest.param(
        [{"client": None}, {"stderr": "hm"}, {"sleep": 60}], ("did not answer within 0.2 s", "hm"), id="silent"
    ),
    pytest.param(
        [{"client": None}, {"agent": {"id": 0, "error": {"code": -32000, "message": "Authentication required"}}}],
        ("not logged in: Authentication required", "`env`"),
        id="not-logged-in",
    ),
    pytest.param([{"client": None}, {"agent": {"id": 0, "result": 7}}], ("not ACP",), id="nonsense"),
    pytest.param([*scripted.opening(), scripted.done("refusal")], ("refused",), id="refuses"),
]


@pytest.mark.parametrize(("steps", "words"), ENDINGS)
async def test_acp_tells_every_bad_end(
    steps: list[dict[str, Any]], words: tuple[str, ...], follow: Follow, launcher: Launcher, tmp_path: Path
) -> None:
    if launcher.name == "bubblewrap" and {"close": True} in steps:
        pytest.skip("bubblewrap's own processes hold the pipe: only a deadline ends such a turn")
    end = finished(await follow(script(tmp_path, *steps, handshake=0.2)))
    assert end.is_error
    assert all(word in end.text for word in words), end.text


async def test_acp_a_line_of_60_megabytes(follow: Follow, tmp_path: Path) -> None:
    source = "import json,sys;" + f"sys.path.insert(0, {str(TESTS.parent)!r});"
    source += "from tests import agents_scripted as s\n"
    source += "for step in [*s.opening(), s.say('x' * 60_000_000), s.done()]: s.play(step)"
    events = await follow(AcpAgent("acp", (PYTHON, "-I", "-S", "-c", source), ENV, readable=(TESTS,)))
    assert len(text(events)) == 60_000_000


async def test_acp_ends_with_its_program_though_a_daemon_holds_the_pipe(follow: Follow, tmp_path: Path) -> None:
    source = "import os,subprocess,sys; sys.stdin.readline(); subprocess.Popen(['sleep','5']); os._exit(5)"
    async with asyncio.timeout(3):
        end = finished(await follow(AcpAgent("acp", (PYTHON, "-I", "-S", "-c", source), ENV)))
    assert "exited with code 5" in end.text


# ---------------------------------------------------------------- command


async def test_command_ends_with_its_program_though_a_daemon_holds_the_pipe(follow: Follow) -> None:
    async with asyncio.timeout(3):
        events = await follow(shell("sleep 5 & echo done"))
    assert text(events) == "done\n"
    assert finished(events) == Finished("end_turn", exit_code=0)


async def test_command_ends_though_a_daemon_holds_its_input(follow: Follow) -> None:
    async with asyncio.timeout(3):
        events = await follow(shell("exec 3<&0; sleep 5 >/dev/null 2>&1 & echo done"), "x" * 1_000_000)
    assert text(events) == "done\n"


async def test_command_ends_though_a_daemon_goes_on_talking(follow: Follow) -> None:
    events = await follow(shell("(while sleep 0.01; do echo noise; done) & echo done"))
    assert text(events).startswith("done\n")
    assert finished(events) == Finished("end_turn", exit_code=0)


async def test_command_need_not_read_its_prompt(follow: Follow) -> None:
    events = await follow(shell("exec <&-; echo fine"), "x" * 1_000_000)
    assert text(events) == "fine\n"
    assert not finished(events).is_error


async def test_command_may_print_before_it_reads(follow: Follow) -> None:
    events = await follow(shell("head -c 1000000 /dev/zero | tr '\\0' y; wc -c"), "x" * 1_000_000)
    assert text(events).strip("y").strip() == "1000000"


async def test_command_output_is_cleaned(follow: Follow) -> None:
    parts = (b"a\xe6", b"\x97\xa5\x00", b"\xff\x1b[3", b"1mb\t\r", b"\nc")
    source = f"import os,time\nfor part in {parts!r}: os.write(1, part); time.sleep(0.01)"
    assert text(await follow(python(source))) == "a日\ufffdb\t\nc"


async def test_command_prompt_file_is_private_and_removed(follow: Follow, tmp_path: Path) -> None:
    agent = CommandAgent("file", ("sh", "-c", 'stat -c %a "$1"; cat "$1"; cat', "sh", "{prompt_file}"), ENV)
    assert text(await follow(agent, "a 'b' $(c)")) == "600\na 'b' $(c)"
    assert os.listdir(tmp_path) == []


async def test_command_model_reaches_its_command_line(follow: Follow) -> None:
    agent = CommandAgent("echo", ("echo", "--model={model}"), ENV, model="large one")
    assert text(await follow(agent)) == "--model=large one\n"


async def test_a_reader_that_falls_behind_slows_the_program_down(tmp_path: Path) -> None:
    # With the plain launcher alone: what may pile up is bounded by Spawn.stdout_limit, which launchers may exceed.
    launcher = PlainLauncher()
    counting = "i=0; while :; do head -c 10000 /dev/zero | tr '\\0' z; i=$((i+1)); echo $i > written; done"
    run = await shell(counting).start(Turn(1, "", tmp_path), launcher)
    async with contextlib.aclosing(events_of(run)) as events:
        while not isinstance(await anext(events), TextDelta):
            pass
        await asyncio.sleep(0.25)
        before = int((tmp_path / "written").read_text())
        await asyncio.sleep(0.05)
        assert int((tmp_path / "written").read_text()) == before < 50
    await run.process.kill()
