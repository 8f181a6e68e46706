"""members, grant, revoke, pair, page: who may talk to the bot."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot.commands.model import Arg, Command, Desk, Example, Handler, Invocation, MemberDesk, Reply
from bot.commands.registry import ROLES

GROUP = "People"

USER = Arg("user", "person")


def _by(method: Callable[[MemberDesk, Invocation], Awaitable[Reply]]) -> Handler:
    async def handler(invocation: Invocation, desk: Desk) -> Reply:
        return await method(desk.members, invocation)

    return handler


MEMBERS = Command(
    name="members",
    group=GROUP,
    summary="lists who may talk to the bot, and who asks to",
    role="operator",
    details=(
        "Name, role, and the account on its network. Owners see, in a conversation of two, the codes that strangers "
        "were given. The person at the console is always an owner."
    ),
    examples=(Example("members", "all of them"),),
    handler=_by(lambda desk, invocation: desk.overview(invocation)),
)

GRANT = Command(
    name="grant",
    group=GROUP,
    summary="lets somebody talk to the bot, in a role",
    role="owner",
    args=(USER, Arg("as", "choice", choices=("as",)), Arg("role", "choice", choices=ROLES[::-1])),
    usage=f"grant <code|user> as <{'|'.join(ROLES[::-1])}>",
    details=(
        "A stranger who writes to the bot is given a code; it stands for that account for an hour. A user is "
        "`@name:server` on Matrix, `slack:U123` elsewhere. An `owner` may do everything, an `operator` has projects "
        "and any run, a `member` talks in conversations that are about a project and reads there, a `guest` may do "
        "nothing. Takes effect at once."
    ),
    examples=(
        Example("grant 7KQF3MXW as member", "the person with that code"),
        Example("grant @ada:example.org as operator", "Ada, by her name on Matrix"),
        Example("grant slack:U123 as guest", "nothing for U123 of Slack"),
    ),
    handler=_by(lambda desk, invocation: desk.grant(invocation)),
)

REVOKE = Command(
    name="revoke",
    group=GROUP,
    summary="takes somebody's role away, at once",
    role="owner",
    args=(USER,),
    details=(
        "They are a stranger again. What they began goes on; `stop` ends it. Owners by the settings "
        "(`[access] allow`) cannot be revoked in a chat."
    ),
    examples=(Example("revoke slack:U123", "U123 of Slack is a stranger again"),),
    handler=_by(lambda desk, invocation: desk.revoke(invocation)),
)

PAIR = Command(
    name="pair",
    group=GROUP,
    summary="makes you the owner, with the code that the bot printed when it started",
    args=(Arg("code", "code"),),
    details=(
        "While nobody in a chat is an owner, each start of the bot prints a code, on its console or in its log. "
        "Whoever sends it from a chat account is the owner. It counts once, and until the bot ends."
    ),
    examples=(Example("pair 7KQF3MXW", "with the code 7KQF3MXW"),),
    handler=_by(lambda desk, invocation: desk.pair(invocation)),
)

PAGE = Command(
    name="page",
    group=GROUP,
    summary="gives you a link that logs a browser in to the bot's page, as you",
    args=(Arg("what", "choice", optional=True, choices=("logout",)),),
    details=(
        "Only in a conversation of two: whoever opens the link is you. It counts once, for ten minutes. What you may "
        "do on the page is what you may do here, and ends with it. `page logout` logs you out of it in every browser."
    ),
    examples=(Example("page", "a link for you"), Example("page logout", "no browser is logged in as you any more")),
    handler=_by(lambda desk, invocation: desk.page(invocation)),
)

ALL = (MEMBERS, GRANT, REVOKE, PAIR, PAGE)
