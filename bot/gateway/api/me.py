"""Who calls."""

from __future__ import annotations

from pydantic import Field

from bot.commands.model import Role
from bot.gateway.api.model import Answer, Backstage, Call, NoParams, Route, Shown
from bot.gateway.callers import own_session


class Me(Shown):
    account: str = Field(description="Network and id, such as `api:ci` or `matrix:@ada:example.org`.")
    name: str
    role: Role
    session: str = Field(description="Your own conversation; further ones are `<session>/<name>`.")


async def show(call: Call[NoParams, None], stage: Backstage) -> Answer:
    caller = call.caller
    return Answer(Me(account=str(caller.account), name=caller.name, role=caller.role, session=own_session(caller)))


ROUTES = (Route("GET", "/me", "Says who you are", "member", show, {200: Me}),)
