"""help, version: about the bot itself."""

from __future__ import annotations

from collections.abc import Callable

from bot.commands.help import explain, overview
from bot.commands.model import Arg, Command, Desk, Example, Handler, Invocation, Reply
from bot.commands.registry import Registry, allowed


def help_command(registry: Callable[[], Registry]) -> Command:
    """`help` speaks of the registry that it is itself part of, hence the function."""
    return Command(
        name="help",
        group="Tugbot",
        summary="shows the commands, or explains one",
        args=(Arg("command", "command", optional=True),),
        details="Shows the commands that you may give; with the name of one, its usage, details and examples.",
        examples=(Example("help", "all commands"), Example("help stop", "what exactly `stop` does")),
        handler=_helper(registry),
    )


def _helper(registry: Callable[[], Registry]) -> Handler:
    async def helper(invocation: Invocation, desk: Desk) -> Reply:
        role = invocation.asker.role
        command = registry().find(str(invocation.args.get("command", "")))
        if command is None:
            return Reply(overview(registry(), role))
        note = "" if allowed(role, command) else f"\n\nOnly for the role {command.role} and above; you are {role}."
        return Reply(explain(command) + note)

    return helper


async def _version(invocation: Invocation, desk: Desk) -> Reply:
    return Reply(f"tugbot {desk.version()}")


VERSION = Command(
    name="version",
    group="Tugbot",
    summary="shows which version of Tugbot this is",
    examples=(Example("version", "its number"),),
    handler=_version,
)
