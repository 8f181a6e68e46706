"""Conversations as their chats show them: what was said to the bot, and what the bot said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from bot.gateway.api import ordering, sight
from bot.gateway.api.fields import Limit, Number, maybe, moment
from bot.gateway.api.model import LARGEST, Answer, Backstage, Call, Given, Problem, Route, Shown
from bot.gateway.api.sessions import Message, SessionParams, Taken, shown, taken, visible
from bot.gateway.model import Caller
from bot.store.records import MessageRecord
from bot.transcript import model as words

_CURSOR = re.compile(r"m(\d{1,16})\.s(\d{1,16})", re.ASCII)
CURSOR = r"^m[0-9]{1,16}\.s[0-9]{1,16}$"

# ---------------------------------------------------------------- what goes in and out


class TranscriptParams(SessionParams):
    limit: Limit = 50
    before: Annotated[str, Field(max_length=40, pattern=CURSOR)] | None = Field(
        None, description="The `next` of the page before: only what is older."
    )


class Part(Shown):
    text: str = Field(description="Markdown.")
    aside: bool = Field(description="It tells of the work rather than its result.")


class Press(Shown):
    """Something that can be pressed under a message."""

    text: str = Field(description="What it says, as if typed; the `choice` of a press.")
    label: str


class SaidFile(Shown):
    name: str
    size: int = Field(description="Bytes.")
    kept: bool = Field(description="Whether its content can be had here.")


class Said(Shown):
    """A message of the bot's, as the chat shows it now."""

    id: int
    kind: str = Field(description="`header`, `stream`, `tool`, `answer`, `failure`, `receipt`, `refusal`, `file` …")
    parts: list[Part]
    choices: list[Press]
    run: int | None
    at: datetime
    changed_at: datetime | None
    version: int = Field(description="How often it was changed; `said.changed` names the one that it makes.")
    file: SaidFile | None


class Entry(Shown):
    """One of the two."""

    message: Message | None = Field(description="What was said to the bot.")
    said: Said | None = Field(description="What the bot said.")


class Transcript(Shown):
    entries: list[Entry] = Field(description="The newest first.")
    next: str | None = Field(description="`before` of the next page; null: this is the last.")


class Pressed(Given):
    said: Number = Field(description="The id of the message that it is under.")
    choice: str = Field(min_length=1, max_length=1000, description="The `text` of one of its choices.")


# ---------------------------------------------------------------- reading


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: below these ids. Two, because each kind has its own."""

    message: int = LARGEST
    said: int = LARGEST

    def __str__(self) -> str:
        return f"m{self.message}.s{self.said}"


async def page(call: Call[TranscriptParams, None], stage: Backstage) -> Answer:
    key, limit = call.params.key, call.params.limit
    if ordering.owns(call.caller, key) and await stage.history.session(key) is None:
        return Answer(Transcript(entries=[], next=None))  # it begins with the first message
    await visible(call.caller, key, stage)
    cursor = _cursor(call.params.before)
    messages = await stage.history.messages(key, limit=limit + 1, before=cursor.message)
    said = await stage.transcript.page(key, limit=limit + 1, before=cursor.said)
    merged = _merged(messages, said)
    entries = [_entry(each) for each in await sight.seen(call.caller, key, merged, limit, stage)]
    after = str(_after(cursor, messages, said, merged[:limit])) if len(merged) > limit else None
    return Answer(Transcript(entries=entries, next=after))


def _cursor(before: str | None) -> Cursor:
    found = _CURSOR.fullmatch(before or "")
    return Cursor(int(found[1]), int(found[2])) if found else Cursor()


Either = MessageRecord | words.Said


def _merged(messages: Sequence[MessageRecord], said: Sequence[words.Said]) -> list[Either]:
    """By time, the newest first, but each kind in the order of its ids: clocks are set back."""
    merged: list[Either] = []
    left, right = list(messages[::-1]), list(said[::-1])
    while left and right:
        # What was said in the same moment is the answer.
        merged.append(left.pop() if left[-1].accepted_at > right[-1].at else right.pop())
    return [*merged, *left[::-1], *right[::-1]]


def _after(
    cursor: Cursor, messages: Sequence[MessageRecord], said: Sequence[words.Said], shown: Sequence[Either]
) -> Cursor:
    """Below what was shown; a kind of which nothing was shown begins where it did, without what has come since."""
    return Cursor(
        _below(cursor.message, messages, [each for each in shown if isinstance(each, MessageRecord)]),
        _below(cursor.said, said, [each for each in shown if isinstance(each, words.Said)]),
    )


def _below(before: int, found: Sequence[Either], shown: Sequence[Either]) -> int:
    if shown:
        return shown[-1].id
    return min(before, found[0].id + 1) if found else 0


def _entry(each: Either) -> Entry:
    if isinstance(each, MessageRecord):
        return Entry(message=shown(each), said=None)
    return Entry(message=None, said=_said(each))


def _said(said: words.Said) -> Said:
    file = said.file
    return Said(
        id=said.id,
        kind=said.kind,
        parts=[Part(text=part.text, aside=part.aside) for part in said.parts],
        choices=[Press(text=choice.text, label=choice.label) for choice in said.choices],
        run=said.run,
        at=moment(said.at),
        changed_at=maybe(said.changed_at),
        version=said.version,
        file=SaidFile(name=file.name, size=file.size, kept=file.kept) if file else None,
    )


# ---------------------------------------------------------------- acting


async def press(call: Call[SessionParams, Pressed], stage: Backstage) -> Answer:
    """As a button of any chat: what it says is said, and which message it is under goes with it."""
    key, choice = call.params.key, call.body.choice
    await visible(call.caller, key, stage)
    said = await said_here(call.caller, key, call.body.said, stage)
    if choice not in [each.text for each in said.choices]:
        raise Problem(409, "There is nothing of that kind to press under it now.", error="not_there")
    return taken(await stage.receive(ordering.inbound(call.caller, key, said.target, choice, answers=said.key)))


async def said_here(caller: Caller, key: str, number: int, stage: Backstage) -> words.Said:
    """Raises Problem."""
    said = await stage.transcript.get(number)
    if said is None or said.session != key or not await sight.sees(caller, said, stage):
        raise Problem(404, f"There is no message {number} of the bot's here.")
    return said


ROUTES = (
    Route(
        "GET",
        "/sessions/{key}/transcript",
        "Shows a conversation as its chat shows it",
        "member",
        page,
        {200: Transcript},
        TranscriptParams,
        details="Of networks other than the page's it begins where this version of the bot did.",
    ),
    Route(
        "POST",
        "/sessions/{key}/presses",
        "Presses a button under a message of the bot's",
        "member",
        press,
        {202: Taken},
        SessionParams,
        Pressed,
        refuses=(409,),
    ),
)
