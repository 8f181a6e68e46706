"""The real program, spoken to in JSON lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

PATIENCE = 30.0  # seconds for anything to happen
COMMAND = (sys.executable, "-m", "bot", "run")


def environment(home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), **(more or {})}


def _page(config: str) -> Mapping[str, str]:
    """Bots of tests that run side by side do not get into each other's way by the port of their pages."""
    return {} if "[gateway]" in config else {"TUGBOT_GATEWAY__PORT": "0"}


class BotProcess:
    def __init__(
        self,
        place: Path,
        config: str = "",
        *,
        env: Mapping[str, str] | None = None,
        command: Sequence[str] = COMMAND,
        uid: int | None = None,
        groups: Sequence[int] = (),
    ) -> None:
        self.place = place
        self.data = place / "data"
        (place / "bot.toml").write_text(config)
        where = ["--config", str(place / "bot.toml"), "--data", str(self.data), "--input", "jsonl"]
        self.process = subprocess.Popen(
            [*command, *where],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(place, {**_page(config), **(env or {})}),
            **({} if uid is None or os.getuid() != 0 else {"user": uid, "group": uid, "extra_groups": list(groups)}),  # type: ignore[arg-type]
        )
        self.said: list[dict[str, Any]] = []
        self.stderr = b""
        self._news = threading.Condition()
        self._threads = [threading.Thread(target=self._read), threading.Thread(target=self._complain)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> BotProcess:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self._gone()

    def send(self, text: str, event: str, session: str = "a") -> None:
        assert self.process.stdin
        line = {"event_id": event, "text": text, "session": session}
        self.process.stdin.write(json.dumps(line).encode() + b"\n")
        self.process.stdin.flush()

    def wait(self, wanted: Callable[[dict[str, Any]], bool], patience: float = PATIENCE) -> dict[str, Any]:
        """The first line that is wanted, said already or still to come."""
        deadline = time.monotonic() + patience
        with self._news:
            while True:
                for said in self.said:
                    if wanted(said):
                        return said
                left = deadline - time.monotonic()
                if left <= 0 or not self._news.wait(left):
                    raise AssertionError(f"not said in time; said so far: {self.said[-5:]} {self.stderr.decode()}")

    def ack(self, event: str, patience: float = PATIENCE) -> dict[str, Any]:
        return self.wait(lambda said: said["type"] in ("ack", "nack") and said["event_id"] == event, patience)

    def message(self, *parts: str, patience: float = PATIENCE) -> dict[str, Any]:
        """The first message that holds every part."""
        return self.wait(
            lambda said: said["type"] == "message" and all(part in said["text"] for part in parts), patience
        )

    def pairing_code(self, patience: float = 20.0) -> str:
        """The code that makes its bearer the owner, as the start prints it."""
        deadline = time.monotonic() + patience
        while "pair " not in (text := self.stderr.decode()):
            assert time.monotonic() < deadline, text
            time.sleep(0.05)
        return text.split("pair ", 1)[1].split()[0].strip("`'\".,")

    def finish(self) -> int:
        """End of input, then the exit code."""
        assert self.process.stdin
        self.process.stdin.close()
        code = self.process.wait(PATIENCE)
        self._gone()
        return code

    def end(self) -> int:
        """Told to end, as a service manager does; a chat network would keep it going without input. Exit code."""
        self.process.terminate()
        code = self.process.wait(PATIENCE)
        self._gone()
        return code

    def _gone(self) -> None:
        self.process.wait(PATIENCE)
        for thread in self._threads:
            thread.join()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None and not pipe.closed:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with self._news:
                self.said.append(json.loads(line))
                self._news.notify_all()

    def _complain(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.stderr += line
