"""The descriptors that the program was started with."""

from __future__ import annotations

import sys
from typing import TextIO


def stdin_fd() -> int | None:
    """Standard input; None where the program was started with it closed."""
    return _descriptor(sys.__stdin__)


def stdout_fd() -> int | None:
    """Standard output; None where the program was started with it closed."""
    return _descriptor(sys.__stdout__)


def _descriptor(stream: TextIO | None) -> int | None:
    # A number that was closed at the start belongs to the next file that is opened: perhaps the database.
    return None if stream is None else stream.fileno()
