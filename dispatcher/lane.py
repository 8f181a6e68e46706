"""What the dispatcher keeps in memory about a session while it has work. Nothing here outlives the work."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from dispatcher.admission import Place, Ticket
from dispatcher.decide import Pending
from dispatcher.model import Batch, Outcome, Row
from dispatcher.signal import Signal


@dataclass(eq=False, slots=True)
class Running:
    """One run from the moment it is admitted (before its rows are claimed) to its recorded end."""

    since: float  # monotonic
    ticket: Ticket
    signal: Signal = field(default_factory=Signal)
    batch: Batch | None = None  # None: not claimed yet
    handler: asyncio.Task[Outcome | Exception] | None = None  # None: not handed over yet
    outcome: Outcome | None = None  # set once the handler is out of the door, recorded right after
    steering: asyncio.Task[None] | None = None  # further text on its way to the turn; its end is waited for
    deaf: bool = False  # the turn takes no further text any more
    doubtful: bool = False  # it is not known whether the agent heard all of it
    due_at: float | None = None  # monotonic; None: it waited for something else than the time
    stopped_upto: int = 0  # highest row that a stop of the session has covered while this ran
    judged: asyncio.Event = field(default_factory=asyncio.Event)  # there is an outcome, or nothing was claimed
    over: asyncio.Event = field(default_factory=asyncio.Event)  # recorded, workspace and slot given back


@dataclass(eq=False, slots=True)
class Lane:
    """One live session. The object exists while rows arrive, wait or run; then it is dropped."""

    session: str
    episode: int  # inbox id when the queue was last known to move; names one episode of refusals
    wake: asyncio.Event = field(default_factory=asyncio.Event)  # doubles as the dirty flag of the drain loop
    draining: bool = False  # its loop was started; there is never a second one
    arriving: int = 0  # puts on their way to the disk
    arrived: dict[int, float] = field(default_factory=dict)  # monotonic arrival by row id
    hurried_upto: int = 0
    holds: int = 0  # provisionings of this session under way; its text waits for them
    run: Running | None = None
    ticket: Ticket | None = None
    waiting_since: float = 0.0  # when the ticket joined the line
    told: Place | None = None  # last place that was shown
    rows: tuple[Row, ...] = ()  # as last read; the newest one's target is told the place in line
    repeats: tuple[Row, ...] = ()
    due_at: float | None = None  # monotonic: when what waits was to begin by the last verdict
    retry_at: float = 0.0  # the store failed; not before this
    ask_at: float | None = None  # when the running turn is asked again whether it takes text

    def pending(self, start: float) -> list[Pending]:
        """Rows as the rule sees them. Rows of an earlier process count from `start`."""
        return [Pending(row.id, self.arrived.get(row.id, start), size(row.text), row.binding) for row in self.rows]

    def forget(self, upto: int) -> None:
        """Drop arrival times that no waiting row needs any more."""
        self.arrived = {row: at for row, at in self.arrived.items() if row > upto}


def size(text: str) -> int:
    """Bytes of UTF-8."""
    return len(text.encode("utf-8", "surrogatepass"))
