"""From a message in a Matrix room to its answer seen, through Tugbot and through the least bot there can be on nio.

Both are processes of their own at the same real Synapse, asked in turn, so that both see the same noise; Tugbot's
agent is the demo. Then both rest in 200 rooms. Needs `script/synapse`. MATRIX_IDLE is how long they rest, in seconds
(60); MATRIX_ROOMS in how many rooms.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.process import cpu, resident
from benchmarks.table import Figure, percentile
from tests import matrix_world
from tests.bot_process import environment
from tests.matrix_person import Person
from tests.matrix_world import Synapse

TRIES = 100
WARM_UPS = 10
PATIENCE = 60.0  # seconds for one answer, and for a bot to come
IDLE = float(os.environ.get("MATRIX_IDLE") or 60)
ROOMS = int(os.environ.get("MATRIX_ROOMS") or 200)
WINDOW = 0.1  # seconds; reported beside, since it is waited on purpose
CONFIG = """
default_agent = "demo"

[dispatcher]
window = {window}

[access]
allow = ["{person}"]

[transports.matrix]
homeserver = "{url}"
user = "{user}"
"""


@dataclass(frozen=True)
class Bot:
    name: str
    account: Person
    process: subprocess.Popen[bytes]
    complaints: Path

    def cpu(self) -> float:
        """Seconds used so far."""
        return cpu(self.process.pid)

    def resident(self) -> float:
        """MB in memory, of the process alone."""
        return resident(self.process.pid)


def measure() -> list[Figure]:
    if lack := matrix_world.missing():
        print(f"matrix: not measured, {lack}")
        return []
    with tempfile.TemporaryDirectory(prefix="tugbot-bench-") as name, Synapse(Path(name) / "synapse") as server:
        ann = server.user("ann")
        with ExitStack() as bots:
            running = [bots.enter_context(start(server, ann, Path(name))) for start in (_echo, _tugbot)]
            rooms = {bot.name: room for bot in running if (room := _room(ann, bot))}
            there = [bot for bot in running if bot.name in rooms]
            return [*_answers(ann, rooms), *_idle(ann, there)]


def _room(ann: Person, bot: Bot) -> str:
    """Where ann and the bot talk; "" if it does not come."""
    room = ann.create_room([bot.account], direct=True)
    try:
        ann.until(lambda: bot.process.poll() is not None or bot.account.id in ann.members(room), PATIENCE)
        assert bot.process.poll() is None
    except (TimeoutError, AssertionError):
        print(f"matrix: {bot.name} did not come: {bot.complaints.read_text()[-500:]}")
        return ""
    return room


# ---------------------------------------------------------------- the answer


def _answers(ann: Person, rooms: Mapping[str, str]) -> list[Figure]:
    times: dict[str, list[float]] = {name: [] for name in rooms}
    for number in range(WARM_UPS + TRIES):
        for name, room in rooms.items():
            times[name].append(_asked(ann, room, f"ping-{number}-"))
    echo, ours = (times.get(name, [])[WARM_UPS:] for name in ("echo", "tugbot"))
    return [*_alone(echo), *_compared(ours, echo)]


def _asked(ann: Person, room: str, word: str) -> float:
    """Seconds until somebody else says the word: streamed, edited or at once."""
    begun = time.perf_counter()
    ann.send(room, word)
    ann.wait(room, lambda said: said.sender != ann.id and word in said.text, PATIENCE)
    return time.perf_counter() - begun


def _alone(echo: list[float]) -> list[Figure]:
    return [Figure(f"a bare nio echo, {name}", at(echo), "ms") for name, at in PERCENTILES.items()] if echo else []


def _compared(ours: list[float], echo: list[float]) -> list[Figure]:
    if not ours:
        return []
    found = []
    for name, at in PERCENTILES.items():
        title, beside = f"answer of the demo agent in a Matrix room, {name}", "a bare nio echo"
        found.append(Figure(title, at(ours), "ms", at(echo), beside))
        found.append(Figure(f"{title}, without the window", at(ours) - WINDOW * 1000, "ms", at(echo), beside))
    return found


PERCENTILES: Mapping[str, Callable[[list[float]], float]] = {
    "p50": lambda times: percentile(times, 0.5) * 1000,
    "p95": lambda times: percentile(times, 0.95) * 1000,
}


# ---------------------------------------------------------------- at rest


def _idle(ann: Person, bots: list[Bot]) -> list[Figure]:
    for number in range(ROOMS):
        ann.create_room([bot.account for bot in bots], name=f"room {number}")
    for bot in bots:
        ann.until(lambda: len(bot.account.rooms()) > ROOMS, PATIENCE * 5)  # noqa: B023 - called here
    time.sleep(5)  # the last join has its own aftermath
    before = {bot.name: bot.cpu() for bot in bots}
    time.sleep(IDLE)
    used = {bot.name: (bot.cpu() - before[bot.name]) * 600 / IDLE for bot in bots}
    held = {bot.name: bot.resident() for bot in bots}
    return [
        *_rest(f"CPU of ten minutes at rest in {ROOMS} rooms", used, "s"),
        *_rest(f"memory at rest in {ROOMS} rooms", held, "MB"),
    ]


def _rest(what: str, values: Mapping[str, float], unit: str) -> list[Figure]:
    if "tugbot" in values:
        return [Figure(what, values["tugbot"], unit, values.get("echo"), "a bare nio echo")]
    return [Figure(f"{what}, a bare nio echo", value, unit) for value in values.values()]


# ---------------------------------------------------------------- the two bots


def _tugbot(server: Synapse, ann: Person, place: Path) -> AbstractContextManager[Bot]:
    account = server.user("tugbot")
    config = place / "bot.toml"
    config.write_text(CONFIG.format(window=WINDOW, person=ann.id, url=server.url, user=account.id))
    command = [sys.executable, "-m", "bot", "run", "--config", str(config), "--data", str(place / "data")]
    return _started("tugbot", account, command, place, {"TUGBOT_MATRIX_TOKEN": account.token})


def _echo(server: Synapse, ann: Person, place: Path) -> AbstractContextManager[Bot]:
    account = server.user("echo")
    code = "import asyncio, sys; from benchmarks.matrix import echo; asyncio.run(echo(*sys.argv[1:]))"
    command = [sys.executable, "-c", code, server.url, account.id, account.device, account.token]
    return _started("echo", account, command, place, {})


@contextmanager
def _started(name: str, account: Person, command: list[str], place: Path, env: Mapping[str, str]) -> Iterator[Bot]:
    complaints = place / f"{name}.log"
    with complaints.open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment(place, env)
        )
    try:
        yield Bot(name, account, process, complaints)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def echo(url: str, user: str, device: str, token: str) -> None:
    """What a bot needs at the least: follow, come when invited, send back what is said."""
    import nio

    client = nio.AsyncClient(url, user, device, config=nio.AsyncClientConfig(encryption_enabled=False))
    client.restore_login(user, device, token)
    since: str | None = None
    while True:
        answer = await client.sync(timeout=30_000, since=since, full_state=since is None)
        if not isinstance(answer, nio.SyncResponse):
            await asyncio.sleep(1)
            continue
        since = answer.next_batch
        for room in answer.rooms.invite:
            await client.join(room)
        for room, about in answer.rooms.join.items():
            for event in about.timeline.events:
                if isinstance(event, nio.RoomMessageText) and event.sender != user:
                    await client.room_send(room, "m.room.message", {"msgtype": "m.text", "body": event.body})
