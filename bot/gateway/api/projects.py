"""Projects: the registry, and what may be done with one."""

from __future__ import annotations

import shlex
from datetime import datetime
from typing import Annotated

from pydantic import Field

from bot.commands.model import Begun, Reply
from bot.gateway.api.containers import asked
from bot.gateway.api.fields import LINE, WORD, Key, Name, moment
from bot.gateway.api.model import Answer, Backstage, Call, Given, NoParams, Problem, Route, Shown
from bot.gateway.api.ordering import ordered
from bot.gateway.api.sessions import reached
from bot.gateway.callers import own_session
from bot.projects import names, sshconfig
from bot.projects.errors import NameInvalid
from bot.projects.model import Project as Record
from bot.projects.model import ProjectState

MEBIBYTE = 1 << 20
Stacks = Annotated[list[Annotated[str, Field(max_length=32, pattern="^[a-z][a-z0-9_-]*$")]], Field(max_length=20)]

# ---------------------------------------------------------------- what goes in and out


class ProjectParams(Given):
    name: Name


class DeleteParams(ProjectParams):
    confirm: Annotated[str, Field(max_length=39)] = Field("", description="The project's name once more: do it.")
    purge_source: bool = Field(False, description="Move the source to a trash folder, where it stays for 7 days.")


class Project(Shown):
    name: str
    state: ProjectState
    container: str = Field(description="`running`, `stopped`, `gone`, `unhealthy`, `out of memory` or `unknown`.")
    stacks: list[str]
    agent: str = Field(description='"": the bot\'s default.')
    ssh: str = Field(description="The name to give to `ssh` and editors.")
    cpus: float
    memory: int = Field(description="Bytes.")
    created_at: datetime
    used_at: datetime


class Projects(Shown):
    projects: list[Project] = Field(description="By name.")
    trouble: str = Field(description='Why the containers could not be asked for; "": they were.')


class ProjectDetail(Project):
    """Everything that the registry has about a project."""

    source: str = Field(description="Where it lies on the bot's machine.")
    git_url: str
    branch: str
    port: int = Field(description="On the bot's own loopback interface.")
    forwards: list[int] = Field(description="Ports that ssh forwards.")
    image: str
    push: str = Field(description="What trying to push found.")
    session: str = Field(description="The conversation it was made in.")
    created_by: str
    run: int | None = Field(description="The run that makes it.")
    trouble: str


class NewProject(Given):
    """A project to make. Everything may be left out."""

    git: Annotated[str, Field(max_length=1000, pattern=WORD)] | None = Field(
        None, description="The repository to clone: https or ssh."
    )
    branch: Annotated[str, Field(max_length=200, pattern=WORD)] | None = Field(None, description="Branch or tag.")
    stacks: Stacks = Field(default=[], description="Tool chains; found by the files otherwise.")
    path: Annotated[str, Field(max_length=1000, pattern=LINE)] | None = Field(
        None, description="Where its source shall lie; must not exist yet."
    )
    agent: Annotated[str, Field(max_length=100, pattern=WORD)] | None = Field(None, description="Who works in it.")
    cpus: Annotated[float, Field(gt=0, le=9999)] | None = Field(None, description="Processors it may use.")
    memory: Annotated[int, Field(ge=MEBIBYTE, le=MEBIBYTE * 999_999)] | None = Field(
        None, description="Bytes it may use, in whole MiB."
    )
    session: Key | None = Field(
        None, description="The conversation that is about it from now on, and is told; your own otherwise."
    )


class Rebuild(Given):
    stacks: Stacks = Field(default=[], description="Other tool chains; those it has otherwise.")


class Ordered(Shown):
    """Work that was begun."""

    run: int
    text: str


class Done(Shown):
    text: str


# ---------------------------------------------------------------- reading


async def index(call: Call[NoParams, None], stage: Backstage) -> Answer:
    found = await stage.projects()
    containers, trouble = await asked(stage, *found)
    page = [_project(record, containers.get(record.name, "unknown")) for record in found]
    return Answer(Projects(projects=page, trouble=trouble))


async def one(call: Call[ProjectParams, None], stage: Backstage) -> Answer:
    record = await _existing(call.params.name, stage)
    containers, trouble = await asked(stage, record)
    shown = _project(record, containers.get(record.name, "unknown"))
    return Answer(_detail(record, shown, trouble))


async def _existing(name: str, stage: Backstage) -> Record:
    found = await stage.project(name)
    if found is None:
        raise Problem(404, f"There is no project `{name}`.")
    return found


def _project(record: Record, container: str) -> Project:
    return Project(
        name=record.name,
        state=record.state,
        container=container,
        stacks=list(record.stacks),
        agent=record.agent,
        ssh=sshconfig.host(record.name),
        cpus=record.resources.cpus,
        memory=record.resources.memory,
        created_at=moment(record.created_at),
        used_at=moment(record.used_at),
    )


