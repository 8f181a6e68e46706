"""Many projects, many kills: what only shows in numbers."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.bot_process import BotProcess
from tests.docker_world import Projects, docker, final, listing

pytestmark = pytest.mark.integration

FORTY = 40


def test_p13_a_bot_that_is_killed_while_it_makes_a_project_leaves_nothing(projects: Projects) -> None:
    """At instants all over the making; each start finds either a project that is ready, or nothing at all."""
    before = listing()
    ready = 0
    for number, delay in enumerate((0.0, 0.1, 0.2, 0.35, 0.5, 0.6, 0.7, 0.8, 0.95, 1.1)):
        name = f"toy{number}"
        with projects.bot() as bot:
            bot.send(f"new project {name}", f"make-{number}", f"s{number}")
            bot.ack(f"make-{number}")
            time.sleep(delay)
            bot.process.kill()
        with projects.bot() as bot:
            said = settled(bot, name, number)
            if f"| {name} |" in said:
                ready += 1
                assert "main" in projects.ssh(name, "git symbolic-ref --short HEAD")
                bot.send(f"delete {name} --confirm {name} --purge-source", f"delete-{number}", f"s{number}")
                bot.message(f"`{name}` is deleted")
            assert bot.finish() == 0
        assert listing() == before, name
        left = [path.name for path in projects.root.iterdir()] if projects.root.exists() else []
        assert set(left) <= {".tugbot-trash"}, name
    assert ready < 10


def settled(bot: BotProcess, name: str, number: int) -> str:
    """What `projects` says once the start has undone what it has to."""
    deadline = time.monotonic() + 30
    for attempt in range(1000):
        bot.send("projects", f"look-{number}-{attempt}", f"look{attempt}")
        said = str(bot.wait(lambda said: said.get("session") == f"look{attempt}" and said["type"] == "message")["text"])  # noqa: B023
        if f"| {name} |" not in said or "reserved" not in said:
            return said
        assert time.monotonic() < deadline
        time.sleep(0.1)
    raise AssertionError


def test_forty_projects_at_once_on_one_engine(projects: Projects) -> None:
    projects.projects = 'cpus = 0.5\nmemory = "256MB"\n'
    with projects.bot() as bot:
        for number in range(FORTY):
            bot.send(f"new project p{number}", f"make-{number}", f"s{number}")
        for number in range(FORTY):
            bot.message(f"**p{number}** is ready", patience=120)
        running = docker("ps", "-q", "--filter", f"label=tugbot.install={projects.install}").split()
        assert len(running) == FORTY
        with ThreadPoolExecutor(4) as pool:
            names = list(pool.map(lambda number: projects.ssh(f"p{number}", "hostname").strip(), range(FORTY)))
        assert names == [f"p{number}" for number in range(FORTY)]
        bot.send("projects", "look")
        assert bot.message("| p39 |")["text"].count("| running |") == FORTY
        assert bot.finish() == 0


def test_a_project_that_nobody_uses_is_stopped_and_starts_on_use(projects: Projects) -> None:
    projects.projects = 'idle_stop = "2s"\n'
    with projects.bot() as bot:
        bot.send("new project toy", "1")
        assert "is ready" in final(bot, 1)
        bot.message("was idle and is stopped", patience=60)
        bot.send("hello", "2")
        assert "You wrote: hello" in final(bot, 2)
        assert bot.finish() == 0
