"""What becomes of messages that arrive together: pure, so that many puts need few statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.store.records import SessionSettings
from bot.store.rules import NO_PROJECT, REFUSED_TEXT, begun, binding_of, keyed, rebound
from dispatcher.model import (
    Accepted,
    Binding,
    Duplicate,
    Event,
    Message,
    Notice,
    Receipt,
    Refused,
    SessionKey,
    State,
)


@dataclass(frozen=True, slots=True)
class Put:
    """One message with what was decided when it was handed in."""

    id: int
    message: Message
    at: float  # wall
    max_waiting: int = 0
    reason: str = ""  # set: refuse it for its own sake
    notice: Notice | None = None  # said if it is refused


@dataclass(slots=True)
class Known:
    """What the database holds about the events and sessions of the puts. Grows with each put that is judged."""

    events: dict[Event, int]
    settings: dict[SessionKey, SessionSettings]
    waiting: dict[SessionKey, int]


@dataclass(slots=True)
class Plan:
    """What to write, in order."""

    receipts: list[Receipt] = field(default_factory=list)
    rows: list[dict[str, object]] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    seen: dict[SessionKey, float] = field(default_factory=dict)


def plan(puts: Sequence[Put], known: Known) -> Plan:
    planned = Plan()
    for put in puts:
        planned.receipts.append(_judge(put, known, planned))
    return planned


def _judge(put: Put, known: Known, planned: Plan) -> Receipt:
    if (first := known.events.get(put.message.event)) is not None:
        return Duplicate(first)
    if reason := _refusal(put, known.waiting):
        return _refuse(put, reason, known, planned)
    if put.message.needs_project and _binding(put.message, known).project is None:
        (notice,) = keyed([put.message.needs_project])
        return _refuse(replace(put, notice=notice), NO_PROJECT, known, planned)
    state = State.ACCEPTED if put.message.kind == "command" else State.WAITING
    project = _binding(put.message, known).project  # before what the message itself binds
    _take(put, state, "", known, planned)
    return Accepted(put.id, project)


def _binding(message: Message, known: Known) -> Binding:
    return binding_of(begun(known.settings, message.event.session, message.parent), message.default)


def _refusal(put: Put, waiting: Mapping[SessionKey, int]) -> str:
    if put.reason:
        return put.reason
    full = put.message.kind == "text" and waiting.get(put.message.event.session, 0) >= put.max_waiting
    return f"{put.max_waiting} messages are waiting already" if full else ""


def _refuse(put: Put, reason: str, known: Known, planned: Plan) -> Receipt:
    short = replace(put.message, text=put.message.text[:REFUSED_TEXT], kind="text", binds={})
    _take(replace(put, message=short), State.REFUSED, reason, known, planned)
    if put.notice is not None:
        planned.notices.append(put.notice)
    return Refused(put.id, reason)


def _take(put: Put, state: State, reason: str, known: Known, planned: Plan) -> None:
    message, session = put.message, put.message.event.session
    settings = begun(known.settings, session, message.parent)
    known.events[message.event] = put.id
    known.settings[session] = rebound(settings, message.binds)
    if state is State.WAITING:
        known.waiting[session] = known.waiting.get(session, 0) + 1
    planned.rows.append(_row(put, binding_of(settings, message.default), state, reason))
    planned.seen[session] = put.at


def _row(put: Put, binding: Binding, state: State, reason: str) -> dict[str, object]:
    message = put.message
    return {
        "id": put.id,
        "session": message.event.session,
        "transport": message.event.transport,
        "account": message.event.account,
        "event_id": message.event.event_id,
        "sender": message.sender,
        "sender_name": message.sender_name,
        "text": message.text,
        "attachments": list(message.attachments),
        "sent_at": message.sent_at,
        "accepted_at": put.at,
        "kind": message.kind,
        "project": binding.project,
        "agent": binding.agent,
        "direct": message.direct,
        "target": message.target,
        "state": state.value,
        "reason": reason,
    }
