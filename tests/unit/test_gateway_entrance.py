"""Who comes in over HTTP, and who does not: on a real socket, with clients that lie."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from bot.access import CONSOLE, Account, Keyring
from bot.commands.model import Role
from bot.gateway import callers, entrance, server
from bot.gateway.guesses import A_MINUTE, ADDRESSES, MINUTE, Guesses
from bot.gateway.loginpage import HTML
from bot.gateway.parts import Parts
from tests.access_world import Clock
from tests.gateway_world import Answer, Served, served

ANN = Account("matrix", "@ann:example.org")
OURS = {"X-Tugbot": "1", "Content-Type": "application/json"}


@dataclass
class House:
    http: Served
    keyring: Keyring
    roles: dict[Account, Role]
    clock: Clock

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.http.port}"

    @property
    def page(self) -> dict[str, str]:
        """What our own page sends."""
        return {**OURS, "Origin": self.origin, "Sec-Fetch-Site": "same-origin"}

    async def log_in(self, key: str, **headers: str) -> Answer:
        return await self.http.ask("/login", "POST", json.dumps({"key": key}).encode(), {**self.page, **headers})

    async def cookie(self, account: Account = ANN, name: str = "Ann") -> dict[str, str]:
        return cookie_of(await self.log_in(self.keyring.links.make(account, name)))

    async def who(self, headers: Mapping[str, str], method: str = "GET", body: bytes | None = None) -> int:
        return (await self.http.ask("/who", method, body, headers)).status


def cookie_of(answer: Answer) -> dict[str, str]:
    assert answer.status == 200, answer.body
    found = re.match(r"tugbot=(\w+);", answer.headers["Set-Cookie"])
    assert found
    return {"Cookie": f"tugbot={found[1]}"}


def error_of(answer: Answer) -> str:
    return str(json.loads(answer.body)["error"])


async def _who(request: web.Request) -> web.Response:
    caller = callers.caller_of(request)
    return web.json_response({"account": str(caller.account), "name": caller.name, "role": caller.role})


async def _operators(request: web.Request) -> web.Response:
    return web.json_response(callers.require(request, "operator").name)


@pytest.fixture(autouse=True)
def _routes(monkeypatch: pytest.MonkeyPatch) -> None:
    mount = entrance.mount

    def mounted(app: web.Application, *rest: object) -> None:
        mount(app, *rest)  # type: ignore[arg-type]
        app.router.add_route("*", "/who", _who)
        app.router.add_route("*", "/operators", _operators)

    monkeypatch.setattr(server.entrance, "mount", mounted)  # type: ignore[attr-defined]


@asynccontextmanager
async def house(data: Path, *, public_host: str = "", behind_proxy: bool = False) -> AsyncIterator[House]:
    clock, roles = Clock(), dict[Account, Role]({ANN: "member"})
    keyring = Keyring(data, clock, clock)

    def role(account: Account) -> Role | None:
        if account.transport == "api":
            return keyring.tokens.role(account.user)
        return "owner" if account.transport == CONSOLE else roles.get(account)

    parts = Parts(entrance=entrance.Backstage(keyring, role))
    async with served(public_host=public_host, behind_proxy=behind_proxy, parts=parts) as http:
        yield House(http, keyring, roles, clock)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


# ---------------------------------------------------------------- tokens


async def test_a_token_says_who_calls(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        token = home.keyring.tokens.create("ci", "operator")
        answer = await home.http.ask("/who", "POST", b"x=1", bearer(token))  # no browser adds it, so no page is asked
        assert json.loads(answer.body) == {"account": "api:ci", "name": "ci", "role": "operator"}
        assert await home.who({"Authorization": f"bearer   {token}"}) == 200
        assert (await home.http.ask("/operators", headers=bearer(token))).status == 200
        home.keyring.tokens.revoke("ci")
        assert await home.who(bearer(token)) == 401


async def test_nobody_gets_nothing(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        token = home.keyring.tokens.create("ci", "member")
        answer = await home.http.ask("/who")
        assert (answer.status, error_of(answer), answer.headers["WWW-Authenticate"]) == (401, "unauthorized", "Bearer")
        for said in ("", "Bearer", "Bearer ", f"Basic {token}", token, f"Bearer {token}x", f"Bearer {token} x"):
            assert await home.who({"Authorization": said}) == 401
        assert (await home.http.ask(f"/who?token={token}&access_token={token}")).status == 401
        two = f"GET /who HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        assert b" 401 " in await home.http.raw(f"{two}Authorization: Bearer x\r\nConnection: close\r\n\r\n".encode())
        assert (await home.http.ask("/operators", headers=bearer(token))).status == 403


async def test_a_token_that_is_over_is_nobodys(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        token = home.keyring.tokens.create("ci", "member", days=1)
        assert await home.who(bearer(token)) == 200
        home.clock.now += 86_400
        assert await home.who(bearer(token)) == 401


async def test_guessing_is_limited_and_locks_nobody_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with house(tmp_path) as home:
        token = home.keyring.tokens.create("ci", "member")
        with caplog.at_level(logging.INFO):
            came = [await home.who(bearer(f"tug_{number:043}")) for number in range(A_MINUTE + 5)]
        assert came == [401] * A_MINUTE + [429] * 5
        answer = await home.http.ask("/who", headers={"Cookie": "tugbot=guess"})
        assert (answer.status, answer.headers["Retry-After"]) == (429, "60")
        assert (await home.log_in("guess")).status == 429
        assert await home.who(bearer(token)) == 200
        assert await home.who(await home.cookie()) == 200
        warned = [record for record in caplog.records if record.name == "bot.gateway.guesses"]
        assert len(warned) == 1
        assert "tug_" not in caplog.text


def test_guesses_are_counted_by_minute_and_address_in_bounded_memory() -> None:
    clock = Clock()
    guesses = Guesses(clock)
    assert [guesses.note("a") for _ in range(A_MINUTE + 1)] == [False] * A_MINUTE + [True]
    assert not guesses.note("b")
    clock.now += MINUTE
    assert not guesses.note("a")
    for number in range(5 * ADDRESSES):
        guesses.note(f"{number}")
    assert len(guesses._since) == ADDRESSES


# ---------------------------------------------------------------- links and cookies


async def test_a_link_logs_one_browser_in_once(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        key = home.keyring.links.make(ANN, "Ann")
        answer = await home.log_in(key)
        assert json.loads(answer.body) == {"name": "Ann", "role": "member"}
        attributes = set(answer.headers["Set-Cookie"].split("; ")[1:])
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= attributes
        assert "Secure" not in attributes
        assert not any(each.startswith("Domain") for each in attributes)
        seen = await home.http.ask("/who", headers=cookie_of(answer))
        assert json.loads(seen.body) == {"account": str(ANN), "name": "Ann", "role": "member"}
        again = await home.log_in(key)
        assert (again.status, error_of(again)) == (401, "unauthorized")
        assert "Set-Cookie" not in again.headers


async def test_two_at_once_with_one_link(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        key = home.keyring.links.make(ANN, "Ann")
        came = await asyncio.gather(*(home.log_in(key) for _ in range(8)))
        assert sorted(answer.status for answer in came) == [200] + [401] * 7


async def test_a_link_that_is_late_or_nobodys(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        late = home.keyring.links.make(ANN, "Ann")
        home.clock.now += 600
        assert (await home.log_in(late)).status == 401
        revoked = home.keyring.links.make(ANN, "Ann")
        del home.roles[ANN]
        assert (await home.log_in(revoked)).status == 401
        for body in (b"", b"{", b"[]", b'{"key": 1}', b"\xff", b"[" * 100_000):
            assert (await home.http.ask("/login", "POST", body, home.page)).status == 400


async def test_the_cookie_is_for_encrypted_ways_alone_behind_a_proxy(tmp_path: Path) -> None:
    async with house(tmp_path, behind_proxy=True, public_host="tugbot.example.org") as home:
        key = home.keyring.links.make(ANN, "Ann")
        ours = {"Host": "tugbot.example.org", "Origin": "https://tugbot.example.org"}
        assert "; Secure" in (await home.log_in(key, **ours)).headers["Set-Cookie"]
        plain = {"Host": "tugbot.example.org", "Origin": "http://tugbot.example.org"}
        assert (await home.log_in(home.keyring.links.make(ANN, "Ann"), **plain)).status == 403


@pytest.mark.parametrize("role", [None, "guest"])
async def test_a_cookie_is_worth_what_its_account_is(tmp_path: Path, role: Role | None) -> None:
    async with house(tmp_path) as home:
        cookie = await home.cookie()
        assert (await home.http.ask("/operators", headers=cookie)).status == 403
        home.roles[ANN] = "owner"
        assert (await home.http.ask("/operators", headers=cookie)).status == 200
        del home.roles[ANN]
        if role is not None:
            home.roles[ANN] = role
        assert await home.who(cookie) == 401


async def test_logging_out_and_logging_in_anew_end_the_old_cookie(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        first = await home.cookie()
        second = cookie_of(await home.log_in(home.keyring.links.make(ANN, "Ann"), **first))
        assert (await home.who(first), await home.who(second)) == (401, 200)
        answer = await home.http.ask("/logout", "POST", None, {**home.page, **second})
        assert answer.status == 204
        assert "Max-Age=0" in answer.headers["Set-Cookie"]
        assert await home.who(second) == 401
        assert (await home.http.ask("/logout", "POST", None, {**home.page, **second})).status == 204
        assert (await home.http.ask("/logout")).status == 405


async def test_a_wrong_token_is_not_made_good_by_a_cookie(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        assert await home.who({**await home.cookie(), **bearer("tug_x")}) == 401


# ---------------------------------------------------------------- other sites


def foreign(home: House) -> dict[str, dict[str, str]]:
    """Changes that a browser would send with our cookie, and not for our page."""
    page = home.page
    unmarked = {name: value for name, value in page.items() if name != "X-Tugbot"}
    silent = {name: value for name, value in page.items() if name not in ("Origin", "Sec-Fetch-Site")}
    unfetched = {name: value for name, value in page.items() if name != "Sec-Fetch-Site"}
    return {
        "a form": {**unmarked, "Content-Type": "application/x-www-form-urlencoded"},
        "a form as text": {**unmarked, "Content-Type": "text/plain"},
        "a form with a file": {**unmarked, "Content-Type": "multipart/form-data; boundary=x"},
        "a file of another site": {**unmarked, "Content-Type": "application/octet-stream"},
        "no mark": unmarked,
        "another mark": {**page, "X-Tugbot": "true"},
        "another kind of body": {**page, "Content-Type": "text/plain"},
        "no origin": silent,
        "another site": {**page, "Origin": "https://evil.example"},
        "another site, unfetched": {**unfetched, "Origin": "https://evil.example"},
        "no site": {**page, "Origin": "null"},
        "no site, unfetched": {**unfetched, "Origin": "null"},
        "another port": {**page, "Origin": "http://127.0.0.1:3000", "Sec-Fetch-Site": "same-site"},
        "another port, unfetched": {**unfetched, "Origin": "http://127.0.0.1:3000"},
        "another name": {**unfetched, "Origin": f"http://localhost:{home.http.port}"},
        "our name within another": {**unfetched, "Origin": f"{home.origin}.evil.example"},
        "another way": {**unfetched, "Origin": f"ftp://127.0.0.1:{home.http.port}"},
        "a lie about the origin": {**page, "Sec-Fetch-Site": "cross-site"},
        "from nowhere": {**page, "Sec-Fetch-Site": "none"},
    }


async def test_another_site_changes_nothing_with_our_cookie(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        cookie = await home.cookie()
        key = home.keyring.links.make(ANN, "Ann")
        for what, headers in foreign(home).items():
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                assert await home.who({**headers, **cookie}, method, b"{}") == 403, what
            answer = await home.http.ask("/login", "POST", json.dumps({"key": key}).encode(), headers)
            assert (answer.status, error_of(answer)) == (403, "forbidden"), what
        assert (await home.log_in(key)).status == 200  # no attempt has used it up


async def test_another_site_logs_nobody_out(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        cookie = await home.cookie()
        for what, headers in foreign(home).items():
            if what != "another kind of body":  # without a body there is no kind of it
                assert (await home.http.ask("/logout", "POST", None, {**headers, **cookie})).status == 403, what
        assert await home.who(cookie) == 200


async def test_our_page_changes_things(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        cookie = await home.cookie()
        file = {**home.page, "Content-Type": "application/octet-stream"}
        origin = {**OURS, "Origin": home.origin}  # browsers from before Sec-Fetch-Site
        fetched = {**OURS, "Sec-Fetch-Site": "same-origin"}  # without Origin
        for headers in (home.page, file, origin, fetched):
            assert await home.who({**headers, **cookie}, "POST", b"{}") == 200
        bodiless = {name: value for name, value in home.page.items() if name != "Content-Type"}
        assert await home.who({**bodiless, **cookie}, "DELETE") == 200


async def test_another_site_does_not_even_look_with_our_cookie(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        cookie = await home.cookie()
        for headers, status in (
            ({}, 200),
            ({"Sec-Fetch-Site": "same-origin"}, 200),
            ({"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, 200),
            ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"}, 200),
            ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 403),
            ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
            ({"Origin": "http://127.0.0.1:3000"}, 403),
            ({"Origin": "null"}, 403),
            ({"Origin": home.origin}, 200),
        ):
            assert await home.who({**headers, **cookie}) == status, headers


async def test_no_answer_allows_other_sites_anything(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        cookie = await home.cookie()
        asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST", **cookie}
        for path in ("/login", "/logout", "/who"):
            for method in ("OPTIONS", "GET", "POST"):
                answer = await home.http.ask(path, method, None, asked)
                assert not any(name.lower().startswith("access-control") for name in answer.headers)
        assert (await home.http.ask("/login", "OPTIONS")).status == 405


# ---------------------------------------------------------------- the page of a link


async def test_the_login_page_runs_its_own_script_and_nothing_else(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        answer = await home.http.ask("/login")
        policy = answer.headers["Content-Security-Policy"]
        assert (answer.status, answer.body.decode()) == (200, HTML)
        assert "default-src 'none'; script-src 'sha256-" in policy
        assert "unsafe" not in policy
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert HTML.count("<script>") == 1
        assert "innerHTML" not in HTML
        assert "://" not in HTML


async def test_without_the_entrance_nobody_can_log_in() -> None:
    async with served() as http:
        assert (await http.ask("/login")).status == 404
