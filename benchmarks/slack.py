"""Slack's events acknowledged, and its messages answered, through Tugbot and through the least bots on slack-bolt.

Each bot is a process with a fake Slack of its own, all of which live here; they are asked in turn, so that all see the
same noise. What is received are direct messages in 50 conversations that wait in their window: committed, and given to
nobody. SLACK_ROUNDS is how often (5), SLACK_IDLE how long the bots rest in the end, in seconds (120).
"""

from __future__ import annotations

import asyncio
import os
import socket
import statistics
import sys
import tempfile
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from benchmarks.process import cpu, resident
from benchmarks.table import Figure, percentile
from tests.bot_process import environment
from tests.slack_fake import ANN, BOT, TEAM, Delivery, FakeSlack
from tests.slack_fake.envelopes import message_event
from tests.slack_fake.model import Channel

Mode = Literal["socket", "http"]
MODES: Mapping[Mode, str] = {"socket": "Socket Mode", "http": "signed HTTP"}

ROUNDS = int(os.environ.get("SLACK_ROUNDS") or 5)
IDLE = float(os.environ.get("SLACK_IDLE") or 120)
PEOPLE = tuple(f"U0P{number:02}" for number in range(50))
FLIGHT = 64
BURST = 1_000  # events of one round with 64 on their way
SINGLES = 100  # of one round, one after another
MENTIONS = 128  # of one round, 64 on their way, all in one channel
TRIES, WARM_UPS = 100, 10  # of messages that are answered
PATIENCE = 60.0  # seconds for a bot to come, and for one answer or one burst
BREATH = 0.3  # seconds before each of them: what is said while a run ends is answered without a window
WINDOW = 0.1  # seconds; reported beside, since it is waited on purpose

FORGETFUL, KEEPING, ECHO = "a bare bolt that keeps nothing", "a bare bolt that commits each", "a bare bolt echo"
TUGBOT = "tugbot"
KINDS = {FORGETFUL: "forgetful", KEEPING: "keeping", ECHO: "echo"}

CONFIG = """
default_agent = "demo"

[dispatcher]
window = {window}
max_wait = 100000
max_batch_messages = 1000000
max_batch_bytes = 1000000000
max_waiting = 1000000

[gateway]
port = {port}

[transports.slack]
team = "{team}"
mode = "{mode}"

[access]
allow = [{allow}]
"""


@dataclass(slots=True)
class Seen:
    """What was measured of one bot in one mode."""

    rates: list[float] = field(default_factory=list)  # events per second, by round
    crowded: list[float] = field(default_factory=list)  # seconds to each acknowledgement, 64 on their way
    alone: list[float] = field(default_factory=list)  # the same, one at a time
    mentions: list[float] = field(default_factory=list)  # the same, 64 on their way in one channel
    used: list[float] = field(default_factory=list)  # seconds of CPU per event, by round


@dataclass(frozen=True, slots=True)
class Bot:
    name: str
    slack: FakeSlack
    process: Process
    complaints: Path


def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="tugbot-bench-") as name:
        return asyncio.run(_measured(Path(name)))


async def _measured(place: Path) -> list[Figure]:
    found = [figure for mode in MODES for figure in await _received(place / mode, mode)]
    return [*found, *await _answered(place / "answers")]


# ---------------------------------------------------------------- received


async def _received(place: Path, mode: Mode) -> list[Figure]:
    """Every round has bots of its own, since what waits grows: people rarely let more than twenty messages wait."""
    seen = {name: Seen() for name in (FORGETFUL, KEEPING, TUGBOT)}
    for number in range(ROUNDS):
        for name, there in seen.items():
            async with _started(name, mode, place / f"{number}-{name}") as bot:
                await _greeted(bot)
                await _round(bot, there)
    return [*_rates(seen, mode), *_latencies(seen, mode)]


async def _greeted(bot: Bot) -> None:
    """It has heard everybody, so that it need not ask who they are."""
    for deliveries in (_spoken(bot.slack, len(PEOPLE)), _mentioned(bot.slack, len(PEOPLE))):
        await _acknowledged(deliveries, FLIGHT)


async def _round(bot: Bot, seen: Seen) -> None:
    before = cpu(bot.process.pid)
    begun = time.perf_counter()
    seen.crowded += await _acknowledged(_spoken(bot.slack, BURST), FLIGHT)
    seen.rates.append(BURST / (time.perf_counter() - begun))
    seen.used.append((cpu(bot.process.pid) - before) / BURST)
    seen.alone += await _acknowledged(_spoken(bot.slack, SINGLES), 1)
    seen.mentions += await _acknowledged(_mentioned(bot.slack, MENTIONS), FLIGHT)


