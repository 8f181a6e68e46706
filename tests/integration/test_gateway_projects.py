"""Projects over the API: the real bot on a real engine, from the wish to the last trace of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.access.tokens import Tokens
from tests.docker_world import BUILD, Projects, docker, listing
from tests.integration.test_gateway import free_port
from tests.integration.test_gateway_api import Person

pytestmark = pytest.mark.integration


@contextmanager
def bot(projects: Projects, code: int = 0, **options: Any) -> Iterator[Person]:
    """An operator of a bot with projects and a gateway, which ends with that code."""
    projects.data.mkdir(mode=0o700, exist_ok=True)
    port, tokens = free_port(), Tokens(projects.data)
    token = tokens.create("ci", "operator")
    projects.more = f'[gateway]\nenabled = "on"\nport = {port}\n'
    with projects.bot(**options) as process:
        process.send("version", "e1")
        process.ack("e1")
        yield Person(port, token)
        assert process.finish() == code
    tokens.revoke("ci")


def ended(ci: Person, ordered: Any) -> Any:
    """A run's end."""
    run = ordered["run"]
    return ci.until(f"/runs/{run}", lambda shown: shown["ended_at"], BUILD)


def test_a_project_from_its_wish_to_its_last_trace(projects: Projects) -> None:
    before = listing()
    with bot(projects) as ci:
        status, ordered = ci.ask("POST", "/projects/toy", {"cpus": 0.5, "memory": 256 << 20})
        assert status == 202, ordered
        made = ended(ci, ordered)
        assert (made["state"], made["kind"], made["project"]) == ("succeeded", "provision", "toy")
        assert ci.ask("POST", "/projects/toy", {})[1]["error"] == "name_taken"

        (listed,) = ci.ask("GET", "/projects")[1]["projects"]
        assert (listed["name"], listed["state"], listed["container"], listed["ssh"]) == (
            "toy",
            "ready",
            "running",
            "tug-toy",
        )
        detail = ci.ask("GET", "/projects/toy")[1]
        assert (detail["cpus"], detail["memory"], detail["created_by"]) == (0.5, 256 << 20, "ci")
        assert Path(detail["source"]) == projects.root / "toy"

        see_inside(ci, projects)
        stop_and_start(ci, projects)

        status, ordered = ci.ask("POST", "/projects/toy/rebuild", {})
        assert (status, ended(ci, ordered)["state"]) == (202, "succeeded")
        assert projects.ssh("toy", "cat new.txt") == "words\n"

        assert ci.ask("DELETE", "/projects/toy")[0] == 422
        assert ci.ask("GET", "/projects/toy")[0] == 200
        status, ordered = ci.ask("DELETE", "/projects/toy?confirm=toy")
        assert (status, ended(ci, ordered)["state"]) == (202, "succeeded")
        assert ci.ask("GET", "/projects/toy")[0] == 404
        assert ci.ask("GET", "/projects/toy/tree")[0] == 404
        assert ci.ask("GET", "/projects")[1] == {"projects": [], "trouble": ""}
        assert (projects.root / "toy" / "new.txt").read_text() == "words\n"
    assert listing() == before


def see_inside(ci: Person, projects: Projects) -> None:
    status, tree = ci.ask("GET", "/projects/toy/tree")
    assert (status, tree["branch"], tree["changed"]) == (200, "main", [])
    projects.ssh("toy", "git commit -q --allow-empty -m 'Begin it' && echo words > new.txt")
    tree = ci.ask("GET", "/projects/toy/tree")[1]
    assert tree["changed"] == ["?? new.txt"]
    assert "Begin it" in tree["commit"]
    assert any("Begin it" in line for line in tree["unpushed"])

    editors = ci.ask("GET", "/projects/toy/editors")[1]
    assert editors["command"] == "ssh tug-toy"
    assert "PRIVATE" not in editors["config"]
    assert editors["config"] in (projects.data / "ssh" / "config").read_text()

    projects.ssh("toy", "printf 'one\\ntwo\\n' > /proc/1/fd/2")  # sshd itself says nothing while all is well
    assert ci.ask("GET", "/projects/toy/logs") == (200, {"lines": ["one", "two"]})
    assert ci.ask("GET", "/projects/toy/logs?lines=1") == (200, {"lines": ["two"]})


def stop_and_start(ci: Person, projects: Projects) -> None:
    assert ci.ask("POST", "/projects/toy/stop")[0] == 200
    assert ci.ask("GET", "/projects")[1]["projects"][0]["container"] == "stopped"
    assert ci.ask("GET", "/projects/toy/tree")[0] == 200  # git has a container of its own
    assert ci.ask("GET", "/projects/toy/logs")[0] == 200
    docker("rm", "-f", f"tugbot-{projects.install}-toy")
    status, refused = ci.ask("GET", "/projects/toy/logs")
    assert (status, refused["error"]) == (409, "not_ready")
    assert "`project start toy` makes one" in refused["message"]
    assert ci.ask("POST", "/projects/toy/start")[0] == 200
    assert ci.ask("GET", "/projects")[1]["projects"][0]["container"] == "running"


def test_where_the_engine_is_not_there_it_says_so(projects: Projects) -> None:
    with bot(projects) as ci:
        assert ended(ci, ci.ask("POST", "/projects/toy", {})[1])["state"] == "succeeded"
    with bot(projects, code=1, env={"DOCKER_HOST": f"unix://{projects.place}/no.sock"}) as ci:
        status, listed = ci.ask("GET", "/projects")
        assert (status, listed["projects"][0]["container"]) == (200, "unknown")
        assert "does not answer" in listed["trouble"]
        for what in ("tree", "logs"):
            status, refused = ci.ask("GET", f"/projects/toy/{what}")
            assert (status, refused["error"]) == (503, "engine_unreachable")
        assert ci.ask("GET", "/projects/toy/editors")[0] == 200
        for what in ("start", "stop"):
            status, refused = ci.ask("POST", f"/projects/toy/{what}")
            assert (status, refused["error"]) == (409, "engine_unreachable")
        assert ended(ci, ci.ask("POST", "/projects/toy/rebuild", {})[1])["state"] == "failed"
