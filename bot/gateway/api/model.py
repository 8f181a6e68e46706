"""The words of the API: what a route is, what a call of one is, what it may ask of the bot. No logic here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from bot.commands.model import Reply, Role
from bot.gateway.model import Caller
from bot.projects.images import Tool
from bot.projects.model import Project, Stack
from bot.runs.asking import Question
from bot.store.records import MessageRecord, RunRecord, RunsWanted, SessionRecord
from transports.base import Ack, Inbound

BASE = "/api/v1"
MOST = 200  # entries of one page
LARGEST = 2**53 - 1  # a number that every JSON reader keeps, and every database

P = TypeVar("P", covariant=True)
B = TypeVar("B", covariant=True)

# ---------------------------------------------------------------- what goes in and out


class Given(BaseModel):
    """What a caller sends. What we do not know is refused, so that a slip of the pen is no wish unheard."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Shown(BaseModel):
    """What a caller is shown."""

    model_config = ConfigDict(frozen=True)


class NoParams(Given):
    """A route that takes none."""


class Refusal(Shown):
    """Why there is no better answer."""

    error: str = Field(description="A word for programs.")
    message: str = Field("", description="Words for people. Every refusal of the API itself has some.")
    field: str = Field("", description="What was wrong in the request, where it was one thing.")
    reference: str = Field("", description="Where the bot's log has more.")


class Problem(Exception):
    """Ends a call."""

    def __init__(self, status: int, message: str, *, field: str = "", error: str = "", reference: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.field = field
        self.error = error
        self.reference = reference


# ---------------------------------------------------------------- routes


@dataclass(frozen=True, slots=True)
class Call(Generic[P, B]):
    """One request, read and found right. `params`: of path and query."""

    caller: Caller
    params: P
    body: B


@dataclass(frozen=True, slots=True)
class Answer:
    body: Shown
    status: int = 200


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table from which both the application and its document are made."""

    method: Literal["GET", "POST", "DELETE"]
    path: str  # below BASE; its {names} are fields of `params`
    summary: str
    role: Role
    handle: Callable[[Call[Any, Any], Backstage], Awaitable[Answer]]
    answers: Mapping[int, type[Shown]]
    params: type[Given] = NoParams
    body: type[Given] | None = None  # None: takes none
    refuses: Sequence[int] = ()  # beside what every route may answer
    details: str = ""


# ---------------------------------------------------------------- the bot


class History(Protocol):
    """bot.store.history.History or its twin. All raise StoreUnavailable."""

    async def sessions(
        self, *, limit: int, after: str | None = None, bound: bool = False
    ) -> Sequence[SessionRecord]: ...

    async def session(self, key: str) -> SessionRecord | None: ...

    async def target(self, session: str) -> str | None: ...

    async def messages(self, session: str, *, limit: int, before: int | None = None) -> Sequence[MessageRecord]: ...

    async def runs(self, wanted: RunsWanted) -> Sequence[RunRecord]: ...


Container: TypeAlias = str  # running | stopped | gone | unhealthy | out of memory | unknown


@dataclass(frozen=True, slots=True)
class Backstage:
    """What the API needs of the bot."""

    history: History
    run: Callable[[int], Awaitable[RunRecord | None]]
    project: Callable[[str], Awaitable[Project | None]]
    projects: Callable[[], Awaitable[Sequence[Project]]]
    containers: Callable[[Sequence[Project]], Awaitable[Mapping[str, Container]]]  # by name; raises UserError
    # With what is in them; None: no image has it yet, or none could be asked.
    stacks: Callable[[], Awaitable[Sequence[tuple[Stack, Sequence[Tool] | None]]]]
    questions: Callable[[str], Sequence[Question]]  # that wait for an answer in a session, the oldest first
    receive: Callable[[Inbound], Awaitable[Ack]]  # done after the commit
    perform: Callable[[Inbound], Awaitable[tuple[Ack, Reply | None]]]  # done when the command has ended