async def _acknowledged(deliveries: Iterator[Delivery], flight: int) -> list[float]:
    """Seconds to each acknowledgement, with so many on their way."""
    found: list[float] = []

    async def worker() -> None:
        for delivery in deliveries:
            await delivery.done.wait()
            found.append(_taken(delivery))

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        for _ in range(flight):
            group.create_task(worker(), name="people")
    return found


def _taken(delivery: Delivery) -> float:
    first, last = delivery.attempts[0], delivery.attempts[-1]
    assert delivery.state == "acked", f"{delivery.event_id} was lost: {[each.failed for each in delivery.attempts]}"
    assert first.sent is not None
    assert last.acked is not None
    return last.acked - first.sent


def _spoken(slack: FakeSlack, many: int) -> Iterator[Delivery]:
    """Direct messages, of each person in turn; sent as they are drawn."""
    for number in range(many):
        user = PEOPLE[number % len(PEOPLE)]
        yield _sent(slack, slack.team.channels[slack.dm(user)], user, "a message of ordinary length, as people write")


def _mentioned(slack: FakeSlack, many: int) -> Iterator[Delivery]:
    channel = next(each for each in slack.team.channels.values() if each.kind == "channel")
    for number in range(many):
        yield _sent(slack, channel, PEOPLE[number % len(PEOPLE)], f"<@{BOT}> a message of ordinary length")


def _sent(slack: FakeSlack, channel: Channel, user: str, text: str) -> Delivery:
    """An event alone: a channel that the fake remembers gets slower with each message."""
    delivery = slack.emit(message_event(slack.team.spoken(channel.id, user, text, ""), channel))
    assert delivery is not None
    return delivery


def _rates(seen: Mapping[str, Seen], mode: Mode) -> list[Figure]:
    ours = seen[TUGBOT]
    rate, used = statistics.median(ours.rates), statistics.median(ours.used) * 1e3
    found = []
    for name in (FORGETFUL, KEEPING):
        beside = statistics.median(seen[name].rates), statistics.median(seen[name].used) * 1e3
        found.append(Figure(f"{MODES[mode]}, {FLIGHT} in flight", rate, "events/s", beside[0], name))
        found.append(Figure(f"{MODES[mode]}, CPU of the bot for an event", used, "ms", beside[1], name))
    return found


def _latencies(seen: Mapping[str, Seen], mode: Mode) -> list[Figure]:
    ours, theirs = seen[TUGBOT], seen[KEEPING]
    cases = {
        f"{FLIGHT} in flight": (ours.crowded, theirs.crowded),
        "one at a time": (ours.alone, theirs.alone),
        f"{FLIGHT} mentions in one channel": (ours.mentions, theirs.mentions),
    }
    return [
        figure
        for case, (these, those) in cases.items()
        for figure in _percentiles(f"{MODES[mode]}, {case}: acknowledged", these, those, KEEPING)
    ]


def _percentiles(what: str, ours: Sequence[float], theirs: Sequence[float], beside: str) -> list[Figure]:
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    return [
        Figure(
            f"{what}, {name}",
            percentile(ours, share) * 1e3,
            "ms",
            percentile(theirs, share) * 1e3,
            beside,
            "< 1,000 ms" if name == "p99" else "",
        )
        for name, share in shares.items()
    ]


# ---------------------------------------------------------------- answered


async def _answered(place: Path) -> list[Figure]:
    async with AsyncExitStack() as stack:
        echo = await stack.enter_async_context(_started(ECHO, "socket", place / "echo"))
        ours = await stack.enter_async_context(_started(TUGBOT, "socket", place / "ours", window=WINDOW))
        times: dict[str, list[float]] = {ECHO: [], TUGBOT: []}
        for number in range(WARM_UPS + TRIES):
            await asyncio.sleep(BREATH)
            for bot in (echo, ours):
                times[bot.name].append(await _asked(bot.slack, f"ping-{number}-"))
        return [*_compared(times[TUGBOT][WARM_UPS:], times[ECHO][WARM_UPS:]), *await _rested(ours, echo)]


