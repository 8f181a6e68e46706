"""Agents outside of projects work on the bot's own machine, in a sandbox: for operators and owners alone (P12)."""

from __future__ import annotations

from bot.commands.model import Role
from bot.commands.registry import ROLES
from dispatcher.model import Event, Notice

LEAST: Role = "operator"
TEXT = (
    "That was not given to an agent: this conversation is about no project, and agents outside of projects are for "
    "operators. Ask one to choose a project here (`use <name>`)."
)


def barred(role: Role | None, event: Event, target: str) -> Notice | None:
    """What is told where text would reach an agent on the host; None: this role may use one there."""
    if role is not None and ROLES.index(role) >= ROLES.index(LEAST):
        return None
    key = f"no-project/{event.transport}/{event.account}/{event.session}/{event.event_id}"
    return Notice(target, TEXT, "refusal", key)
