"""What is found out by looking into a project: its work tree, its container's words, the way in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, TypeVar

from pydantic import Field

from bot.commands import projectwords
from bot.errors import UserError
from bot.gateway.api.containers import PATIENCE
from bot.gateway.api.model import Answer, Backstage, Call, Problem, Route, Shown
from bot.gateway.api.ordering import word
from bot.gateway.api.projects import ProjectParams
from bot.hidden import shown
from bot.projects.errors import EngineUnreachable, NoSuchProject

T = TypeVar("T")

AGAIN = 5.0  # seconds

# ---------------------------------------------------------------- what goes in and out


class LogsParams(ProjectParams):
    lines: Annotated[int, Field(ge=1, le=200, description="The latest, at most so many.")] = 100


class Tree(Shown):
    """A work tree."""

    branch: str
    commit: str = Field(description='Short hash and subject; "": there is none yet.')
    changed: list[str] = Field(description="As `git status --porcelain` has them.")
    unpushed: list[str] = Field(description="Commits that no remote has: short hash and subject.")


class Logs(Shown):
    lines: list[str] = Field(description="The newest last.")


class EditorLink(Shown):
    name: str
    url: str


class Editors(Shown):
    """How to reach a project from the bot's own machine."""

    ssh: str = Field(description="The name to give to `ssh` and editors.")
    command: str
    config: str = Field(description="Its block of the ssh configuration. It names the key, and does not hold it.")
    links: list[EditorLink]
    setup: str = Field(description='What has to be done once before the name is known; "": nothing.')


# ---------------------------------------------------------------- looking


async def tree(call: Call[ProjectParams, None], stage: Backstage) -> Answer:
    found = await _found(stage, lambda: stage.insight.tree(call.params.name))
    changed, unpushed = _shown(found.changed), _shown(found.unpushed)
    return Answer(Tree(branch=shown(found.branch), commit=shown(found.commit), changed=changed, unpushed=unpushed))


async def logs(call: Call[LogsParams, None], stage: Backstage) -> Answer:
    found = await _found(stage, lambda: stage.insight.logs(call.params.name, call.params.lines))
    return Answer(Logs(lines=_shown(found)))


def _shown(lines: Iterable[str]) -> list[str]:
    """What a repository or a container says may hold what the bot has given it."""
    return [shown(line) for line in lines]


async def editors(call: Call[ProjectParams, None], stage: Backstage) -> Answer:
    found = await _found(stage, lambda: stage.insight.access(call.params.name))
    return Answer(
        Editors(
            ssh=found.host,
            command=f"ssh {found.host}",
            config=found.block,
            links=[EditorLink(name=name, url=url) for name, url in found.links],
            setup=projectwords.ssh_setup(found),
        )
    )


async def _found(stage: Backstage, look: Callable[[], Awaitable[T]]) -> T:
    """Raises Problem."""
    try:
        return await stage.errands.within(PATIENCE, look)
    except TimeoutError:
        text = f"It took longer than {PATIENCE:.0f} s to find out; ask again later."
        raise Problem(503, text, error="too_slow", retry_after=AGAIN) from None
    except NoSuchProject as exc:
        raise Problem(404, str(exc)) from exc
    except EngineUnreachable as exc:
        raise Problem(503, str(exc), error=word(exc), retry_after=AGAIN) from exc
    except UserError as exc:
        raise Problem(409, str(exc), error=word(exc)) from exc


ROUTES = (
    Route(
        "GET",
        "/projects/{name}/tree",
        "Shows branch, changes and unpushed commits of a project",
        "operator",
        tree,
        {200: Tree},
        ProjectParams,
        refuses=(409,),
        details="git runs in a container of its own; a tree that takes it longer than 10 s is refused.",
    ),
    Route(
        "GET",
        "/projects/{name}/logs",
        "Shows the latest lines of a project's container",
        "operator",
        logs,
        {200: Logs},
        LogsParams,
        refuses=(409,),
    ),
    Route(
        "GET",
        "/projects/{name}/editors",
        "Shows how to reach a project with ssh and editors",
        "member",
        editors,
        {200: Editors},
        ProjectParams,
        refuses=(409,),
    ),
)
