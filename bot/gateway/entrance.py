"""The way in: who a request comes from, and logging in and out. What may be proven with what is in bot/access/."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import hdrs, web

from bot.access import API, Account, Keyring
from bot.commands.model import Role
from bot.gateway import bodies, loginpage, origins
from bot.gateway.callers import RECOGNISER
from bot.gateway.guesses import MINUTE, Guesses
from bot.gateway.model import Address, Caller

COOKIE = "tugbot"
_AGE = 400 * 86_400  # seconds that a browser keeps a cookie at most; what counts is when it was last used
_BEARER = "Bearer "


@dataclass(frozen=True, slots=True)
class Backstage:
    """What the entrance needs of the bot."""

    keyring: Keyring
    role: Callable[[Account], Role | None]  # at this moment; None: a stranger


def mount(app: web.Application, backstage: Backstage, address: Address, guesses: Guesses | None = None) -> None:
    entrance = Entrance(backstage, address, guesses or Guesses())
    app[RECOGNISER] = entrance
    app.router.add_get("/login", _page)
    app.router.add_post("/login", entrance.log_in)
    app.router.add_post("/logout", entrance.log_out)


async def _page(_: web.Request) -> web.Response:
    headers = {"Content-Security-Policy": loginpage.POLICY}
    return web.Response(text=loginpage.HTML, content_type="text/html", headers=headers)


class Entrance:
    """Implements callers.Recogniser. Roles are looked up at each request: what is revoked counts no more at once."""

    def __init__(self, backstage: Backstage, address: Address, guesses: Guesses) -> None:
        self._keyring = backstage.keyring
        self._role = backstage.role
        self._address = address
        self._guesses = guesses

    # ------------------------------------------------------------ who calls

    def caller(self, request: web.Request) -> Caller:
        """Raises HTTPUnauthorized, HTTPForbidden, HTTPTooManyRequests."""
        if hdrs.AUTHORIZATION in request.headers:  # alone: what is wrong there is not made good by a cookie
            return self._by_token(request)
        if COOKIE in request.cookies:
            return self._by_cookie(request)
        raise _unknown()

    def _by_token(self, request: web.Request) -> Caller:
        said = request.headers.getall(hdrs.AUTHORIZATION)
        key = said[0][len(_BEARER) :].strip() if len(said) == 1 and _is_bearer(said[0]) else ""
        token = self._keyring.tokens.find(key)
        if token is None:
            raise self._wrong(request)
        self._keyring.uses.note(token.digest)
        return self._known(Account(API, token.name), token.name)

    def _by_cookie(self, request: web.Request) -> Caller:
        if not self._is_from_us(request):
            raise web.HTTPForbidden
        login = self._keyring.logins.find(request.cookies[COOKIE])
        if login is None:
            raise self._wrong(request)
        self._keyring.uses.note(login.digest)
        return self._known(login.account, login.name)

    def _known(self, account: Account, name: str) -> Caller:
        role = self._role(account)
        if role is None or role == "guest":
            raise _unknown()
        return Caller(account, name, role)

    def _is_from_us(self, request: web.Request) -> bool:
        if request.method in origins.SAFE:
            return origins.may_look(request.headers, self._address.public_host)
        return origins.may_change(
            request.headers,
            request.content_type,
            has_body=request.body_exists,
            public_host=self._address.public_host,
        )

    def _wrong(self, request: web.Request) -> web.HTTPException:
        if self._guesses.note(request.remote or ""):
            return web.HTTPTooManyRequests(headers={hdrs.RETRY_AFTER: f"{MINUTE:.0f}"})
        return _unknown()

    # ------------------------------------------------------------ in and out

    async def log_in(self, request: web.Request) -> web.Response:
        """{"key": what stands behind the # of a link} → {"name": …, "role": …} and a cookie."""
        if not self._is_from_us(request):
            raise web.HTTPForbidden
        link = self._keyring.redeem(_key(await bodies.read(request)))
        if link is None:
            raise self._wrong(request)
        who = self._known(link.account, link.name)
        cookie = await self._keyring.logins.begin(link.account, link.name)
        if COOKIE in request.cookies:  # whoever was logged in here is no more
            await self._keyring.logins.end(request.cookies[COOKIE])
        answer = web.json_response({"name": who.name, "role": who.role})
        self._set_cookie(request, answer, cookie)
        return answer

    async def log_out(self, request: web.Request) -> web.Response:
        """Also where the account counts no more, or the cookie never did."""
        if not self._is_from_us(request):
            raise web.HTTPForbidden
        await self._keyring.logins.end(request.cookies.get(COOKIE, ""))
        answer = web.Response(status=204)
        answer.del_cookie(COOKIE, path="/", secure=self._is_encrypted(request), httponly=True, samesite="Strict")
        return answer

    def _set_cookie(self, request: web.Request, answer: web.Response, cookie: str) -> None:
        answer.set_cookie(
            COOKIE,
            cookie,
            max_age=_AGE,
            path="/",
            secure=self._is_encrypted(request),
            httponly=True,
            samesite="Strict",
        )

    def _is_encrypted(self, request: web.Request) -> bool:
        """On the way to the browser. We cannot see it, the gateway itself encrypts nothing; a proxy is declared."""
        public = self._address.public_host
        return self._address.behind_proxy or bool(public and request.url.host == public.lower())


def _is_bearer(header: str) -> bool:
    return header[: len(_BEARER)].lower() == _BEARER.lower()


def _key(body: bytes) -> str:
    """Raises HTTPBadRequest."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise web.HTTPBadRequest from None
    if not isinstance(document, dict) or not isinstance(key := document.get("key"), str):
        raise web.HTTPBadRequest
    return key


def _unknown() -> web.HTTPUnauthorized:
    return web.HTTPUnauthorized(headers={hdrs.WWW_AUTHENTICATE: "Bearer"})
