"""The log: standard error, for the operator. Chats never see it, and no line of it shows a secret.

Both forms are made here, of every logger's records, so whatever a library says at debug level is masked too. The
standard library can do all of it; a second logging library would leave the records of all others to it anyway.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Mapping
from contextvars import ContextVar
from typing import TextIO

from bot.hidden import masked

# What a line is about, where it is known: given by `extra`, or by the task that works on it.
FIELDS = (
    *("run", "session", "transport", "reference"),
    *("event", "kind", "project", "agent", "state", "seconds", "cost", "processes"),  # of a run's step
)

_ABOUT: ContextVar[Mapping[str, object]] = ContextVar("about", default={})  # noqa: B039 - never changed in place


def about(**fields: object) -> None:
    """What the current task, and every task it starts from now on, works on. Names are those of FIELDS.

    A task that outlives its run, as that of an agent which rests for the next one, keeps the first run's number.
    """
    _ABOUT.set({**_ABOUT.get(), **fields})


class _Plain(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        return _one_line(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        # Masked before it is encoded: a value with a quotation mark in it would look different afterwards.
        fields: dict[str, object] = {
            "time": _rfc3339(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": masked(record.getMessage()),
        }
        fields |= {name: _plain_value(value) for name, value in _known(record).items()}
        if record.exc_info and record.exc_info[0] is not None:
            fields["exception"] = masked(self.formatException(record.exc_info))
        if record.stack_info:
            fields["stack"] = masked(record.stack_info)
        return json.dumps(fields, ensure_ascii=False)


def _known(record: logging.LogRecord) -> Mapping[str, object]:
    given = {name: getattr(record, name) for name in FIELDS if getattr(record, name, None) is not None}
    return {**_ABOUT.get(), **given}


def _plain_value(value: object) -> object:
    return value if isinstance(value, bool | int | float) else masked(str(value))


def _rfc3339(seconds: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1000):03d}Z"


def _one_line(text: str) -> str:
    """What people and agents write must not look like further lines of the log, nor steer a terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


class _Stream(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """The library would print the arguments of the line that could not be written, unmasked."""
        if not isinstance(sys.exc_info()[1], OSError | ValueError):
            self.stream.write(f"a line of {record.name} could not be written ({sys.exc_info()[0]})\n")


def configure(level: str, *, json_lines: bool, stream: TextIO | None = None) -> None:
    """Set the root logger up. `level`: debug, info, warning or error."""
    handler = _Stream(stream or sys.stderr)
    handler.setFormatter(_JsonLines() if json_lines else _Plain())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)
