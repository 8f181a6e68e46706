"""What members see of conversations that are not their own: what is about a project, as live events have it.

A conversation that is about a project now may have been about the bot's own machine before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias

from bot.gateway.api import ordering
from bot.gateway.api.model import MOST, Backstage
from bot.gateway.callers import is_private
from bot.gateway.model import Caller
from bot.store.records import MessageRecord, RunRecord
from bot.transcript.model import Said

Entry: TypeAlias = MessageRecord | Said

_COMMAND = re.compile(r"command/(\d{1,16})", re.ASCII)  # the key of what a command was answered


def sees_all(caller: Caller, session: str) -> bool:
    return caller.role != "member" or ordering.owns(caller, session)


def sees_run(caller: Caller, run: RunRecord) -> bool:
    """Runs on the bot's own machine are for operators, those of a private conversation for whose it is."""
    return sees_all(caller, run.session) or (run.project is not None and not is_private(run.session))


async def seen(caller: Caller, session: str, entries: Sequence[Entry], limit: int, stage: Backstage) -> Sequence[Entry]:
    """Of the first `limit` those that the caller sees. `entries`: the newest first, at least to the message before."""
    if sees_all(caller, session):
        return entries[:limit]
    shown: list[Entry] = []
    last: MessageRecord | None = None
    for place in reversed(range(len(entries))):
        each = entries[place]
        if isinstance(each, MessageRecord):
            last, shows = each, place < limit and _is_bound(each)
        else:
            shows = place < limit and await _is_about_one(each, last, stage)
        if shows:
            shown.append(each)
    return shown[::-1]


async def sees(caller: Caller, said: Said, stage: Backstage) -> bool:
    return sees_all(caller, said.session) or await _is_about_one(said, await _before(said, stage), stage)


async def _is_about_one(said: Said, last: MessageRecord | None, stage: Backstage) -> bool:
    """Whether a message of ours is about a project. `last`: what somebody said before it."""
    if said.run is not None:
        run = await stage.run(said.run)
        return run is not None and run.project is not None
    if (command := _COMMAND.fullmatch(said.key)) is not None:
        last = await stage.history.message(int(command[1]))
    return _is_bound(last)


def _is_bound(message: MessageRecord | None) -> bool:
    """None: nobody had asked for anything, as in a room that was made for a project."""
    return message is None or message.project is not None


async def _before(said: Said, stage: Backstage) -> MessageRecord | None:
    before: int | None = None
    while found := await stage.history.messages(said.session, limit=MOST, before=before):
        for message in found:
            if message.accepted_at <= said.at:
                return message
        before = found[-1].id
    return None
