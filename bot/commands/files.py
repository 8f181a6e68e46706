"""send: files out of the workspace."""

from __future__ import annotations

from bot.commands import words
from bot.commands.model import Arg, Command, Desk, Example, Invocation, Reply, Role
from bot.commands.phrases import code, size
from bot.commands.registry import ROLES

GROUP = "Files"
ALONE: Role = "operator"  # the least role where no project is bound: what lies on the bot's own machine is theirs


async def _send(invocation: Invocation, desk: Desk) -> Reply:
    asker = invocation.asker
    settings = await desk.settings(asker.session)
    if settings.project is None and ROLES.index(asker.role) < ROLES.index(ALONE):
        return Reply(words.not_allowed(invocation.command, ALONE), ok=False)
    sent = await desk.send(asker, str(invocation.args["path"]))
    if sent.lies_at:
        return Reply(f"{code(sent.name)} ({size(sent.size)}) lies at {code(sent.lies_at, 500)}.")
    return Reply(f"Sent {code(sent.name)} ({size(sent.size)}).")


SEND = Command(
    name="send",
    group=GROUP,
    summary="sends a file of the workspace into this conversation",
    args=(Arg("path", "path"),),
    details=(
        "The path starts at the workspace, as the agent names it; an absolute one as the agent sees it is understood "
        "too. Links are not followed, and a file may have 50 MB. Where this conversation is about no project, it "
        "takes an operator. Without a dot or a slash in it, a word is no path but a message: write `send ./Makefile`."
    ),
    examples=(
        Example("send target/report.pdf", "sends that file"),
        Example('send "notes of today.md"', "a name with spaces"),
        Example("send ./Makefile", "a name without a dot"),
    ),
    handler=_send,
)
