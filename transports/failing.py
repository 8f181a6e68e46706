"""What every transport makes of a network that refuses us."""

from __future__ import annotations

from typing import NoReturn

from transports.base import Disconnected, PermanentFailure, TemporaryFailure

REFUSED = 60.0  # seconds before a message is tried again that a revoked token kept from its place


def refused(exc: Disconnected) -> NoReturn:
    """Nothing is wrong with the message: it waits until somebody has mended the account."""
    raise TemporaryFailure(str(exc), retry_after=REFUSED) from exc


def cause(group: ExceptionGroup[Exception]) -> Exception:
    """What ended `run`, without the groups of its tasks around it."""
    first: Exception = group
    while isinstance(first, ExceptionGroup):
        first = first.exceptions[0]
    if isinstance(first, TemporaryFailure | PermanentFailure):
        return Disconnected(str(first), lasting=isinstance(first, PermanentFailure))
    return first
