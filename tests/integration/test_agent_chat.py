"""What agents ask and people answer, and agents that rest: the real program, the demo agent and Claude Code itself."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import real_agents
from tests.bot_process import BotProcess
from tests.integration.test_life import bot_status
from tests.model_api import ModelApi, serving

pytestmark = pytest.mark.integration

FAST = "[dispatcher]\nwindow = 0.1\n"


def test_a_permission_is_asked_for_in_chat_and_allowed(tmp_path: Path) -> None:
    with BotProcess(tmp_path, FAST) as bot:
        bot.send("ask", "1")
        assert "Answer `allow`" in bot.message("Run 1: demo asks to use")["text"]
        bot.send("allow", "2")
        bot.message("Allowed once", "run 1")
        bot.message("You wrote: ask", "written")
        bot.send("allow", "2")  # the network delivers it again
        assert bot.ack("2")["status"] in ("accepted", "duplicate")
        bot.send("allow", "3")
        bot.message("That was decided already")
        bot.send("deny all requests without a token", "4")
        bot.message("You wrote: deny all requests without a token")
        assert bot.finish() == 0


def test_a_denial_reaches_the_agent_and_a_question_ends_with_its_run(tmp_path: Path) -> None:
    with BotProcess(tmp_path, FAST) as bot:
        bot.send("ask", "1")
        bot.message("Run 1: demo asks to use")
        bot.send("deny it's too early", "2")
        bot.message("Denied", "run 1")
        bot.message("You wrote: ask", "Nothing was written")
        bot.send("ask", "3")
        bot.message("Run 2: demo asks to use")
        bot.send("stop", "4")
        bot.message("Stopped run 2", "verified")
        bot.send("allow", "5")
        bot.message("Run 2 has ended; its question is void.")
        assert bot.finish() == 0


def test_a_question_that_nobody_answers_is_denied(tmp_path: Path) -> None:
    with BotProcess(tmp_path, FAST + "[runs]\npermission_timeout = 1\n") as bot:
        bot.send("ask", "1")
        bot.message("You wrote: ask", "Nothing was written")
        assert bot.finish() == 0


def test_an_agent_rests_and_stop_ends_it(tmp_path: Path) -> None:
    with BotProcess(tmp_path, FAST) as bot:
        bot.send("hello", "1")
        bot.message("You wrote: hello")
        bot.send("again", "2")
        bot.message("You wrote: again")
        wait_for(lambda: bot_status(bot).count("succeeded") == 2)
        bot.send("stop", "3")
        bot.message("Nothing was running.", "rested for the next message", "verified gone")
        bot.send("third", "4")
        bot.message("You wrote: third")
        wait_for(lambda: bot_status(bot).count("succeeded") == 3)
        bot.send("reset", "5")
        bot.message("is forgotten", "rested for the next message", "verified gone")
        assert bot.finish() == 0


def test_a_retry_waits_for_its_time_through_a_restart_and_stop_cancels_it(tmp_path: Path) -> None:
    with BotProcess(tmp_path, FAST) as bot:
        bot.send("hello", "1")
        bot.message("You wrote: hello")
        bot.send("retry 1 at reset", "2")
        bot.message("was not refused by a limit")
        bot.send("retry 1 at 03:59", "3")
        bot.message("Run 1 is repeated", "at 03:59")
        bot.process.kill()
    with BotProcess(tmp_path, FAST) as bot:
        bot.send("status", "look")
        bot.message("Run 1 is repeated", "`stop` cancels it")
        bot.send("stop", "4")
        bot.message("1 retry that was to come is cancelled")
        assert bot.finish() == 0


# ---------------------------------------------------------------- Claude Code itself


@pytest.fixture
def api() -> Iterator[ModelApi]:
    """The model API, in a thread of its own: these tests wait for a program."""
    ready: list[ModelApi] = []
    begun, over = threading.Event(), threading.Event()

    async def main() -> None:
        async with serving() as api:
            ready.append(api)
            begun.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    assert begun.wait(10)
    yield ready[0]
    over.set()
    thread.join()


@pytest.fixture
def claude(api: ModelApi, tmp_path: Path) -> tuple[str, dict[str, str]]:
    """bot.toml and environment of a bot whose agent is Claude Code."""
    program = real_agents.program_of(real_agents.REAL[0])
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude.json").write_text("{}")
    env = real_agents.anthropic(api.url)
    names = json.dumps([*env])
    config = (
        f'default_agent = "claude"\n{FAST}[agents.claude]\nbackend = "claude"\ncommand = ["{program}"]\n'
        f'env = {names}\npaths = ["~/.claude", "~/.claude.json"]\n'
    )
    return config, env


def test_claude_remembers_through_a_restart_and_asks_before_it_acts(
    api: ModelApi, claude: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    config, env = claude
    with BotProcess(tmp_path, config, env=env) as bot:
        bot.send("the word is harbour", "1")
        bot.message("You said:", "the word is harbour")
        bot.send("BASH[echo made > made.txt; cat made.txt]", "2")
        bot.message("claude asks to use Bash", "echo made > made.txt", "allow always")
        bot.send("allow", "3")
        bot.message("done: made")
        bot.send("agent", "4")
        assert "version 2." in bot.message("This session talks to `claude`")["text"]
        bot.process.kill()
    with BotProcess(tmp_path, config, env=env) as bot:
        bot.send("what was it?", "5")
        bot.message("You said: what was it? (")
        assert "the word is harbour" in str(api.requests[-1]["messages"])
        bot.send("ERR[401]", "6")
        bot.message("not logged in", "tugbot secrets set --agent claude CLAUDE_CODE_OAUTH_TOKEN")
        bot.send("LIMIT[3600]", "7")
        bot.message("has reached a limit of its provider")
        assert bot.finish() == 1  # two runs have failed


def test_text_in_mid_run_steers_claude(api: ModelApi, claude: tuple[str, dict[str, str]], tmp_path: Path) -> None:
    config, env = claude
    with BotProcess(tmp_path, config, env=env) as bot:
        bot.send("mode steer", "1")
        bot.message("Mode is now `steer`")
        bot.send("BASH[touch begun; sleep 4; echo over]", "2")
        bot.message("claude asks to use Bash")
        bot.send("allow", "3")
        _appears(tmp_path, "begun")
        bot.send("and then this", "4")
        bot.message("done: over")
        assert "and then this" in str(api.requests[-1]["messages"][-2:])
        wait_for(lambda: "succeeded" in bot_status(bot))
        assert bot_status(bot).count("succeeded") == 1
        bot.send("status", "5")
        bot.message("2 texts (2 answered)")
        assert bot.finish() == 0


def _appears(place: Path, name: str) -> None:
    wait_for(lambda: bool(list(place.rglob(name))))


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
