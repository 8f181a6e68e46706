"""The API over the real application: what looking into a project finds, and figures over days."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.gateway.api.errands import AT_MOST, Errands
from bot.projects.errors import EngineRefused, EngineUnreachable, NotReady
from bot.projects.inspection import Tree
from dispatcher.model import Outcome, RunState, StoreUnavailable
from tests.api_world import Api, api
from tests.transport_fake import until


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Api]:
    async with api(tmp_path) as opened:
        yield opened


class TestInspecting:
    async def test_a_work_tree(self, world: Api) -> None:
        assert await world.ask("GET", "/projects/harbour/tree") == (
            200,
            {
                "branch": "main",
                "commit": "3f1c2ab Begin",
                "changed": [" M parser.py"],
                "unpushed": ["3f1c2ab Begin"],
            },
        )

    async def test_what_the_container_said(self, world: Api) -> None:
        status, said = await world.ask("GET", "/projects/harbour/logs?lines=1")
        assert (status, said) == (200, {"lines": ["Accepted publickey for dev"]})
        for lines in ("0", "201", "x"):
            assert (await world.ask("GET", f"/projects/harbour/logs?lines={lines}"))[1]["field"] == "lines"

    async def test_no_secret_is_shown(self, world: Api) -> None:
        key = f"ghp_{'a1B2' * 9}"
        world.found.lines = (f"token={key}",)
        world.found.tree_ = Tree("main", f"3f1c2ab {key}", (f"?? {key}.txt",), ())
        for what in ("tree", "logs"):
            status, said = await world.ask("GET", f"/projects/harbour/{what}")
            assert status == 200
            assert key not in str(said)
            assert "[secret]" in str(said)

    async def test_the_way_in(self, world: Api) -> None:
        status, said = await world.ask("GET", "/projects/harbour/editors", by="member")
        assert (status, said) == (
            200,
            {
                "ssh": "tug-harbour",
                "command": "ssh tug-harbour",
                "config": "Host tug-harbour\n",
                "links": [{"name": "Zed", "url": "zed://ssh/tug-harbour"}],
                "setup": "",
            },
        )
        world.found.include = "Include /data/ssh/config"
        assert "tugbot ssh setup" in (await world.ask("GET", "/projects/harbour/editors"))[1]["setup"]

    @pytest.mark.parametrize("what", ["tree", "logs", "editors"])
    @pytest.mark.parametrize(
        ("trouble", "status", "error"),
        [
            (EngineUnreachable(reason="no socket"), 503, "engine_unreachable"),
            (EngineRefused(reason="no space"), 409, "engine_refused"),
            (NotReady(name="harbour", reason="it is being made"), 409, "not_ready"),
            (StoreUnavailable("the disk is gone"), 503, "unavailable"),
        ],
        ids=lambda value: str(value),
    )
    async def test_it_cannot_be_found_out(
        self, world: Api, what: str, trouble: Exception, status: int, error: str
    ) -> None:
        world.found.fails = trouble
        answer, said = await world.ask("GET", f"/projects/harbour/{what}")
        assert (answer, said["error"]) == (status, error)
        assert said["message"]

    async def test_there_is_no_such_project(self, world: Api) -> None:
        for what in ("tree", "logs", "editors"):
            assert (await world.ask("GET", f"/projects/nothing/{what}"))[0] == 404

    async def test_a_silent_engine_is_not_waited_for(self, world: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("bot.gateway.api.inspecting.PATIENCE", 0.01)
        world.found.hangs = True
        status, said = await world.ask("GET", "/projects/harbour/tree")
        assert (status, said["error"]) == (503, "too_slow")
        assert said["message"]

    async def test_a_silent_engine_keeps_no_list_back(self, world: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("bot.gateway.api.containers.PATIENCE", 0.01)
        world.found.hangs = True
        said = (await world.ask("GET", "/projects"))[1]
        assert [(each["name"], each["container"]) for each in said["projects"]] == [("harbour", "unknown")]
        assert "took longer" in said["trouble"]


class TestErrands:
    async def test_what_nobody_waits_for_any_more_is_bounded(self) -> None:
        errands, begun, go = Errands(), list[int](), asyncio.Event()

        async def stubborn() -> None:
            begun.append(1)
            while not go.is_set():
                try:
                    await go.wait()
                except asyncio.CancelledError:  # as a thread that waits for the engine
                    continue
            raise EngineUnreachable(reason="at last")

        for _ in range(AT_MOST + 3):
            with pytest.raises(TimeoutError):
                await errands.within(0.001, stubborn)
        assert len(begun) == AT_MOST
        go.set()
        await until(lambda: errands.left == 0)
        with pytest.raises(EngineUnreachable):
            await errands.within(5.0, stubborn)


class TestStats:
    async def test_days_are_whole_and_in_order(self, world: Api) -> None:
        await world.home.send("use harbour", room="!bound")
        await world.home.send("the parser panics", room="!bound")
        await world.home.quiet()
        runs, now = world.home.store.runs, time.time()
        for project, state in (("harbour", RunState.SUCCEEDED), (None, RunState.STOPPED), ("toy", RunState.TIMED_OUT)):
            run = await runs.create(
                "rebuild", session="matrix/!room", target="matrix/!room", requested_by="Ada", project=project
            )
            await runs.update(run, started_at=now, cost=0.5, tokens_in=10)
            await runs.end(run, Outcome(state))
        status, said = await world.ask("GET", "/stats?days=3")
        assert status == 200
        days = said["days"]
        assert [day["day"] for day in days] == [
            (datetime.fromtimestamp(now, UTC) - timedelta(days=ago)).strftime("%Y-%m-%d") for ago in (2, 1, 0)
        ]
        assert days[0] == {**days[0], "runs": 0, "succeeded": 0, "cost": 0.0, "waited": 0.0, "tokens_in": 0}
        today = days[-1]
        assert (today["runs"], today["succeeded"], today["stopped"], today["failed"]) == (4, 2, 1, 1)
        assert (today["cost"], today["tokens_in"]) == (1.5, 30)
        assert today["ran"] >= 0
        seen = (await world.ask("GET", "/stats?days=1", by="member"))[1]["days"]
        assert [(day["runs"], day["stopped"]) for day in seen] == [(3, 0)]
        assert len((await world.ask("GET", "/stats"))[1]["days"]) == 14

    @pytest.mark.parametrize("days", ["0", "367", "-1", "1.5"])
    async def test_a_number_that_is_none(self, world: Api, days: str) -> None:
        assert (await world.ask("GET", f"/stats?days={days}"))[1]["field"] == "days"
