"""status, go, reset, mode, agent, ambient: the conversation and what it is set to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast, get_args

from bot.commands import projects, reports, runs, words
from bot.commands.model import AgentInfo, Arg, Args, Command, Desk, Example, Invocation, Names, Reply, Role
from bot.store.records import SessionSettings
from dispatcher.model import Mode

GROUP = "This conversation"
DEFAULT = "default"  # the word that gives the choice of agent back to the bot


async def _status(invocation: Invocation, desk: Desk) -> Reply:
    if isinstance(invocation.args.get("id"), int):
        return await runs.RUN.handler(invocation, desk)
    if "id" in invocation.args:
        return await projects.SHOW.handler(replace(invocation, args={"name": invocation.args["id"]}), desk)
    return Reply(reports.status(await desk.status(invocation.asker.session)))


STATUS = Command(
    name="status",
    group=GROUP,
    summary="shows what runs and waits here, and the books",
    args=(Arg("id", "work", optional=True),),
    usage="status [run|project]",
    details=(
        "With a number the same as `run <id>`, with the name of a project as `project <name>`. Runs with their age "
        "and last sign of life, what is in line and behind whom, messages that wait, trouble, and the books: every "
        "message that was ever accepted is in exactly one state, and the sums are shown."
    ),
    examples=(Example("status", "how things stand"), Example("status 8", "how run 8 stands")),
    handler=_status,
)


async def _go(invocation: Invocation, desk: Desk) -> Reply:
    return Reply(words.hurried(await desk.go(invocation.asker.session)))


GO = Command(
    name="go",
    group=GROUP,
    summary="starts waiting messages now instead of waiting for more",
    details=(
        "Messages sent shortly after one another are collected into one prompt; `go` says that no more are coming. "
        "What is behind a run or in line stays there."
    ),
    examples=(Example("go", "no more messages are coming"),),
    handler=_go,
)


async def _reset(invocation: Invocation, desk: Desk) -> Reply:
    return Reply(words.forgotten(await desk.reset(invocation.asker.session)))


RESET = Command(
    name="reset",
    group=GROUP,
    summary="makes the agent forget this conversation",
    details="The next message starts a new conversation with the agent. Files and settings stay as they are.",
    examples=(Example("reset", "start afresh"),),
    handler=_reset,
)


def _mode_role(args: Args) -> Role:
    """What a setting is, a member may ask; changing it is for operators."""
    return "operator" if "mode" in args else "member"


def _mode_binds(args: Args, names: Names) -> Mapping[str, str | None]:
    return {"mode": str(args["mode"])} if "mode" in args else {}


async def _mode(invocation: Invocation, desk: Desk) -> Reply:
    """The setting itself was committed with the command (`binds`)."""
    settings = await desk.settings(invocation.asker.session)
    if "mode" not in invocation.args:
        return Reply(words.mode(settings.mode))
    return Reply(words.mode_set(cast("Mode", invocation.args["mode"]), await _agent_of(settings, desk)))


async def _agent_of(settings: SessionSettings, desk: Desk) -> AgentInfo | None:
    infos = await desk.agents()
    return next((info for info in infos if info.name == settings.agent or (info.default and not settings.agent)), None)


MODE = Command(
    name="mode",
    group=GROUP,
    summary="shows or sets what a message sent during a run does",
    args=(Arg("mode", "choice", optional=True, choices=get_args(Mode)),),
    details=(
        "`collect` (the default): messages sent during a run wait for its end and go to the agent together. "
        "`interrupt`: a message sent during a run stops that run and takes its place. `steer`: it is handed to the "
        "running turn where the agent can take it, else it waits as in `collect`. Changing it is for operators."
    ),
    examples=(
        Example("mode", "shows it"),
        Example("mode interrupt", "later messages interrupt"),
        Example("mode steer", "later messages reach the running turn"),
    ),
    handler=_mode,
    needs=_mode_role,
    binds=_mode_binds,
)


def _agent_role(args: Args) -> Role:
    return "operator" if "name" in args else "member"


def _agent_binds(args: Args, names: Names) -> Mapping[str, str | None]:
    if "name" not in args:
        return {}
    return {"agent": None if args["name"] == DEFAULT else str(args["name"])}


async def _agent(invocation: Invocation, desk: Desk) -> Reply:
    """The choice itself was committed with the command (`binds`)."""
    infos = {info.name: info for info in await desk.agents()}
    name = invocation.args.get("name")
    if name is None:
        settings = await desk.settings(invocation.asker.session)
        return Reply(words.agents(tuple(infos.values()), settings.agent))
    if name == DEFAULT:
        return Reply(words.agent_unset(next((info.name for info in infos.values() if info.default), None)))
    return Reply(words.agent_set(str(name), infos.get(str(name))))


AGENT = Command(
    name="agent",
    group=GROUP,
    summary="shows the agents, or chooses the one this conversation talks to",
    args=(Arg("name", "agent", optional=True, choices=(DEFAULT,)),),
    details=(
        "The choice holds from the next message on; messages sent before it still go to the earlier agent. "
        "`agent default` goes back to the bot's default. Changing it is for operators."
    ),
    examples=(
        Example("agent", "which there are, and which one is used"),
        Example("agent demo", "talk to the demo agent"),
        Example("agent default", "back to the default"),
    ),
    handler=_agent,
    needs=_agent_role,
    binds=_agent_binds,
)


def _ambient_role(args: Args) -> Role:
    return "operator" if "how" in args else "member"


def _ambient_binds(args: Args, names: Names) -> Mapping[str, str | None]:
    return {"ambient": str(args["how"])} if "how" in args else {}


async def _ambient(invocation: Invocation, desk: Desk) -> Reply:
    """The setting itself was committed with the command (`binds`)."""
    settings = await desk.settings(invocation.asker.session)
    return Reply(words.ambient(settings.ambient, direct=invocation.asker.direct))


AMBIENT = Command(
    name="ambient",
    group=GROUP,
    summary="shows or sets whether everything said in a room is meant for the bot",
    args=(Arg("how", "choice", optional=True, choices=("on", "off")),),
    details=(
        "In rooms with several people the bot answers when it is mentioned or replied to, and in threads it is in; "
        "what it does not answer it does not keep either. `ambient on` makes it answer everything there; a new thread "
        "begins as its room is set. Changing it is for operators."
    ),
    examples=(
        Example("ambient", "shows it"),
        Example("ambient on", "everything is meant for the bot"),
        Example("ambient off", "only what is addressed to it"),
    ),
    handler=_ambient,
    needs=_ambient_role,
    binds=_ambient_binds,
)
