"""What becomes of messages, as whoever takes them in knows it. The ledger's part of their lives is in witness.py."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import PurePath
from typing import Generic, TypeVar

from bot.happenings.model import (
    MessageAccepted,
    MessageEdited,
    MessageRefused,
    MessageRetracted,
    MessagesAnswered,
    RunQueued,
    Tell,
    nobody,
)
from dispatcher.model import Accepted, Event, Message, Observer, Receipt, Refused, SessionKey, State

REMEMBERED = 10_000

K = TypeVar("K")
V = TypeVar("V")


class _Recent(Generic[K, V]):
    """The newest of what was put in."""

    def __init__(self) -> None:
        self._all: OrderedDict[K, V] = OrderedDict()

    def put(self, key: K, value: V) -> None:
        self._all[key] = value
        self._all.move_to_end(key)
        if len(self._all) > REMEMBERED:
            self._all.popitem(last=False)

    def get(self, key: K) -> V | None:
        return self._all.get(key)

    def __contains__(self, key: K) -> bool:
        return key in self._all


@dataclass(frozen=True, slots=True)
class Said:
    """A message, as it came."""

    event: Event
    sender: str
    sender_name: str
    text: str
    attachments: tuple[str, ...] = ()
    command: bool = False


class Heard:
    """Remembers just enough to say where a later change belongs."""

    def __init__(self, tell: Tell = nobody) -> None:
        self._tell = tell
        self._messages: _Recent[Event, Accepted] = _Recent()
        self._projects: _Recent[SessionKey, str | None] = _Recent()  # of the newest message of a session

    def received(self, said: Said, receipt: Receipt) -> None:
        """A message is in the inbox, or was refused."""
        session, event_id = said.event.session, said.event.event_id
        if isinstance(receipt, Refused):
            self._tell(MessageRefused(session=session, id=receipt.id, event_id=event_id, reason=receipt.reason))
        elif isinstance(receipt, Accepted):
            self._messages.put(said.event, receipt)
            self._projects.put(session, receipt.project)
            self._tell(_accepted(said, receipt))

    def repeated(self, message: Message, receipt: Receipt) -> None:
        """What `retry` says once more."""
        self.received(Said(message.event, message.sender, message.sender_name, message.text), receipt)

    def changed(self, event: Event, text: str | None) -> None:
        """A waiting message was edited; None: taken back."""
        receipt = self._messages.get(event)
        number, project = (receipt.id, receipt.project) if receipt else (None, None)
        session, event_id = event.session, event.event_id
        if text is None:
            self._tell(MessageRetracted(session=session, project=project, id=number, event_id=event_id))
        else:
            self._tell(MessageEdited(session=session, project=project, id=number, event_id=event_id, text=text))

    def answered(self, session: SessionKey, receipt: Accepted, text: str, *, ok: bool) -> None:
        """A command has ended."""
        state = State.DONE if ok else State.FAILED
        self._tell(
            MessagesAnswered(session=session, project=receipt.project, ids=(receipt.id,), state=state.value, text=text)
        )

    def knows(self, session: SessionKey) -> bool:
        """Whether a message of it was taken in, not too long ago."""
        return session in self._projects

    def project(self, session: SessionKey) -> str | None:
        """That its newest message is about."""
        return self._projects.get(session)

    def observer(self, observer: Observer) -> Observer:
        return _Observing(observer, self)

    def queued(self, session: SessionKey, place: int, ahead: str) -> None:
        self._tell(RunQueued(session=session, project=self._projects.get(session), place=place, ahead=ahead))


def _accepted(said: Said, receipt: Accepted) -> MessageAccepted:
    return MessageAccepted(
        session=said.event.session,
        project=receipt.project,
        id=receipt.id,
        event_id=said.event.event_id,
        sender=said.sender,
        sender_name=said.sender_name,
        text=said.text,
        command=said.command,
        attachments=tuple(PurePath(path).name for path in said.attachments),  # where they lie is nobody's business
    )


class _Observing:
    """dispatcher.model.Observer around another."""

    def __init__(self, observer: Observer, heard: Heard) -> None:
        self._observer = observer
        self._heard = heard

    def queued(self, session: SessionKey, target: str, place: int, ahead: str) -> None:
        self._observer.queued(session, target, place, ahead)
        self._heard.queued(session, place, ahead)

    def admitted(self, session: SessionKey) -> None:
        self._observer.admitted(session)

    def unsteerable(self, session: SessionKey, target: str) -> None:
        self._observer.unsteerable(session, target)

    def trouble(self, session: SessionKey, text: str) -> None:
        self._observer.trouble(session, text)
