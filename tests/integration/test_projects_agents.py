"""Agents inside projects' containers: answered, warm, stopped with proof; real programs against a model on loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests import victims
from tests.bot_process import BotProcess
from tests.docker_world import ROOT, Projects, docker, final, inspect
from tests.real_agents import anthropic

pytestmark = pytest.mark.integration

MODEL = 18_080  # port on the loopback of a project's own network
VICTIM = """
[agents.victim]
backend = "command"
command = ["python3", "/workspace/victims.py", "{kind}", "/workspace/beat"]
"""


SERVER = """
[agents.server]
backend = "command"
command = ["sh", "-c", "echo it works > index.html; timeout 60 python3 -m http.server 8000 --bind 127.0.0.1"]
"""
ASK = r"""
[agents.ask]
backend = "command"
command = ["sh", "-c", '''
code() { curl -s -m 20 -o /dev/null -w "%{http_code}" "$@"; }
echo allowed $(code http://deb.debian.org/debian/dists/trixie/InRelease)
echo denied $(code http://debian.org.example.net/)
code https://example.net/ >/dev/null || echo tunnel refused
timeout 5 curl -s --noproxy "*" http://deb.debian.org/ >/dev/null || echo beside it nothing
''']
"""
LOOK = """
[agents.look]
backend = "command"
command = ["sh", "-c", "ls /sys/class/net; grep -E 'Cap|NoNewPrivs|Seccomp:' /proc/self/status; id -u; sleep 5"]
"""


def run_containers(projects: Projects) -> list[str]:
    ours = ("--filter", f"label=tugbot.install={projects.install}", "--filter", "label=tugbot.role=run")
    return docker("ps", "-aq", *ours).split()


def until(what: str, true: object, patience: float = 30.0) -> None:
    deadline = time.monotonic() + patience
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


# ---------------------------------------------------------------- stop


@pytest.mark.parametrize("kind", victims.MATRIX)
def test_p6_stop_ends_everything_in_the_runs_container_and_nothing_else(projects: Projects, kind: str) -> None:
    projects.more = VICTIM.format(kind=kind)
    with projects.bot() as bot:
        bot.send("new project toy --agent victim", "1")
        assert "is ready" in final(bot, 1)
        source = projects.root / "toy"
        shutil.copy(victims.__file__, source / "victims.py")
        editor = subprocess.Popen(
            ["ssh", "-F", str(projects.data / "ssh" / "config"), "tug-toy", "cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        bot.send("to work", "2")
        beat = source / "beat"
        until("it beats", lambda: beat.exists() and beat.stat().st_size)
        bot.send("stop", "3")
        said = bot.message("Stopped run 2")["text"]
        assert "verified gone" in said, said
        assert not run_containers(projects)
        size = beat.stat().st_size
        time.sleep(0.3)
        assert beat.stat().st_size == size
        assert editor.stdin
        assert editor.stdout
        out, _ = editor.communicate(b"still here", timeout=20)
        assert out == b"still here"
        assert editor.returncode == 0
        assert bot.finish() == 0


def test_p6_a_run_in_a_container_is_killed_although_the_engine_hangs(projects: Projects) -> None:
    """Root ends the container's init by itself; the object is swept away once the engine answers again."""
    projects.more = VICTIM.format(kind="daemon")
    engine = int(next(iter(subprocess.run(["pidof", "dockerd"], capture_output=True, text=True).stdout.split()), "0"))
    if not engine:
        pytest.skip("the engine's process is not on this machine")
    with projects.bot() as bot:
        bot.send("new project toy --agent victim", "1")
        assert "is ready" in final(bot, 1)
        shutil.copy(victims.__file__, projects.root / "toy" / "victims.py")
        bot.send("to work", "2")
        beat = projects.root / "toy" / "beat"
        until("it beats", lambda: beat.exists() and beat.stat().st_size)
        os.kill(engine, 19)
        try:
            bot.send("stop", "3")
            said = bot.message("run 2", patience=90)["text"]
            size = beat.stat().st_size
            time.sleep(0.3)
            stands_still = beat.stat().st_size == size
        finally:
            os.kill(engine, 18)
        assert stands_still, said
        assert bot.finish() in (0, 1)


def test_an_agent_rests_in_its_container_and_is_ended_with_the_bot(projects: Projects) -> None:
    with projects.bot() as bot:
        bot.send("new project toy", "1")
        assert "is ready" in final(bot, 1)
        bot.send("first", "2")
        final(bot, 2)
        (resting,) = run_containers(projects)
        bot.send("second", "3")
        assert "You wrote: second" in final(bot, 3)
        assert run_containers(projects) == [resting]
        bot.send("project stop toy", "4")  # nobody is left who could work there
        bot.message("is stopped")
        assert not run_containers(projects)
        bot.send("third", "5")
        final(bot, 4)
        assert len(run_containers(projects)) == 1
        assert bot.finish() == 0
    assert not run_containers(projects)


def test_a_server_that_the_agent_starts_is_reached_through_ssh(projects: Projects) -> None:
    projects.more = SERVER
    with projects.bot() as bot:
        bot.send("new project toy --agent server", "1")
        assert "is ready" in final(bot, 1)
        bot.send("serve", "2")
        until("it serves", lambda: "it works" in projects.ssh("toy", "curl -s http://127.0.0.1:8000/", check=False))
        bot.send("stop", "3")
        bot.message("Stopped run 2")
        assert projects.ssh("toy", "curl -s http://127.0.0.1:8000/ || echo nobody").strip() == "nobody"
        assert bot.finish() == 0