def _detail(record: Record, shown: Project, trouble: str) -> ProjectDetail:
    return ProjectDetail(
        **dict(shown),
        source=str(record.source),
        git_url=record.git_url,
        branch=record.branch,
        port=record.port,
        forwards=list(record.forwards),
        image=record.image,
        push=record.push,
        session=record.session,
        created_by=record.created_by,
        run=record.run,
        trouble=trouble,
    )


# ---------------------------------------------------------------- acting


async def create(call: Call[ProjectParams, NewProject], stage: Backstage) -> Answer:
    name, body = call.params.name, call.body
    try:
        names.check(name)
    except NameInvalid as exc:
        raise Problem(422, str(exc), field="name") from exc
    session = body.session or own_session(call.caller)
    target = await reached(call.caller, session, stage)
    _, reply = await ordered(stage, call.caller, session, target, _line(f"new project {name}", _options(body)))
    return _begun(reply)


def _options(body: NewProject) -> dict[str, str]:
    """As the grammar of `new project` reads them."""
    given = {
        "git": body.git,
        "branch": body.branch,
        "stack": ",".join(body.stacks),
        "path": body.path,
        "agent": body.agent,
        "cpus": None if body.cpus is None else f"{body.cpus:.3f}",
        "memory": None if body.memory is None else f"{body.memory // MEBIBYTE}m",
    }
    return {option: value for option, value in given.items() if value}


def _line(command: str, options: dict[str, str]) -> str:
    return " ".join([command, *(f"--{option}={shlex.quote(value)}" for option, value in options.items())])


async def start(call: Call[ProjectParams, None], stage: Backstage) -> Answer:
    return Answer(Done(text=(await _told(call, stage, "project start")).text))


async def stop(call: Call[ProjectParams, None], stage: Backstage) -> Answer:
    return Answer(Done(text=(await _told(call, stage, "project stop")).text))


async def rebuild(call: Call[ProjectParams, Rebuild], stage: Backstage) -> Answer:
    return _begun(await _told(call, stage, "rebuild", {"stack": ",".join(call.body.stacks)}))


async def delete(call: Call[DeleteParams, None], stage: Backstage) -> Answer:
    params = call.params
    await _existing(params.name, stage)
    if params.confirm != params.name:
        raise Problem(422, f"Nothing was deleted: `confirm` must be `{params.name}`.", field="confirm")
    line = f"delete {params.name} --confirm={params.name}{' --purge-source' if params.purge_source else ''}"
    _, reply = await ordered(stage, call.caller, *_home(call), line)
    return _begun(reply)


async def _told(
    call: Call[ProjectParams, object], stage: Backstage, command: str, options: dict[str, str] | None = None
) -> Reply:
    record = await _existing(call.params.name, stage)
    given = {option: value for option, value in (options or {}).items() if value}
    _, reply = await ordered(stage, call.caller, *_home(call), _line(f"{command} {record.name}", given))
    return reply


def _home(call: Call[ProjectParams, object]) -> tuple[str, str]:
    """Session and target of what concerns no conversation."""
    return own_session(call.caller), own_session(call.caller)


def _begun(reply: Reply) -> Answer:
    assert isinstance(reply.came, Begun)
    return Answer(Ordered(run=reply.came.run, text=reply.text), 202)


ROUTES = (
    Route("GET", "/projects", "Lists the projects", "member", index, {200: Projects}),
    Route("GET", "/projects/{name}", "Shows a project", "operator", one, {200: ProjectDetail}, ProjectParams),
    Route(
        "POST",
        "/projects/{name}",
        "Makes a project: source, container, tool chain, ssh",
        "operator",
        create,
        {202: Ordered},
        ProjectParams,
        NewProject,
        refuses=(409,),
    ),
    Route(
        "DELETE",
        "/projects/{name}",
        "Removes a project",
        "operator",
        delete,
        {202: Ordered},
        DeleteParams,
        refuses=(409,),
        details="Container, image, keys and home go; the source stays.",
    ),
    Route(
        "POST",
        "/projects/{name}/start",
        "Starts a project's container",
        "operator",
        start,
        {200: Done},
        ProjectParams,
        refuses=(409,),
    ),
    Route(
        "POST",
        "/projects/{name}/stop",
        "Stops a project's container",
        "operator",
        stop,
        {200: Done},
        ProjectParams,
        refuses=(409,),
    ),
    Route(
        "POST",
        "/projects/{name}/rebuild",
        "Makes a project's image and container anew",
        "operator",
        rebuild,
        {202: Ordered},
        ProjectParams,
        Rebuild,
        refuses=(409,),
    ),
)
