"""What the real program says of itself: lines of the log for each step of a run, and metrics that follow."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.access.tokens import Tokens
from tests.bot_process import COMMAND, PATIENCE, BotProcess
from tests.integration.test_gateway import free_port

pytestmark = pytest.mark.integration


def scraped(port: int, token: str) -> dict[tuple[str, str], float]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/metrics", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read().decode()
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def began(bot: BotProcess, run: int) -> None:
    """Piped, an answer is shown when it is finished; the log knows before."""
    deadline = time.monotonic() + PATIENCE
    while f"run {run} started".encode() not in bot.stderr:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_run_and_a_stop_are_in_log_and_metrics(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "data").mkdir(mode=0o700)
    token = Tokens(tmp_path / "data").create("prometheus", "operator")
    config = f'[dispatcher]\nwindow = 0.2\n[log]\nlevel = "info"\n[gateway]\nenabled = "on"\nport = {port}\n'
    with BotProcess(tmp_path, config, command=(*COMMAND, "--log-json", "--agent", "demo")) as bot:
        bot.send("hello", "e1")
        bot.message("You wrote")
        bot.send("stubborn 60", "e2")
        began(bot, 2)
        bot.send("stop", "e3")
        bot.message("Stopped run 2")
        found = scraped(port, token)
        assert bot.finish() == 0
        steps = [line for line in map(json.loads, bot.stderr.splitlines()) if line["logger"] == "bot.runs"]
    assert [(step["run"], step["event"]) for step in steps] == [
        (run, event) for run in (1, 2) for event in ("queued", "started", "ended")
    ]
    last = steps[-1]
    assert (last["state"], last["session"], last["transport"], last["agent"]) == (
        "stopped", "console/a", "console", "demo",
    )  # fmt: skip
    assert last["processes"] > 0
    assert found["tugbot_runs_ended_total", "agent,stopped"] == 1
    assert found["tugbot_runs_recorded", "succeeded"] == 1
    assert found["tugbot_dispatch_lateness_seconds_count", ""] == 2
    assert found["tugbot_stop_latency_seconds_count", ""] == 1
    assert found["tugbot_transport_up", "console"] == 1
