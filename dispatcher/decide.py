"""The one rule of when waiting messages become a run. Pure: no clock, no store, no task.

Everything that makes a session wait, hurry or interrupt is visible in the arguments, so that a lost timer is cured
by asking again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from dispatcher.model import Binding, Limits, Mode


@dataclass(frozen=True, slots=True)
class Pending:
    """A waiting row, reduced to what the rule looks at."""

    id: int
    arrived: float  # monotonic seconds; for rows recovered after a restart, the start of this process
    size: int  # bytes of UTF-8
    binding: Binding


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing waits and nothing runs."""


@dataclass(frozen=True, slots=True)
class Wait:
    until: float | None  # monotonic; None: until something happens


@dataclass(frozen=True, slots=True)
class Due:
    ids: tuple[int, ...]  # the batch, oldest first, never empty


@dataclass(frozen=True, slots=True)
class Interrupt:
    """A new batch is due and the session wants it to replace the running turn."""


@dataclass(frozen=True, slots=True)
class Steer:
    """The running turn is to be given these rows now."""

    ids: tuple[int, ...]  # oldest first, never empty


Verdict: TypeAlias = Idle | Wait | Due | Interrupt | Steer


def decide(
    rows: Sequence[Pending],
    *,
    running: bool,
    mode: Mode,
    hurried_upto: int,
    now: float,
    limits: Limits,
    steerable: Binding | None = None,
) -> Verdict:
    """What a session should do now.

    `hurried_upto` is the highest id that need not wait for its window: raised by `go`, by the end of a run for what
    arrived meanwhile, and once a batch was found due (waiting for admission does not open a second window).
    `steerable` is the binding of the running turn if that takes further text now.
    """
    if not rows:
        return Wait(None) if running else Idle()
    if running and not _may_reach(mode, rows[0], steerable):
        return Wait(None)
    batch = first_batch(rows, limits)
    due_at = _due_at(rows, batch, hurried_upto, limits)
    if due_at > now:
        return Wait(due_at)
    ids = tuple(row.id for row in batch)
    if not running:
        return Due(ids)
    return Steer(ids) if mode == "steer" else Interrupt()


def _may_reach(mode: Mode, oldest: Pending, steerable: Binding | None) -> bool:
    """Whether what waits may touch the running turn. What it may not hear holds up what came later."""
    return mode == "interrupt" or (mode == "steer" and oldest.binding == steerable)


def first_batch(rows: Sequence[Pending], limits: Limits) -> Sequence[Pending]:
    """The longest run of oldest rows that share a binding and fit the caps; at least one row."""
    size = 0
    for count, row in enumerate(rows):
        size += row.size
        over = count == limits.max_batch_messages or (size > limits.max_batch_bytes and count > 0)
        if over or row.binding != rows[0].binding:
            return rows[:count]
    return rows


def _due_at(rows: Sequence[Pending], batch: Sequence[Pending], hurried_upto: int, limits: Limits) -> float:
    # A batch that nothing can join any more has no reason to wait.
    closed = (
        len(batch) < len(rows)
        or len(batch) >= limits.max_batch_messages
        or sum(row.size for row in batch) >= limits.max_batch_bytes
    )
    if closed or batch[0].id <= hurried_upto:
        return float("-inf")
    quiet = max(row.arrived for row in batch) + limits.window
    return min(quiet, min(row.arrived for row in batch) + limits.max_wait)
