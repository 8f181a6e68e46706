"""Where an agent without a project works: one directory per session, below the data directory."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path


class Scratch:
    def __init__(self, data: Path) -> None:
        self._root = data / "sessions"

    def __call__(self, session: str) -> Path:
        """The session's directory, made if it is not there. Raises OSError."""
        path = self._root / folder(session)
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path


def folder(session: str) -> str:
    """A readable name that no two sessions share, whatever a network puts into its room names."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", session).strip("-")[:40] or "session"
    return f"{readable}-{hashlib.sha256(session.encode()).hexdigest()[:10]}"
