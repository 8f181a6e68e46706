"""Checks, all at once, each bounded: what hangs, a dead network file system included, is told and left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from bot.checks.base import Check


@dataclass(frozen=True, slots=True)
class Trial:
    """Some checks that are looked at together, in this order."""

    name: str  # of the check that stands for them where they cannot be had
    patience: float  # seconds
    look: Callable[[], Iterable[Check]]


def examined(trials: Sequence[Trial]) -> list[Check]:
    """In the order of `trials`."""
    began = time.monotonic()
    futures = [_begun(trial) for trial in trials]
    return [check for trial, future in zip(trials, futures, strict=True) for check in _end(trial, future, began)]


def _begun(trial: Trial) -> Future[list[Check]]:
    future: Future[list[Check]] = Future()

    def look() -> None:
        try:
            future.set_result(list(trial.look()))
        except BaseException as exc:
            future.set_exception(exc)

    # Not of an executor: its threads are waited for at the exit, also those that hang.
    threading.Thread(target=look, name=f"check {trial.name}", daemon=True).start()
    return future


def _end(trial: Trial, future: Future[list[Check]], began: float) -> list[Check]:
    again = "tugbot doctor"
    try:
        return future.result(max(0.0, began + trial.patience - time.monotonic()))
    except TimeoutError as exc:
        if future.done():
            return [Check(trial.name, False, _said(exc), again)]  # one of its own
        return [Check(trial.name, False, f"no answer within {trial.patience:.0f} s", again)]
    except Exception as exc:  # whatever it is, the other checks are worth seeing
        return [Check(trial.name, False, _said(exc), again)]


def _said(exc: Exception) -> str:
    return f"{type(exc).__name__}: {' '.join(str(exc).split())}".rstrip(": ")
