"""The Web API's server side: reads a call, checks its token, plays the faults that were asked for, and answers."""

from __future__ import annotations

import asyncio
import json
import math
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.slack_fake.faults import Fault, rate_limited
from tests.slack_fake.methods import METHODS, Arguments, Method
from tests.slack_fake.model import APP_TOKEN, BOT_TOKEN, Call, Json, Refused
from tests.slack_fake.sockets import Sockets
from tests.slack_fake.team import Team

MINUTE = 60.0
_OPEN = "apps.connections.open"
_ANYWHERE = {"team_id"}  # bolt sends it along with everything


class Api:
    """`faults`: by method, or "*" for any, what its next calls meet, one each; None lets one pass."""

    def __init__(self, team: Team, sockets: Sockets, changed: Callable[[], None]) -> None:
        self.calls: list[Call] = []
        self.faults: dict[str, deque[Fault | None]] = defaultdict(deque)
        self.limits: dict[str, float] = {}  # by method: calls per minute
        # Per channel and minute, as of chat.postMessage ("about one per second").
        self.limits_per_channel: dict[str, float] = {}
        self.refused: dict[str, str] = {}  # by token: the error that it gets from now on
        self.delays: dict[str, float] = {}  # by method: seconds before each answer
        self._team = team
        self._sockets = sockets
        self._changed = changed
        self._closing = asyncio.Event()
        self._taken: dict[tuple[str, str], deque[float]] = defaultdict(deque)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["method"]
        token, given = await _read(request, METHODS.get(name))
        call = Call(name, given, self._team.now())
        self.calls.append(call)
        await asyncio.sleep(self.delays.get(name, 0.0))
        fault = self._limited(name, given) or self._fault(name)
        if fault is not None and not fault.after:
            return await self._play(fault, call, request)
        answer = self._answer(name, token, given)
        self._changed()
        if fault is not None:
            return await self._play(fault, call, request)
        call.status, call.answer = 200, answer
        return web.json_response(answer)

    def close(self) -> None:
        self._closing.set()

    def _answer(self, name: str, token: str, given: Json) -> Json:
        try:
            return {"ok": True, **self._call(name, token, given)}
        except Refused as exc:
            return {"ok": False, "error": exc.error, **exc.extra}

    def _call(self, name: str, token: str, given: Json) -> Json:
        if name == _OPEN:
            return self._open(token)
        method = METHODS.get(name)
        if method is None:
            raise Refused("unknown_method", req_method=name)
        self._check_token(token, BOT_TOKEN)
        self._team.need(method.scope)
        if missing := [each for each in method.required if given.get(each) in (None, "")]:
            told = [f"[ERROR] missing required field: {each}" for each in missing]
            raise Refused("invalid_arguments", response_metadata={"messages": told})
        for each in sorted(set(given) - method.takes - _ANYWHERE):
            self._team.complaints.append(f"{name} takes no argument {each!r}")
        return method.call(self._team, Arguments(given))

    def _open(self, token: str) -> Json:
        self._check_token(token, APP_TOKEN)
        address = self._team.url.replace("http://", "ws://", 1)
        return {"url": f"{address}/link/?ticket={self._sockets.new_ticket()}&app_id=A0TUGBOT"}

    def _check_token(self, token: str, wanted: str) -> None:
        if not token:
            raise Refused("not_authed")
        if token in self.refused:
            raise Refused(self.refused[token])
        if token != wanted:
            raise Refused("not_allowed_token_type" if token in (BOT_TOKEN, APP_TOKEN) else "invalid_auth")

    # ------------------------------------------------------------ faults

    def _fault(self, name: str) -> Fault | None:
        for key in (name, "*"):
            if self.faults[key]:
                return self.faults[key].popleft()
        return None

    def _limited(self, name: str, given: Json) -> Fault | None:
        """Calls that are refused do not count."""
        channel = str(given.get("channel", ""))
        asked = [(self.limits.get(name), (name, "")), (self.limits_per_channel.get(name), (name, channel))]
        held = [(most, self._taken[key]) for most, key in asked if most is not None]
        now = self._team.now()
        for most, taken in held:
            while taken and now - taken[0] >= MINUTE:
                taken.popleft()
            if len(taken) >= most:
                return rate_limited(math.ceil(MINUTE - (now - taken[0])))
        for _, taken in held:
            taken.append(now)
        return None

    async def _play(self, fault: Fault, call: Call, request: web.Request) -> web.StreamResponse:
        if fault.kind == "hang":
            await self._closing.wait()
        if fault.kind != "answer":
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)  # nobody sees it
        call.status = fault.status
        if isinstance(fault.body, dict):
            call.answer = fault.body
            return web.json_response(fault.body, status=fault.status, headers=fault.headers)
        return web.Response(status=fault.status, text=fault.body, headers=fault.headers, content_type="text/html")


async def _read(request: web.Request, method: Method | None) -> tuple[str, Json]:
    """The token and the arguments: from the query, and from a form, or from JSON where the method reads that."""
    given: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        if method is None or method.json:
            given |= await _json(request)
    elif request.can_read_body:
        given |= dict(await request.post())
    token = str(given.pop("token", ""))
    header = request.headers.get("Authorization", "")
    return header.removeprefix("Bearer ") if header.startswith("Bearer ") else token, given


async def _json(request: web.Request) -> Json:
    try:
        found = await request.json()
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
