"""The real program through a working day: a burst, a stop, a crash, a restart, an end in good order."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from bot.agents.containment import procfs
from tests.bot_process import COMMAND, BotProcess, environment

pytestmark = pytest.mark.integration

FAST = "[dispatcher]\nwindow = 0.1\n"
TWO = 'default_agent = "one"\n' + FAST
ECHO = '[agents.{name}]\nbackend = "command"\ncommand = ["sh", "-c", "echo {name}: $(cat)"]\n'
TWO += ECHO.format(name="one") + ECHO.format(name="two")


def test_three_lines_in_a_pipe_are_one_run_and_a_clean_exit(tmp_path: Path) -> None:
    command = [*COMMAND, "--data", str(tmp_path / "data"), "--agent", "demo"]
    ended = subprocess.run(
        command, env=environment(tmp_path), input=b"hello\nthere\nfriend\n", capture_output=True, timeout=60
    )
    said = ended.stdout.decode()
    assert ended.returncode == 0, ended.stderr.decode()
    assert said.startswith("run 1 · 3 messages · demo")
    assert "run 2" not in said
    assert "demo agent, not a coding agent" in said


def test_a_failed_run_ends_the_pipe_with_one(tmp_path: Path) -> None:
    command = [*COMMAND, "--data", str(tmp_path / "data"), "--agent", "demo"]
    ended = subprocess.run(command, env=environment(tmp_path), input=b"fail\n", capture_output=True, timeout=60)
    assert ended.returncode == 1
    assert "retry 1" in ended.stdout.decode()


def test_a_crash_in_mid_run_is_told_and_nothing_is_rerun_until_asked(tmp_path: Path) -> None:
    with BotProcess(tmp_path, FAST) as bot:
        bot.send("slow 600", "1")
        bot.send("status", "2")
        bot.ack("2")
        while "running" not in bot_status(bot):
            pass
        bot.process.kill()
    with BotProcess(tmp_path, FAST) as bot:
        bot.message("cut off", "retry 1")
        assert "succeeded" not in bot_status(bot)
        bot.send("slow 600", "1")
        assert bot.ack("1")["status"] == "duplicate"
        bot.send("retry", "3")
        bot.message("repeated")
        bot.send("stop", "4")
        bot.ack("4")
    with BotProcess(tmp_path, FAST) as bot:
        bot.send("stop", "4")
        assert bot.ack("4")["status"] == "duplicate"
        assert bot.finish() == 0


_asked = 0


def bot_status(bot: BotProcess) -> str:
    """What `runs` answers now."""
    global _asked
    _asked += 1
    before = len(bot.said)
    bot.send("runs", f"look-{id(bot)}-{_asked}")
    bot.ack(f"look-{id(bot)}-{_asked}")
    return str(bot.wait(lambda said: said in bot.said[before:] and said.get("kind") == "receipt")["text"])


def test_a_choice_of_agent_binds_the_very_next_message(tmp_path: Path) -> None:
    with BotProcess(tmp_path, TWO) as bot:
        for event, text in enumerate(("first", "agent two", "second", "agent default", "third")):
            bot.send(text, str(event))
        for answer in ("one: first", "two: second", "one: third"):
            bot.message(answer)
        assert bot.finish() == 0


def test_sigterm_tells_the_run_and_a_second_one_does_not_wait(tmp_path: Path) -> None:
    with BotProcess(tmp_path, FAST) as bot:
        bot.send("slow 600", "1")
        while "running" not in bot_status(bot):
            pass
        bot.process.send_signal(signal.SIGTERM)
        bot.message("is ending", "20 s")
        bot.process.send_signal(signal.SIGTERM)
        bot.message("shut down", "retry 1")
        assert bot.process.wait(20) == 0


def is_spawned(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() == b"sleep\x00600\x00"
    except OSError:  # it ended meanwhile
        return False


def test_a_stop_is_proven_and_told(tmp_path: Path) -> None:
    with BotProcess(tmp_path, FAST) as bot:
        bot.send("spawn\nstubborn 600", "1")  # one that ends by itself takes its sandbox along
        while not any(is_spawned(stat.pid) for stat in procfs.descendants(bot.process.pid)):
            bot_status(bot)
        bot.send("Stop!", "2")
        assert "verified gone" in bot.message("Stopped run 1")["text"]
        assert bot.finish() == 0
