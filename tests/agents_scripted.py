"""A scripted ACP agent: plays a recorded conversation from tests/golden, line by line.

A golden file holds one JSON value a line: {"client": message} is what the client must send next, exactly;
{"agent": message} is sent; {"raw": text} is sent as it is; {"sleep": seconds}, {"exit": code}, {"stderr": text} and
{"close": true} (stdout, while living on) are what real programs do. `$CWD` stands for the working directory,
`$VERSION` for the variable of that name: the client's version.

Run as a program: `python -I -S agents_scripted.py FILE`. Standard library only; a mismatch is told on stderr, exit 9.
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
    """The command of an agent that plays `file` (a name in tests/golden, or a path)."""
    return (str(Path(sys.executable).resolve()), "-I", "-S", __file__, str(GOLDEN / file))


def write_script(path: Path, *steps: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(step) + "\n" for step in steps), "utf-8")
    return path


def opening(number: int = 0) -> tuple[dict[str, Any], ...]:
    """Steps of an initialize and a new session "s", taking any client line; the prompt's id is 2."""
    return (
        {"client": None},
        {"agent": {"jsonrpc": "2.0", "id": number, "result": {"protocolVersion": 1, "agentCapabilities": {}}}},
        {"client": None},
        {"agent": {"jsonrpc": "2.0", "id": number + 1, "result": {"sessionId": "s"}}},
        {"client": None},
    )


def say(text: str) -> dict[str, Any]:
    return {"agent": update("s", {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}})}


def update(session: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": session, "update": content}}


def done(stop_reason: str = "end_turn") -> dict[str, Any]:
    return {"agent": {"jsonrpc": "2.0", "id": 2, "result": {"stopReason": stop_reason}}}


def play(step: dict[str, Any]) -> None:
    match step:
        case {"client": expected}:
            _expect(expected)
        case {"agent": message}:
            _write(json.dumps(message).encode() + b"\n")
        case {"raw": text}:
            _write(str(text).encode("latin-1"))
        case {"stderr": text}:
            sys.stderr.write(text)
            sys.stderr.flush()
        case {"sleep": seconds}:
            time.sleep(seconds)
        case {"close": True}:
            os.close(1)
        case {"exit": code}:
            os._exit(code)


def _expect(expected: object) -> None:
    line = sys.stdin.readline()
    if not line:
        os._exit(0)
    if expected is not None and json.loads(line) != expected:
        sys.stderr.write(f"expected {json.dumps(expected)}\n     got {line}")
        sys.stderr.flush()
        os._exit(9)


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def main(file: str) -> None:
    text = Path(file).read_text("utf-8").replace("$CWD", os.getcwd()).replace("$VERSION", os.environ.get("VERSION", ""))
    for line in text.splitlines():
        play(json.loads(line))
    sys.stdin.read()  # live on until the client goes, as real agents do


if __name__ == "__main__":
    main(sys.argv[1])
