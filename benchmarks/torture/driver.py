"""Speaks JSON lines to a bot that is killed again and again, and remembers everything that was said and answered."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SESSIONS = tuple("abcdefghij")
HERE = Path(__file__).parent


@dataclass(slots=True)
class Op:
    """Something the driver said. Sent again until it is acknowledged."""

    id: str  # of its acknowledgement: op and event
    line: dict[str, str]
    acks: list[str] = field(default_factory=list)  # statuses, first one first
    sends: int = 0


@dataclass(slots=True)
class Record:
    """What passed between driver and bot, over all starts."""

    ops: dict[str, Op] = field(default_factory=dict)
    waiting: dict[str, list[Op]] = field(default_factory=lambda: defaultdict(list))  # not acknowledged, by session
    delivered: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))  # by key
    counts: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)


class Bot:
    """One start of the bot. Its output is read to the last byte, however it ends."""

    def __init__(self, place: Path, record: Record) -> None:
        self._record = record
        self._lock = threading.Lock()
        log = open(place / "bot.log", "ab")  # noqa: SIM115 - handed over to the process
        with log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bot", "run", "--input", "jsonl", *_where(place)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={"PATH": os.environ["PATH"], "HOME": str(place)},
            )
        self._reader = threading.Thread(target=self._read, name="bot output")
        self._reader.start()

    def send(self, op: Op) -> None:
        op.sends += 1
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(op.line).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return  # killed; it is sent again at the next start

    def kill(self) -> None:
        self._process.kill()
        self._end()

    def finish(self, patience: float) -> int:
        """End of input: the bot ends when nothing runs or waits. Exit code."""
        assert self._process.stdin
        self._process.stdin.close()
        code = self._process.wait(patience)
        self._end()
        return code

    def _end(self) -> None:
        self._process.wait()
        self._reader.join()
        assert self._process.stdout
        self._process.stdout.close()
        if self._process.stdin and not self._process.stdin.closed:
            try:
                self._process.stdin.close()
            except BrokenPipeError:
                return

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            if line.endswith(b"\n"):  # a kill may cut the last one
                self._take(json.loads(line))

    def _take(self, said: dict[str, Any]) -> None:
        record = self._record
        record.counts[said["type"]] += 1
        if said["type"] == "ack":
            op = record.ops[f"{said['op']}/{said['event_id']}"]
            op.acks.append(said["status"])
            record.counts[f"ack {said['status']}"] += 1
            session = record.waiting[op.line["session"]]
            if op in session:
                session.remove(op)
        elif said["type"] == "message" and said["key"]:
            record.delivered[said["key"]].append(said)
        elif said["type"] == "error":
            record.errors.append(said["reason"])


def _where(place: Path) -> list[str]:
    return ["--config", str(place / "bot.toml"), "--data", str(place / "data")]


class Driver:
    def __init__(self, place: Path, seed: int) -> None:
        self._place = place
        self._random = random.Random(seed)
        self._number = 0
        self._texts: list[Op] = []
        self.record = Record()
        self.kills = 0

    def torture(self, kills: int) -> None:
        for _ in range(kills):
            bot = Bot(self._place, self.record)
            self._talk(bot, time.monotonic() + self._lifetime())
            if self._random.random() < 0.5:
                self._rush(bot)
            bot.kill()
            self.kills += 1

    def _lifetime(self) -> float:
        """Seconds until the kill: now and then in the middle of the start, mostly in the middle of work."""
        share = self._random.random()
        return self._random.choice((0.02 + share, 1.0 + 1.5 * share, 1.0 + 3.0 * share))

    def settle(self, patience: float = 120.0) -> int:
        """A last start that is left alone until everything is done."""
        bot = Bot(self._place, self.record)
        self._resend(bot)
        deadline = time.monotonic() + patience
        while any(self.record.waiting.values()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return bot.finish(patience)

    def _talk(self, bot: Bot, until: float) -> None:
        self._resend(bot)
        while time.monotonic() < until:
            for op in self._burst():
                self._say(bot, op)
            time.sleep(self._random.random() * 0.15)

    def _rush(self, bot: Bot) -> None:
        """Have the kill fall on the first acknowledgement: after a pause it would find everything written."""
        before, deadline = self.record.counts["ack accepted"], time.monotonic() + 0.5
        for _ in range(30):
            self._say(bot, self._text(self._random.choice(SESSIONS)))
        while self.record.counts["ack accepted"] == before and time.monotonic() < deadline:
            time.sleep(0)

    def _resend(self, bot: Bot) -> None:
        for ops in self.record.waiting.values():
            for op in list(ops):
                self.record.counts["resent"] += 1
                bot.send(op)

    def _say(self, bot: Bot, op: Op) -> None:
        if op.id not in self.record.ops:
            self.record.ops[op.id] = op
            self.record.waiting[op.line["session"]].append(op)
        self.record.counts["said"] += 1
        bot.send(op)

    def _burst(self) -> list[Op]:
        session, choice = self._random.choice(SESSIONS), self._random.random()
        if choice < 0.08 and self._texts:
            return [self._random.choice(self._texts[-40:])]  # the network delivers it again
        if choice < 0.14 and self._texts:
            return [self._amend("edit")]
        if choice < 0.18 and self._texts:
            return [self._amend("retract")]
        if choice < 0.23:
            return [self._op(session, self._random.choice(("stop", "stop", "stop", "stop all")))]
        if choice < 0.28:
            return [self._op(session, self._random.choice(("status", "go", "runs", "agent recorder")))]
        return [self._text(session) for _ in range(self._random.randint(1, 4))]

    def _text(self, session: str) -> Op:
        op = self._op(session, f"m-{self._number + 1:06d} please")
        self._texts.append(op)
        return op

    def _op(self, session: str, text: str) -> Op:
        self._number += 1
        event = f"e{self._number:06d}"
        return Op(f"message/{event}", {"event_id": event, "session": session, "text": text, "sender": "ann"})

    def _amend(self, kind: str) -> Op:
        target = self._random.choice(self._texts[-10:])
        event, session = target.line["event_id"], target.line["session"]
        known = self.record.ops.get(f"{kind}/{event}")
        if known is not None:
            return known
        line = {"type": kind, "event_id": event, "session": session}
        if kind == "edit":
            line["text"] = f"{target.line['text'].split()[0]} edited"
        return Op(f"{kind}/{event}", line)
