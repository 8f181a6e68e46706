"""A scripted Claude Code: plays lines that were recorded from the real program (tests/golden/claude_*.jsonl).

One JSON value a line: {"client": type} waits for a line of that type from the client; {"agent": line} is written, with
`$UUID1` … for the uuids of the client's messages and `$SESSION` for the session of the command line; {"raw": text},
{"sleep": seconds}, {"exit": code}, {"stderr": text} and {"close": true} are what real programs do besides. {"resumed":
steps} plays `steps`, and no more, where the command line asks for a resume.

Run as a program: `python -I -S claude_scripted.py FILE <Claude Code's own arguments>`. Standard library only.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parent / "golden"


def command(file: str | Path) -> tuple[str, ...]:
    """The command of a Claude Code that plays `file` (a name in tests/golden, or a path)."""
    return (str(Path(sys.executable).resolve()), "-I", "-S", __file__, str(GOLDEN / file))


class Player:
    def __init__(self, arguments: list[str]) -> None:
        self.resumes = any(argument.startswith("--resume=") for argument in arguments)
        named = [
            argument.partition("=")[2] for argument in arguments if argument.startswith(("--resume=", "--session-id="))
        ]
        self.session = named[0] if named else "none"
        self.uuids: list[str] = []

    def play(self, steps: list[dict[str, Any]]) -> None:
        for step in steps:
            if "resumed" in step and self.resumes:
                self.play(step["resumed"])
                return
            self.step(step)

    def step(self, step: dict[str, Any]) -> None:
        match step:
            case {"client": wanted}:
                self.expect(wanted)
            case {"agent": line}:
                self.write(json.dumps(line).encode() + b"\n")
            case {"raw": text}:
                self.write(str(text).encode("latin-1"))
            case {"stderr": text}:
                sys.stderr.write(text)
                sys.stderr.flush()
            case {"sleep": seconds}:
                time.sleep(seconds)
            case {"close": True}:
                os.close(1)
            case {"exit": code}:
                os._exit(code)

    def expect(self, wanted: str) -> None:
        line = sys.stdin.readline()
        if not line:
            os._exit(0)
        said = json.loads(line)
        if said["type"] != wanted:
            sys.stderr.write(f"expected a {wanted}, got {line}")
            os._exit(9)
        if wanted == "user":
            self.uuids.append(said["uuid"])

    def write(self, data: bytes) -> None:
        for number, key in enumerate(self.uuids, 1):
            data = data.replace(f"$UUID{number}".encode(), key.encode())
        sys.stdout.buffer.write(data.replace(b"$SESSION", self.session.encode()))
        sys.stdout.buffer.flush()


def main(file: str, arguments: list[str]) -> None:
    Player(arguments).play([json.loads(line) for line in Path(file).read_text("utf-8").splitlines()])
    sys.stdin.read()  # lives on until the client goes, as the real program does


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
