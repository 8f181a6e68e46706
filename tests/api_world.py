"""The API over a real gateway, router and in-memory store; projects and their desk are scripted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from bot.agents.base import PermissionOption, PermissionRequest
from bot.commands.model import Asker, Begun, Invocation, Reply, RetryResult, Role, StopReport
from bot.errors import UserError
from bot.gateway import entrance, events, vitals
from bot.gateway.api import Backstage
from bot.gateway.api.model import BASE
from bot.gateway.api.openapi import document
from bot.gateway.api.uploads import Uploads
from bot.gateway.model import Bounds
from bot.gateway.parts import Parts
from bot.happenings import Board
from bot.projects.errors import NoSuchProject
from bot.projects.images import Tool
from bot.projects.inspection import Tree
from bot.projects.model import Owner, Project, ProjectState, Resources, Stack
from bot.projects.sshconfig import Access
from bot.runs.asking import Question
from bot.store.records import RunRecord
from bot.transcript.model import Part, Said
from dispatcher.model import Batch, Binding, Event, Row
from tests.access_world import House, house
from tests.gateway_world import Answer, Served, served

DOCUMENT = document()
ROLES: tuple[Role, ...] = ("guest", "member", "operator", "owner")
HARBOUR = Project(
    id=7,
    name="harbour",
    state=ProjectState.READY,
    source=Path("/home/me/tugbot/harbour"),
    port=42000,
    resources=Resources(2.0, 4 << 30),
    owner=Owner(1000, 1000),
    session="matrix/!room",
    target="matrix/!room",
    created_by="Ada",
    created_at=1_000_000.0,
    used_at=1_000_500.25,
    stacks=("rust",),
)


@dataclass
class ProjectsSaid:
    """A desk of projects that writes down what it was told."""

    told: list[tuple[str, Mapping[str, object], str]] = field(default_factory=list)
    fails: UserError | None = None

    async def do(self, invocation: Invocation) -> Reply:
        self.told.append((invocation.command.name, invocation.args, invocation.asker.session))
        if self.fails is not None:
            raise self.fails
        long = invocation.command.name in ("new project", "rebuild", "delete")
        return Reply("done", came=Begun(11) if long else None)


@dataclass
class Found:
    """What looking into a project finds (bot.gateway.api.model.Insight)."""

    tree_: Tree = Tree("main", "3f1c2ab Begin", (" M parser.py",), ("3f1c2ab Begin",))  # noqa: RUF009 - frozen
    lines: tuple[str, ...] = ("Server listening on 0.0.0.0 port 22.", "Accepted publickey for dev")
    include: str = ""
    fails: Exception | None = None
    hangs: bool = False

    async def tree(self, name: str) -> Tree:
        await self._check(name)
        return self.tree_

    async def logs(self, name: str, lines: int) -> Sequence[str]:
        await self._check(name)
        return self.lines[-lines:]

    async def access(self, name: str) -> Access:
        await self._check(name)
        return Access(f"tug-{name}", f"Host tug-{name}\n", (("Zed", f"zed://ssh/tug-{name}"),), self.include)

    async def _check(self, name: str) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.fails is not None:
            raise self.fails
        if name != HARBOUR.name:
            raise NoSuchProject(name=name)


class RunsDesk:
    """What the plain desk of the house lacks: single runs. None of them can be stopped any more."""

    def __init__(self, home: House) -> None:
        self._store = home.store
        for name in ("stop_run", "to_retry", "retry", "repeat"):
            setattr(home.desk, name, getattr(self, name))

    async def stop_run(self, asker: Asker, run: int) -> StopReport:
        return StopReport(asked=run, obstacle="over")

    async def to_retry(self, asker: Asker, run: int | None) -> RunRecord | None:
        return await self._store.runs.get(run or 0)

    async def retry(self, asker: Asker, run: int | None, message_id: int, moment: str = "") -> RetryResult:
        return RetryResult("again", run, 1, message=message_id)

    async def repeat(self, invocation: Invocation, record: RunRecord, desk: object) -> Reply:
        return Reply("again", came=Begun(record.id + 1))


@dataclass
class Api:
    home: House
    served: Served
    tokens: Mapping[Role, str]
    projects: dict[str, Project]
    said: ProjectsSaid
    asking: list[Question]
    engine: list[UserError]  # why it cannot be asked
    found: Found
    board: Board
    files: Path  # that the bot has sent
    uploads: Path

    async def raw(
        self,
        method: str,
        path: str,
        body: bytes | AsyncIterator[bytes] | None = None,
        by: Role | None = "operator",
        **headers: str,
    ) -> tuple[int, Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if by is not None:
            named["Authorization"] = f"Bearer {self.tokens[by]}"
        answer = await self.served.ask(f"{BASE}{path}", method, body, named)
        assert answer.headers["Content-Type"].startswith("application/json"), answer
        return answer.status, json.loads(answer.body)

    async def upload(
        self, content: bytes | AsyncIterator[bytes], by: Role = "operator", name: str = "a.txt", **headers: str
    ) -> tuple[int, Any]:
        kind = {"Content_Type": "application/octet-stream", **headers}
        path = f"/sessions/{key(f'web/api:{by}')}/files?name={quote(name)}"
        return await self.raw("POST", path, content, by, **kind)

    async def download(self, path: str, by: Role = "operator") -> Answer:
        return await self.served.ask(f"{BASE}{path}", headers={"Authorization": f"Bearer {self.tokens[by]}"})

    async def speak(self, session: str, **fields: Any) -> int:
        """Something that the bot said there; its id."""
        plain = {"target": session, "ref": "r", "key": "", "kind": "answer", "parts": (Part("hello"),), "at": 1_000.0}
        return await self.home.store.transcript.add(Said(id=0, session=session, **{**plain, **fields}))

    async def ask(self, method: str, path: str, body: object = None, by: Role | None = "operator") -> tuple[int, Any]:
        """Also sees that the answer is one of those that the document names."""
        kind = {} if body is None else {"Content_Type": "application/json"}
        status, said = await self.raw(method, path, None if body is None else json.dumps(body).encode(), by, **kind)
        operation = operation_of(method, path)
        assert operation is None or str(status) in operation["responses"], (status, said)
        return status, said

    async def say(self, session: str, text: str, by: Role = "operator", **more: str) -> tuple[int, Any]:
        return await self.ask("POST", f"/sessions/{key(session)}/messages", {"text": text, **more}, by)


def key(session: str) -> str:
    return quote(session, safe="")


def operation_of(method: str, path: str) -> Mapping[str, Any] | None:
    """What the document says of a request; None: nothing."""
    parts = f"{BASE}{path}".partition("?")[0].split("/")
    for template, operations in DOCUMENT["paths"].items():
        pattern = template.split("/")
        if len(pattern) == len(parts) and all(a == b or a[:1] == "{" for a, b in zip(pattern, parts, strict=True)):
            return cast("Mapping[str, Any] | None", operations.get(method.lower()))
    return None


def question(run: int, session: str, number: int = 1) -> Question:
    event = Event(session, session.partition("/")[0], "bot", f"q{run}")
    row = Row(1, event, "@me", "Me", "go", session, Binding())
    request = PermissionRequest(
        "r",
        "Bash",
        "rm -rf build",
        (PermissionOption("a", "Allow", "allow_once"), PermissionOption("d", "No", "reject_once")),
    )
    return Question(number, Batch(run, (row,)), "demo", "host", request, cast("Any", None))


@asynccontextmanager
async def api(
    data: Path, *, bounds: Bounds | None = None, max_file: int = 100_000, free: int = 1 << 40
) -> AsyncIterator[Api]:
    async with house(data=data) as home:
        said, projects, asking = ProjectsSaid(), {"harbour": HARBOUR}, list[Question]()
        for name in ("create", "start", "stop", "rebuild", "delete"):
            setattr(home.desk, name, said.do)
        RunsDesk(home)
        engine: list[UserError] = []
        found, board = Found(), Board(1)
        uploads = Uploads(data / "files" / "web", max_file, lambda _: free)
        stage = _stage(home, projects, asking, engine, found)
        stage = replace(stage, uploads=uploads, files=data / "files" / "web" / "out")
        tokens = {role: home.keyring.tokens.create(role, role) for role in ROLES}
        way_in = entrance.Backstage(home.keyring, home.roll.role)
        parts = Parts(way_in, _vitals(home), stage, events.Backstage(board))
        async with served(parts=parts, bounds=bounds) as gateway:
            files = data / "files" / "web"
            yield Api(home, gateway, tokens, projects, said, asking, engine, found, board, files / "out", files)


async def _nothing_under_way() -> vitals.Kinds:
    return {}


def _vitals(home: House) -> vitals.Backstage:
    return vitals.Backstage(
        books=home.store.books,
        under_way=_nothing_under_way,
        ended=dict,
        queues=dict,
        transports=dict,
        trouble=tuple,
    )


def _stage(
    home: House,
    projects: Mapping[str, Project],
    asking: Sequence[Question],
    engine: Sequence[UserError],
    found: Found,
) -> Backstage:
    async def project(name: str) -> Project | None:
        return projects.get(name)

    async def every() -> Sequence[Project]:
        return list(projects.values())

    async def containers(these: Sequence[Project]) -> Mapping[str, str]:
        for trouble in engine:
            raise trouble
        if found.hangs:
            await asyncio.Event().wait()
        return {each.name: "running" for each in these}

    async def stacks() -> Sequence[tuple[Stack, Sequence[Tool] | None]]:
        return [(Stack("rust", "", ("Cargo.toml",)), [Tool("rust", "rustc", "1.85.1")]), (Stack("go", "", ()), None)]

    return Backstage(
        history=home.store.history,
        transcript=home.store.transcript,
        uploads=Uploads(Path("/nonexistent"), 0),
        files=Path("/nonexistent"),
        insight=found,
        run=home.store.runs.get,
        project=project,
        projects=every,
        containers=containers,
        stacks=stacks,
        questions=lambda session: [each for each in asking if each.batch.session == session],
        receive=home.router.receive,
        amend=home.router.amend,
        perform=home.router.perform,
    )
