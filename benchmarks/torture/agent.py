"""The agent under torture: writes down what it was given before it does anything, then behaves badly now and then.

Usage: agent.py JOURNAL_DIRECTORY < prompt. Standard library only: it runs inside the sandbox.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

HEARTBEAT = """
import sys, time
end = time.time() + 60
while time.time() < end:
    open(sys.argv[1], "a").write(".")
    time.sleep(0.05)
"""


def main() -> None:
    journal, prompt = Path(sys.argv[1]), sys.stdin.read()
    chance = int(hashlib.sha256(prompt.encode()).hexdigest(), 16)
    name = f"{time.time_ns()}-{os.environ.get('TUGBOT_RUN', '0')}"
    with open(journal / f"{name}.given", "x") as file:
        file.write(prompt)
        file.flush()
        os.fsync(file.fileno())
    if chance % 4 == 0:
        beat = str(journal / f"{name}.beat")
        subprocess.Popen([sys.executable, "-c", HEARTBEAT, beat], start_new_session=True, env={}, stdin=-3, stdout=-3)
    time.sleep((chance >> 8) % 400 / 1000)
    print("x" * 50_000 if chance % 23 == 0 else f"answer to {prompt.split()[0]}")
    sys.exit(3 if chance % 11 == 0 else 0)


if __name__ == "__main__":
    main()