async def _asked(slack: FakeSlack, word: str) -> float:
    """Seconds until the bot says the word: streamed, edited or at once."""
    room = slack.team.channels[slack.dm(ANN)]
    begun = time.perf_counter()
    asked = slack.say(room.id, ANN, word)
    async with asyncio.timeout(PATIENCE):
        while not any(word in text for text in _since(slack, room, asked)):  # noqa: ASYNC110 - the fake tells nobody
            await asyncio.sleep(0.001)
    return time.perf_counter() - begun


def _since(slack: FakeSlack, room: Channel, ts: str) -> Iterator[str]:
    for message in reversed(room.messages.values()):
        if message.ts <= ts:
            return
        if message.bot_id:
            yield slack.team.shown(message).text


def _compared(ours: list[float], echo: list[float]) -> list[Figure]:
    found = []
    for name, share in {"p50": 0.5, "p95": 0.95}.items():
        these, those = percentile(ours, share) * 1e3, percentile(echo, share) * 1e3
        title = f"answer of the demo agent in a Slack DM, {name}"
        found.append(Figure(title, these, "ms", those, ECHO))
        found.append(Figure(f"{title}, without the window", these - WINDOW * 1e3, "ms", those, ECHO))
    return found


async def _rested(ours: Bot, echo: Bot) -> list[Figure]:
    await asyncio.sleep(5)  # the last answer has its own aftermath
    before = [cpu(bot.process.pid) for bot in (ours, echo)]
    await asyncio.sleep(IDLE)
    used = [(cpu(bot.process.pid) - then) * 600 / IDLE for bot, then in zip((ours, echo), before, strict=True)]
    return [
        Figure("CPU of ten minutes at rest, connected to Slack", used[0], "s", used[1], ECHO),
        Figure("memory at rest in Slack", resident(ours.process.pid), "MB", resident(echo.process.pid), ECHO),
    ]


# ---------------------------------------------------------------- the bots


@asynccontextmanager
async def _started(name: str, mode: Mode, place: Path, *, window: float = 100_000.0) -> AsyncIterator[Bot]:
    """With a Slack of its own, and receiving."""
    await asyncio.to_thread(place.mkdir, parents=True)
    async with FakeSlack() as slack:
        slack.channel(*PEOPLE)
        port = _free_port()
        if mode == "http":
            slack.over_http(f"http://127.0.0.1:{port}/slack/events")
        command = _tugbot(mode, place, port, window) if name == TUGBOT else _bare(KINDS[name], mode, place, port)
        async with _running(command, slack, place) as process:
            bot = Bot(name, slack, process, place / "log")
            await _come(bot)
            yield bot


def _tugbot(mode: Mode, place: Path, port: int, window: float) -> list[str]:
    config, allow = place / "bot.toml", ", ".join(f'"slack:{user}"' for user in (ANN, *PEOPLE))
    config.write_text(CONFIG.format(window=window, port=port, team=TEAM, mode=mode, allow=allow))
    return [sys.executable, "-m", "bot", "run", "--config", str(config), "--data", str(place / "data")]


def _bare(kind: str, mode: Mode, place: Path, port: int) -> list[str]:
    return [sys.executable, "-m", "benchmarks.bare_bolt", kind, mode, str(port), str(place / "inbox.db")]


@asynccontextmanager
async def _running(command: list[str], slack: FakeSlack, place: Path) -> AsyncIterator[Process]:
    env = {
        "TUGBOT_SLACK_BOT_TOKEN": slack.token,
        "TUGBOT_SLACK_APP_TOKEN": slack.app_token,
        "TUGBOT_SLACK_SIGNING_SECRET": slack.signing_secret,
        "TUGBOT_SLACK_API": slack.api,
    }
    quiet = asyncio.subprocess.DEVNULL
    with (place / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=quiet, stdout=log, stderr=log, env=environment(place, env)
        )
    try:
        yield process
    finally:
        await _ended(process)


async def _ended(process: Process) -> None:
    """Not by a wait that blocks: its Slack lives in this loop, and it may still have something to say there."""
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), 30)
    except TimeoutError:
        process.kill()
        await process.wait()


async def _come(bot: Bot) -> None:
    end = time.monotonic() + PATIENCE
    for delivery in _spoken(bot.slack, sys.maxsize):
        await delivery.done.wait()
        if delivery.state == "acked":
            return
        if bot.process.returncode is not None or time.monotonic() > end:
            raise RuntimeError(f"{bot.name} did not come: {bot.complaints.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
