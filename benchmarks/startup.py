"""Time to `tugbot version`, and from exec to the first accepted message, beside an interpreter that does nothing."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time

from benchmarks.table import Figure

TRIES = 5


def measure() -> list[Figure]:
    nothing = statistics.median(_run([sys.executable, "-c", "pass"]) for _ in range(TRIES))
    version = statistics.median(_run([sys.executable, "-m", "bot", "version"]) for _ in range(TRIES))
    with tempfile.TemporaryDirectory() as place:
        first = statistics.median([_first_message(place) for _ in range(TRIES + 1)][1:])
    return [
        Figure("tugbot version", version, "s", nothing, "python -c pass", "< 0.3 s"),
        Figure("ready for the first message", first, "s", nothing, "python -c pass", "< 2 s"),
    ]


def _run(command: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begun


def _first_message(place: str) -> float:
    begun = time.perf_counter()
    command = [sys.executable, "-m", "bot", "run", "--data", f"{place}/data", "--input", "jsonl"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=place) as bot:
        assert bot.stdin
        assert bot.stdout
        bot.stdin.write(json.dumps({"event_id": f"e{begun}", "text": "version"}).encode() + b"\n")
        bot.stdin.flush()
        acknowledged = json.loads(bot.stdout.readline())
        seconds = time.perf_counter() - begun
        assert acknowledged["status"] == "accepted"
        bot.stdin.close()
        bot.stdout.read()
    return seconds
