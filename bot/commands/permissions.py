"""allow, deny, show all: answers to what agents ask."""

from __future__ import annotations

from typing import cast

from bot.commands import words
from bot.commands.model import Arg, Command, Desk, Example, Invocation, Reply
from bot.runs.asking import Decision

GROUP = "Permissions"


async def _allow(invocation: Invocation, desk: Desk) -> Reply:
    return _answered(invocation, desk, cast("Decision", invocation.args.get("how", "once")))


async def _deny(invocation: Invocation, desk: Desk) -> Reply:
    return _answered(invocation, desk, "deny", str(invocation.args.get("why", "")))


def _answered(invocation: Invocation, desk: Desk, decision: Decision, why: str = "") -> Reply:
    reaction = desk.answer(invocation.asker, decision, why)
    return Reply(words.answered(reaction), ok=reaction.result == "taken", came=reaction)


ALLOW = Command(
    name="allow",
    group=GROUP,
    summary="lets an agent do what it asks for",
    args=(Arg("how", "choice", optional=True, choices=("always",)),),
    details=(
        "Answers the oldest open question of this conversation. `allow always` also allows the same later on, where "
        "the agent offers that. A question without an answer is denied after a while. For agents on the bot's own "
        "machine it takes an operator. Where the network can edit, the message that asked then says what was decided, "
        "and by whom."
    ),
    examples=(Example("allow", "this once"), Example("allow always", "and the same from now on")),
    handler=_allow,
    emphatic=True,
)

DENY = Command(
    name="deny",
    group=GROUP,
    summary="forbids an agent what it asks for",
    args=(Arg("why", "rest", optional=True),),
    details=(
        "Answers the oldest open question of this conversation; what you add is told to the agent. With words behind "
        "it, it is a command only while a question is open; otherwise it goes to the agent like any sentence."
    ),
    examples=(Example("deny", "no"), Example("deny use the test database", "no, and why")),
    handler=_deny,
    asked=lambda args: "why" in args,
)


async def _show(invocation: Invocation, desk: Desk) -> Reply:
    question = desk.question(invocation.asker.session)
    return Reply(words.whole(question), ok=question is not None)


SHOW = Command(
    name="show all",
    group=GROUP,
    summary="shows the whole of what an agent asks for",
    details="A question shows the first 2 kB of what the agent wants to do. Only while a question is open.",
    examples=(Example("show all", "every byte of it"),),
    handler=_show,
    asked=lambda args: True,
)
