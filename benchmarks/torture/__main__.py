"""python -m benchmarks.torture [--kills N] [--seed S]: figures on standard output, exit code 1 if a promise broke."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.torture.driver import Driver
from benchmarks.torture.judge import judge

AGENT = Path(__file__).with_name("agent.py")
CONFIG = """
default_agent = "recorder"
[dispatcher]
window = 0.05
[agents.recorder]
backend = "command"
command = [{python}, {agent}, {journal}]
paths = [{journal}]
"""


def prepare(place: Path) -> None:
    journal = place / "journal"
    journal.mkdir()
    values = {"python": sys.executable, "agent": AGENT, "journal": journal}
    (place / "bot.toml").write_text(CONFIG.format(**{name: f'"{value}"' for name, value in values.items()}))


def torture(place: Path, kills: int, seed: int) -> tuple[dict[str, object], list[str]]:
    """Kill the bot `kills` times, let it settle, judge. `place` is an empty directory."""
    prepare(place)
    began, driver = time.monotonic(), Driver(place, seed)
    driver.torture(kills)
    driver.settle()
    figures, broken = judge(place, driver.record)
    seconds = round(time.monotonic() - began)
    return {"kills": driver.kills, "seed": seed, "seconds": seconds, **figures}, broken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="tugbot-torture-"))
    figures, broken = torture(place, options.kills, options.seed)
    for name, value in figures.items():
        print(f"{name:24} {value}")
    if not broken:
        shutil.rmtree(place)
        return 0
    print(*broken[:40], sep="\n")
    print(f"Seed {options.seed}; everything is kept in {place}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
