"""In which sessions everything said is meant for the bot. Held in memory, so that a look takes no time."""

from __future__ import annotations

from collections.abc import Mapping

from dispatcher.model import SessionKey


class Ambient:
    """Follows the sessions of the store, commit by commit: a new one begins with what its parent is set to."""

    def __init__(self, sessions: Mapping[SessionKey, bool]) -> None:
        """`sessions`: every one that is known, and whether it is ambient."""
        self._sessions = dict(sessions)

    def is_on(self, session: SessionKey, parent: SessionKey) -> bool:
        return self._sessions.get(session, self._sessions.get(parent, False))

    def knows(self, session: SessionKey) -> bool:
        return session in self._sessions

    def committed(self, session: SessionKey, parent: SessionKey, binds: Mapping[str, str | None]) -> None:
        """A message of this session is in the inbox."""
        self._sessions[session] = binds["ambient"] == "on" if "ambient" in binds else self.is_on(session, parent)
