"""The words of the API: what a route is, what a call of one is, what it may ask of the bot. No logic here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from bot.commands.model import Reply, Role
from bot.gateway.api.errands import Errands
from bot.gateway.api.uploads import Uploads
from bot.gateway.model import Caller
from bot.projects.images import Tool
from bot.projects.inspection import Tree
from bot.projects.model import Project, Stack
from bot.projects.sshconfig import Access
from bot.runs.asking import Question
from bot.store.records import MessageRecord, RunRecord, RunsOfDay, RunsWanted, SessionRecord
from bot.transcript.model import Transcript
from transports.base import Ack, Amendment, Inbound

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

    def __init__(
        self,
        status: int,
        message: str,
        *,
        field: str = "",
        error: str = "",
        reference: str = "",
        retry_after: float | None = None,  # seconds
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.field = field
        self.error = error
        self.reference = reference
        self.retry_after = retry_after


class Incoming(Protocol):
    """A body that is taken as it comes."""

    @property
    def announced(self) -> int | None:
        """Bytes, as far as the request says."""
        ...

    def pieces(self, most: int) -> AsyncIterator[bytes]:
        """Raises what says that it is longer than `most` bytes, that nothing comes any more, or that it was cut off."""
        ...


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
class Content:
    """An answer that is a file."""

    path: Path
    name: str  # as people are offered it


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table from which both the application and its document are made."""

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str  # below BASE; its {names} are fields of `params`
    summary: str
    role: Role
    handle: Callable[[Call[Any, Any], Backstage], Awaitable[Answer | Content]]
    answers: Mapping[int, type[Shown] | type[Content]]
    params: type[Given] = NoParams
    body: type[Given] | None = None  # None: takes none
    raw: bool = False  # takes bytes instead, which its handler reads: Call.body is an Incoming
    refuses: Sequence[int] = ()  # beside what every route may answer
    details: str = ""


# ---------------------------------------------------------------- the bot


class History(Protocol):
    """bot.store.history.History or its twin. All raise StoreUnavailable."""

    async def sessions(
        self, *, limit: int, after: str | None = None, bound: bool = False, own: str | None = None
    ) -> Sequence[SessionRecord]: ...

    async def session(self, key: str) -> SessionRecord | None: ...

    async def target(self, session: str) -> str | None: ...

    async def messages(self, session: str, *, limit: int, before: int | None = None) -> Sequence[MessageRecord]: ...

    async def message(self, number: int) -> MessageRecord | None: ...

    async def days(self, since: int, *, bound: bool = False) -> Sequence[RunsOfDay]: ...

    async def runs(self, wanted: RunsWanted) -> Sequence[RunRecord]: ...


Container: TypeAlias = str  # running | stopped | gone | unhealthy | out of memory | unknown


class Insight(Protocol):
    """What is found out about one project by looking into it; bot.projectside.ProjectSide. All raise UserError."""

    async def tree(self, name: str) -> Tree: ...

    async def logs(self, name: str, lines: int) -> Sequence[str]: ...

    async def access(self, name: str) -> Access: ...


@dataclass(frozen=True, slots=True)
class Backstage:
    """What the API needs of the bot."""

    history: History
    transcript: Transcript
    uploads: Uploads
    files: Path  # those that the bot has sent: <id of the message>/<name>
    run: Callable[[int], Awaitable[RunRecord | None]]
    project: Callable[[str], Awaitable[Project | None]]
    projects: Callable[[], Awaitable[Sequence[Project]]]
    containers: Callable[[Sequence[Project]], Awaitable[Mapping[str, Container]]]  # by name; raises UserError
    # With what is in them; None: no image has it yet, or none could be asked.
    stacks: Callable[[], Awaitable[Sequence[tuple[Stack, Sequence[Tool] | None]]]]
    insight: Insight
    questions: Callable[[str], Sequence[Question]]  # that wait for an answer in a session, the oldest first
    receive: Callable[[Inbound], Awaitable[Ack]]  # done after the commit
    amend: Callable[[Amendment], Awaitable[Ack]]
    perform: Callable[[Inbound], Awaitable[tuple[Ack, Reply | None]]]  # done when the command has ended
    errands: Errands = field(default_factory=Errands)
