"""Messages that their sender changes, or takes back."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bot.gateway.api import ordering
from bot.gateway.api.fields import Number
from bot.gateway.api.model import Answer, Backstage, Call, Given, Problem, Route, Shown
from bot.gateway.api.sessions import SessionParams, Text, visible, words
from bot.gateway.model import Caller
from bot.store.records import MessageRecord
from transports.base import Ack, Amendment

# ---------------------------------------------------------------- what goes in and out


class MessageParams(SessionParams):
    id: Number


class NewText(Given):
    text: Text


class Amended(Shown):
    """What became of a change."""

    status: Literal["changed", "late", "unknown", "refused"] = Field(
        description="`late`: a run has the message. `unknown`: it is none that can be changed. `refused`: not so."
    )
    text: str = Field(description="In words.")


# ---------------------------------------------------------------- acting


async def change(call: Call[MessageParams, NewText], stage: Backstage) -> Answer:
    record, text = await _own(call, stage), words(call.body.text)
    return _amended(await stage.amend(_amendment(call.caller, record, text)), "Changed.")


async def retract(call: Call[MessageParams, None], stage: Backstage) -> Answer:
    record = await _own(call, stage)
    return _amended(await stage.amend(_amendment(call.caller, record, None)), "Taken back.")


async def _own(call: Call[MessageParams, object], stage: Backstage) -> MessageRecord:
    """Raises Problem."""
    caller, key = call.caller, call.params.key
    await visible(caller, key, stage)
    record = await stage.history.message(call.params.id)
    if record is None or record.session != key:
        raise Problem(404, f"There is no message {call.params.id} here.")
    said_by = record.transport, record.account, record.sender
    if said_by != (caller.account.transport, ordering.account_of(caller), caller.account.user):
        raise Problem(403, "Only who said it may change it, and where it was said.")
    return record


def _amendment(caller: Caller, record: MessageRecord, text: str | None) -> Amendment:
    return Amendment(
        session=record.session,
        transport=record.transport,
        account=record.account,
        event_id=record.event_id,
        sender=caller.account.user,
        text=text,
    )


def _amended(ack: Ack, done: str) -> Answer:
    if ack.status == "changed":
        return Answer(Amended(status="changed", text=done))
    if ack.status == "late":
        return Answer(Amended(status="late", text="Too late: a run has it already. Say it anew."))
    if ack.status == "refused":
        return Answer(Amended(status="refused", text=f"It was refused: {ack.reason}."))
    if ack.status == "unknown":
        return Answer(Amended(status="unknown", text="It is no message that waits; it stays as it is."))
    raise Problem(403, ordering.NO_ROLE)


ROUTES = (
    Route(
        "PUT",
        "/sessions/{key}/messages/{id}",
        "Changes a message of your own that still waits",
        "member",
        change,
        {200: Amended},
        MessageParams,
        NewText,
    ),
    Route(
        "DELETE",
        "/sessions/{key}/messages/{id}",
        "Takes a message of your own back that still waits",
        "member",
        retract,
        {200: Amended},
        MessageParams,
    ),
)
