"""What is meant for the bot, of all that is said in rooms with several people."""

from __future__ import annotations

from collections.abc import Callable

from bot.access.ambient import Ambient
from bot.commands import permissions, runs
from bot.commands.model import CommandCall, Parsed
from transports.base import Inbound

ANSWERS = (permissions.ALLOW, permissions.DENY, permissions.SHOW)  # to what an agent asks


class Hearing:
    def __init__(
        self,
        ambient: Ambient,
        asks: Callable[[str], bool],  # whether an agent's question waits in this session
        busy: Callable[[str], bool],  # whether something of this session runs or waits
    ) -> None:
        self.ambient = ambient
        self.asks = asks
        self._busy = busy

    def is_meant(self, inbound: Inbound, parsed: Parsed) -> bool:
        """Also what nobody should have to address: the end of work under way, and answers to what it asks."""
        if inbound.addressed or inbound.direct or inbound.answers:
            return True
        if self.ambient.is_on(inbound.session, inbound.parent):
            return True
        if not isinstance(parsed, CommandCall):
            return False
        if parsed.command is runs.STOP:
            return self._busy(inbound.session)
        return parsed.command in ANSWERS and self.asks(inbound.session)
