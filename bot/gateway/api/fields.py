"""Kinds of values that several nouns take or show."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field

from bot.gateway.api.model import LARGEST, MOST

# One line of what can be printed: neither controls nor the line ends of Unicode.
LINE = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]+$"
WORD = r"^[^\s\u0000-\u001f\u007f-\u009f\u2028\u2029]+$"

Number = Annotated[int, Field(ge=1, le=LARGEST)]
Limit = Annotated[int, Field(ge=1, le=MOST, description="Entries of the page, at most.")]
Name = Annotated[str, Field(max_length=39, pattern="^[a-z][a-z0-9-]*$", description="A project's name.")]
Key = Annotated[
    str,
    Field(min_length=1, max_length=1000, pattern=LINE, description="A session's key; in a path its slashes are `%2F`."),
]


def moment(seconds: float) -> datetime:
    """RFC 3339, once it is JSON."""
    return datetime.fromtimestamp(seconds, UTC)


def maybe(seconds: float | None) -> datetime | None:
    return None if seconds is None else moment(seconds)