def test_a_run_has_the_projects_limits_and_no_way_out_where_egress_is_none(projects: Projects) -> None:
    projects.projects = 'egress = "none"\n'
    projects.more = LOOK
    with projects.bot() as bot:
        bot.send("new project toy --agent look --memory 600m --cpus 0.5", "1")
        assert "is ready" in final(bot, 1)
        bot.send("look", "2")
        until("it runs", lambda: run_containers(projects))
        limits = inspect(run_containers(projects)[0])["HostConfig"]
        assert (limits["Memory"], limits["NanoCpus"], limits["NetworkMode"]) == (600 << 20, 5 * 10**8, "none")
        said = final(bot, 2)
        assert said.split()[0] == "lo"
        assert "eth0" not in said
        assert said.count("0000000000000000") == 5
        assert "NoNewPrivs:\t1" in said
        assert "Seccomp:\t2" in said
        assert bot.finish() == 0


def test_an_allow_list_lets_agents_reach_what_it_names_and_nothing_else(projects: Projects) -> None:
    """The allowed host is the one that images are built from, so it is reached wherever these tests run."""
    projects.projects = 'egress = "allow-list"\negress_allow = ["debian.org"]\n'
    projects.more = ASK
    with projects.bot() as bot:
        bot.send("new project toy --agent ask", "1")
        assert "is ready" in final(bot, 1)
        bot.send("ask", "2")
        said = final(bot, 2)
        assert said.split()[:5] == ["allowed", "200", "denied", "403", "tunnel"], said
        assert "tunnel refused" in said
        assert "beside it nothing" in said
        bot.send("delete toy --confirm toy", "3")
        assert "is deleted" in final(bot, 3)
        assert bot.finish() == 0
    assert not docker(
        "network",
        "ls",
        "-q",
        "--filter",
        f"label=tugbot.install={projects.install}",
        "--filter",
        "label=tugbot.project",
    )


def test_a_program_that_is_not_in_the_image_is_told_with_the_fix(projects: Projects) -> None:
    projects.more = '[agents.lost]\nbackend = "command"\ncommand = ["no-such-program"]\n'
    with projects.bot() as bot:
        bot.send("new project toy --agent lost", "1")
        assert "is ready" in final(bot, 1)
        bot.send("hello", "2")
        said = final(bot, 2)
        assert "no-such-program was not found in the container" in said
        assert "`install`" in said
        assert bot.finish() == 1


# ---------------------------------------------------------------- real programs


@contextmanager
def model(projects: Projects, name: str) -> Iterator[None]:
    """The model's API on the loopback of a project's network: nothing listens where another could reach it."""
    pid = inspect(f"tugbot-{projects.install}-{name}")["State"]["Pid"]
    command = ["nsenter", f"--net=/proc/{pid}/ns/net", sys.executable, "-m", "tests.model_api", str(MODEL)]
    api = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert api.stdout
        assert b"ANTHROPIC" in api.stdout.readline()
        yield
    finally:
        api.kill()
        api.communicate()


REAL = """
[agents.claude]
backend = "claude"
command = ["claude"]
install = "npm:@anthropic-ai/claude-code@2.1.329"
env = [{names}]

[agents.claude-acp]
backend = "acp"
command = ["claude-agent-acp"]
install = "npm:@agentclientprotocol/claude-agent-acp@0.100.0"
env = [{names}]
"""


@pytest.mark.parametrize("agent", ["claude", "claude-acp"])
def test_a_real_agent_works_in_a_project(projects: Projects, agent: str) -> None:
    env = anthropic(f"http://127.0.0.1:{MODEL}")
    projects.more = REAL.format(names=", ".join(f'"{name}"' for name in env))
    with projects.bot(env=env) as bot:
        bot.send(f"new project toy --agent {agent}", "1")
        assert "is ready" in final(bot, 1)
        with model(projects, "toy"):
            bot.send("hello", "2")
            assert "You said:" in final(bot, 2)
            bot.send("BASH[echo made > made.txt; id -un; pwd]", "3")
            said = final(bot, 3)
            assert "dev" in said
            assert "/workspace" in said
            made = projects.root / "toy" / "made.txt"
            assert made.read_text() == "made\n"
            assert made.stat().st_uid == 1000
            assert "dummy" not in str([inspect(each) for each in run_containers(projects)])
            # What was said before is remembered through a restart of the container.
            bot.send("project restart toy", "4")
            bot.message("runs again")
        with model(projects, "toy"):
            bot.send("third", "5")
            assert "You said: third" in final(bot, 4)
            stop_in_a_tool(projects, bot)
        assert bot.finish() == 0


def stop_in_a_tool(projects: Projects, bot: BotProcess) -> None:
    source = projects.root / "toy"
    shutil.copy(victims.__file__, source / "victims.py")
    bot.send("BASH[python3 victims.py daemon /workspace/beat; tail -f /dev/null]", "6")
    beat = source / "beat"
    until("it beats", lambda: beat.exists() and beat.stat().st_size)
    bot.send("stop", "7")
    assert "verified gone" in bot.message("Stopped run 5")["text"]
    assert not run_containers(projects)
    size = beat.stat().st_size
    time.sleep(0.3)
    assert beat.stat().st_size == size
