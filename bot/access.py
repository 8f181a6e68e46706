"""Who may do what. Default deny; the person at the console is the owner.

Pairing and roles for chat networks arrive with the first of them; the seam is `role`.
"""

from __future__ import annotations

from bot.commands.model import Role
from transports.base import Amendment, Inbound

CONSOLE = "console"


def role(inbound: Inbound | Amendment) -> Role | None:
    """None: a stranger, who gets nothing, not even a row."""
    return "owner" if inbound.transport == CONSOLE else None
