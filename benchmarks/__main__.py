"""python -m benchmarks [--json] [--only NAME]: measures everything on this machine and prints one table."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict

from benchmarks import (
    asking,
    crowded,
    deltas,
    events,
    flush,
    idle,
    matrix,
    projects,
    puts,
    redaction,
    slack,
    startup,
    stop,
    turns,
)
from benchmarks.table import table

ALL = {
    "flush": flush,
    "puts": puts,
    "idle": idle,
    "startup": startup,
    "stop": stop,
    "crowded": crowded,
    "deltas": deltas,
    "events": events,
    "asking": asking,
    "redaction": redaction,
    "turns": turns,
    "projects": projects,
    "matrix": matrix,
    "slack": slack,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    parser.add_argument("--only", choices=ALL, help="one of the measurements")
    options = parser.parse_args()
    chosen = [ALL[options.only]] if options.only else list(ALL.values())
    figures = [figure for module in chosen for figure in module.measure()]
    if options.json:
        print(json.dumps([asdict(figure) for figure in figures], indent=2))
    else:
        print(table(figures))
        print(f"\n{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
