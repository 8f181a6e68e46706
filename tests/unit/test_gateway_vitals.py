"""Health and metrics: who may see what, and how often the store is asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from bot.access import Account
from bot.commands.model import Role
from bot.gateway import health, metrics
from bot.gateway.callers import RECOGNISER
from bot.gateway.guards import failures
from bot.gateway.model import Caller
from bot.gateway.vitals import FRESH, Backstage, Looks
from bot.store.records import Books
from bot.timings import Timings
from dispatcher.model import StoreUnavailable

BOOKS = Books(
    texts={"waiting": 2, "answered": 40},
    commands={"done": 3},
    runs={"succeeded": 7},
    outbox={"pending": 1, "sending": 1, "sent": 50},
    accepted=45,
)


@dataclass
class World:
    """The bot, as health and metrics see it, and whoever calls."""

    role: Role | None = "operator"
    asked: int = 0
    now: float = 0.0
    broken: bool = False
    trouble: tuple[str, ...] = ()
    timings: Timings = field(default_factory=Timings)

    def caller(self, _: web.Request) -> Caller:
        if self.role is None:
            raise web.HTTPUnauthorized
        return Caller(Account("api", "ci"), "ci", self.role)

    async def books(self) -> Books:
        self.asked += 1
        if self.broken:
            raise StoreUnavailable("disk full")
        return BOOKS

    async def under_way(self) -> dict[tuple[str, str], int]:
        return {("agent", "running"): 2}

    def backstage(self) -> Backstage:
        return Backstage(
            self.books,
            self.under_way,
            lambda: {("agent", "stopped"): 4},
            lambda: {"admission": 3},
            lambda: {"matrix": False, 'odd"\n': True},
            lambda: self.trouble,
            self.timings,
            lambda: 9,
        )


@asynccontextmanager
async def client(world: World) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    app = web.Application(middlewares=[failures])
    app[RECOGNISER] = world
    backstage = world.backstage()
    looks = Looks(backstage, lambda: world.now)
    health.mount(app, backstage, looks)
    metrics.mount(app, backstage, looks)
    async with TestClient(TestServer(app)) as found:
        yield found


async def scraped(world: World) -> dict[tuple[str, str], float]:
    """By name, and labels as text."""
    async with client(world) as http:
        answer = await http.get(metrics.PATH)
        text = await answer.text()
    assert answer.status == 200
    assert answer.headers["Content-Type"] == metrics.TYPE
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_what_is_scraped() -> None:
    world = World()
    world.timings.lateness.observe(0.02)
    world.timings.stop.observe(0.2)
    found = await scraped(world)
    assert found["tugbot_messages", "text,waiting"] == 2
    assert found["tugbot_messages", "command,done"] == 3
    assert found["tugbot_runs_recorded", "succeeded"] == 7
    assert found["tugbot_runs_under_way", "agent,running"] == 2
    assert found["tugbot_runs_ended_total", "agent,stopped"] == 4
    assert found["tugbot_queue_depth", "messages"] == 2
    assert found["tugbot_queue_depth", "outbox"] == 2
    assert found["tugbot_queue_depth", "admission"] == 3
    assert found["tugbot_transport_up", "matrix"] == 0
    assert found["tugbot_transport_up", 'odd"\n'] == 1
    assert found["tugbot_event_listeners", ""] == 9
    assert found["tugbot_dispatch_lateness_seconds_bucket", "0.01"] == 0
    assert found["tugbot_dispatch_lateness_seconds_bucket", "0.025"] == 1
    assert found["tugbot_stop_latency_seconds_count", ""] == 1
    assert found["tugbot_provision_seconds_bucket", "+Inf"] == 0
    assert found["process_cpu_seconds_total", ""] > 0
    assert found["process_resident_memory_bytes", ""] > 1_000_000


async def test_a_store_that_does_not_answer_takes_nothing_else_away() -> None:
    found = await scraped(World(broken=True))
    assert found["tugbot_store_up", ""] == 0
    assert found["tugbot_transport_up", "matrix"] == 0
    assert not [name for name, _ in found if name == "tugbot_messages"]


async def test_many_who_ask_cost_one_look() -> None:
    world = World()
    async with client(world) as http:
        for _ in range(3):
            assert (await http.get(metrics.PATH)).status == 200
            assert (await http.get(health.PATH)).status == 200
        assert world.asked == 1
        world.now = FRESH
        await http.get(metrics.PATH)
        assert world.asked == 2


@pytest.mark.parametrize(("role", "status"), [(None, 401), ("guest", 403), ("member", 403), ("owner", 200)])
async def test_metrics_are_for_operators(role: Role | None, status: int) -> None:
    async with client(World(role)) as http:
        assert (await http.get(metrics.PATH)).status == status


@pytest.mark.parametrize("role", [None, "guest"])
async def test_anybody_hears_that_the_bot_lives_and_no_more(role: Role | None) -> None:
    world = World(role, trouble=("Transport `matrix` does not work",), broken=True)
    async with client(world) as http:
        answer = await http.get(health.PATH)
        assert (answer.status, json.loads(await answer.text())) == (200, {"status": "ok"})
    assert world.asked == 0


async def test_a_caller_hears_what_does_not_work() -> None:
    world = World("member")
    async with client(world) as http:
        assert await (await http.get(health.PATH)).json() == {"status": "ok", "degraded": []}
        world.now, world.broken, world.trouble = FRESH, True, ("matrix is gone",)
        found = await (await http.get(health.PATH)).json()
    assert found == {"status": "degraded", "degraded": ["matrix is gone", health.STORE]}
