"""From a reply target to the transport that reaches it."""

from __future__ import annotations

from collections.abc import Mapping

from transports.base import Transport


class Places:
    """Targets are opaque but for their first part, which names the transport ("console/local")."""

    def __init__(self, transports: Mapping[str, Transport]) -> None:
        self._transports = transports

    def of(self, target: str) -> Transport | None:
        """None: that transport is not part of this start of the bot."""
        return self._transports.get(target.partition("/")[0])

    def edits(self, target: str) -> bool:
        """Whether what was said there can be changed."""
        transport = self.of(target)
        return transport is not None and transport.capabilities.edit
