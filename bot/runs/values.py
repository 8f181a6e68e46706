"""Exceptions as values."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def as_value(work: Awaitable[T]) -> T | Exception:
    """An exception as a value: in a task of the group it would end every other session's work."""
    try:
        return await work
    except Exception as exc:
        return exc
