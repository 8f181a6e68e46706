"""The log: standard error, for the operator. Chats never see it."""

from __future__ import annotations

import json
import logging
import sys
from typing import TextIO


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = {"time": record.created, "level": record.levelname.lower(), "logger": record.name}
        fields["message"] = record.getMessage()
        if record.exc_info:
            fields["trace"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)


def configure(level: str, *, json_lines: bool, stream: TextIO = sys.stderr) -> None:
    """Set the root logger up. `level`: debug, info, warning or error."""
    handler = logging.StreamHandler(stream)
    plain = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(_JsonLines() if json_lines else plain)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
