"""A board whose time is a test's, and what a listener makes of what it hears."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.happenings import Board


@dataclass(eq=False)
class Alarm:
    at: float
    act: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class Time:
    now: float = 1_800_000_000.0
    alarms: list[Alarm] = field(default_factory=list)

    def later(self, seconds: float, act: Callable[[], None]) -> Alarm:
        self.alarms.append(Alarm(self.now + seconds, act))
        return self.alarms[-1]

    def passes(self, seconds: float) -> None:
        self.now += seconds
        due = [alarm for alarm in self.alarms if alarm.at <= self.now]
        self.alarms = [alarm for alarm in self.alarms if alarm.at > self.now]
        for alarm in due:
            if not alarm.cancelled:
                alarm.act()


def board(time: Time | None = None, incarnation: int = 3, **bounds: int) -> Board:
    time = time or Time()
    return Board(incarnation, clock=lambda: time.now, later=time.later, **bounds)


@dataclass(frozen=True)
class Event:
    id: str
    kind: str
    data: dict[str, Any]


def parsed(stream: bytes) -> list[Event]:
    """As a browser reads it: blocks without data are no events."""
    events = []
    last_id = ""
    for block in stream.decode().split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        last_id = fields.get("id", last_id)
        if "data" in fields:
            events.append(Event(last_id, fields["event"], json.loads(fields["data"])))
    return events


def everything(_: object) -> bool:
    return True


def told(board: Board, after: int = 0) -> list[Event]:
    return parsed(board.read(after, everything, 10**9).data)
