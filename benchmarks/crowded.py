"""From the word `stop all` to the death of four agents, with 10,000 messages waiting, on the real program.

Without `interrupt_grace`, which by default is added to it: the time an agent gets to end its turn by itself.
"""

from __future__ import annotations

import json
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from benchmarks.table import Figure

TRIES = 3
SESSIONS = 50
EACH = 200  # messages that wait in each session
RUNS = 4  # the default of dispatcher.max_runs
CONFIG = """
default_agent = "sleeper"
[dispatcher]
window = 0
max_waiting = 1000
[runs]
interrupt_grace = 0
[agents.sleeper]
backend = "command"
command = ["sleep", "{seconds}"]
"""


def measure() -> list[Figure]:
    crowded, empty = (statistics.median(_stop(each) for _ in range(TRIES)) * 1000 for each in (EACH, 0))
    what = f"stop all to the last of {RUNS} agents dead, {SESSIONS * EACH:,} messages waiting"
    return [Figure(what, crowded, "ms", empty, "none but the agents' waiting", "< 100 ms")]


def _stop(each: int) -> float:
    """Seconds."""
    seconds = f"60.{time.monotonic_ns() % 10**9:09}"  # no other program sleeps this long: the agents are known by it
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "bot.toml").write_text(CONFIG.format(seconds=seconds))
        command = [sys.executable, "-m", "bot", "run", "--config", "bot.toml", "--data", "data", "--input", "jsonl"]
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=place, env=env) as bot:
            assert bot.stdin
            assert bot.stdout
            try:
                return _measured(bot.stdin, bot.stdout, each, seconds)
            finally:
                bot.kill()


def _measured(stdin: IO[bytes], stdout: IO[bytes], each: int, seconds: str) -> float:
    _say(stdin, stdout, ((f"first-{n}", f"s{n}", "begin") for n in range(SESSIONS if each else RUNS)))
    agents = _agents(seconds)
    for start in range(each):
        _say(stdin, stdout, ((f"e{start}-{n}", f"s{n}", "more") for n in range(SESSIONS)))
    begun = time.perf_counter()
    stdin.write(_line("stop", "s0", "stop all"))
    stdin.flush()
    for agent in agents:
        select.select([agent], [], [])  # readable once the process is dead
    ended = time.perf_counter()
    for agent in agents:
        os.close(agent)
    return ended - begun


def _say(stdin: IO[bytes], stdout: IO[bytes], messages: Iterable[tuple[str, str, str]]) -> None:
    """Hand in and wait until all are accepted."""
    lines = [_line(*message) for message in messages]
    stdin.write(b"".join(lines))
    stdin.flush()
    acknowledged = 0
    while acknowledged < len(lines):
        said = json.loads(stdout.readline())
        acknowledged += said["type"] == "ack"
        assert said.get("status", "accepted") == "accepted", said


def _line(event: str, session: str, text: str) -> bytes:
    return json.dumps({"event_id": event, "session": session, "text": text}).encode() + b"\n"


def _agents(seconds: str) -> list[int]:
    """Descriptors of the agents' processes, once all of them run."""
    wanted = ["sleep", seconds]
    deadline = time.monotonic() + 20
    while len(pids := [pid for pid, words in _command_lines() if words == wanted]) < RUNS:
        assert time.monotonic() < deadline, "the agents did not start"
        time.sleep(0.02)
    return [os.pidfd_open(pid) for pid in pids]


def _command_lines() -> Iterable[tuple[int, list[str]]]:
    """Process ids, and their programs' names and arguments."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                program, *words = Path(f"/proc/{name}/cmdline").read_text(errors="replace").rstrip("\0").split("\0")
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we were looking
            yield int(name), [os.path.basename(program), *words]
