"""Chat commands: declared once, parsed purely, explained from their declaration."""

from __future__ import annotations

from typing import Literal, cast

from bot.commands import (  # the noun it is
    about,
    completion,
    files,
    grammar,
    help,  # noqa: A004
    members,
    permissions,
    projects,
    runs,
    session,
    words,
)
from bot.commands.model import CommandCall, Names, Parsed
from bot.commands.registry import Registry

REGISTRY: Registry = Registry(
    (
        runs.STOP,
        runs.RETRY,
        runs.RUNS,
        runs.RUN,
        permissions.ALLOW,
        permissions.DENY,
        permissions.SHOW,
        session.STATUS,
        session.GO,
        session.RESET,
        session.MODE,
        session.AGENT,
        session.AMBIENT,
        *projects.ALL,
        files.SEND,
        *members.ALL,
        about.help_command(lambda: REGISTRY),
        about.VERSION,
    )
)


def parse(text: str, names: Names) -> Parsed:
    """What a message is, by the commands there are. Pure; never raises."""
    return grammar.parse(text, REGISTRY, names)


def stop_scope(text: str) -> int | Literal["session", "all"] | None:
    """What a message would stop: one run, this session, everything; None: it is no stop. Never raises."""
    call = parse(text, Names())
    if not isinstance(call, CommandCall) or call.command is not runs.STOP:
        return None
    return cast("int | Literal['session', 'all']", call.args.get("what", "session"))


def complete(text: str, names: Names) -> list[completion.Candidate]:
    """Candidates for the last word of `text`, each with its meaning. Pure."""
    return completion.complete(text, REGISTRY, names)


def document() -> str:
    """docs/reference/commands.md."""
    return help.document(REGISTRY)


def interrupted(text: str, names: Names) -> str:
    """The notice for a command that a restart cut off; one that only binds settings took effect all the same."""
    call = parse(text, names)
    if isinstance(call, CommandCall) and call.command.binds and call.command.binds(call.args, names):
        return words.settled(text)
    if isinstance(call, CommandCall) and call.command is runs.RETRY:
        return words.uncertain(text)
    return words.interrupted(text)
