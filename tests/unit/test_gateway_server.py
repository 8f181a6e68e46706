"""The gateway on a real socket: what it answers, what it refuses, what it never says."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import socket

import pytest

from bot.gateway.model import Address, Bounds
from bot.gateway.port import claim
from bot.gateway.server import Gateway
from tests.gateway_world import Answer, served
from transports.base import HookRequest, HookResponse

HEALTH = "/api/v1/health"
SAFE = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


async def echo(request: HookRequest) -> HookResponse:
    said = f"{request.method} {request.headers.get('x-said', '')} ".encode() + request.body
    return HookResponse(200, said, {"Content-Type": "text/plain", "X-Own": "yes", "Cache-Control": "private"})


def error_of(answer: Answer) -> str:
    assert answer.headers["Content-Type"].startswith("application/json")
    return str(json.loads(answer.body)["error"])


def check_dressed(answer: Answer) -> None:
    assert "Server" not in answer.headers
    assert SAFE.items() <= answer.headers.items()
    assert not any(name.startswith("Access-Control") for name in answer.headers)


async def test_it_says_that_it_lives() -> None:
    async with served() as http:
        answer = await http.ask(HEALTH)
        assert (answer.status, json.loads(answer.body)) == (200, {"status": "ok"})
        check_dressed(answer)


async def test_unknown_paths_and_methods_are_told_in_json() -> None:
    async with served({"/hook": echo}) as http:
        for path in ("/", "/api/v1", "/hook/", "/HOOK", "/../etc/passwd", "/%00", "/" + "x" * 5000):
            answer = await http.ask(path)
            assert (answer.status, error_of(answer)) == (404, "not_found")
            check_dressed(answer)
        answer = await http.ask(HEALTH, "POST", b"x")
        assert (answer.status, error_of(answer), answer.headers["Allow"]) == (405, "method_not_allowed", "GET,HEAD")


async def test_a_hook_gets_what_was_sent_and_its_answer_goes_back() -> None:
    async with served({"/hook": echo}) as http:
        answer = await http.ask("/hook?a=1", "POST", b"\x00\xff", {"X-SAID": "hello"})
        assert (answer.status, answer.body) == (200, b"POST hello \x00\xff")
        assert answer.headers["X-Own"] == "yes"
        assert answer.headers["Cache-Control"] == "private"  # what it says of itself stands
        assert "Server" not in answer.headers
        assert (await http.ask("/hook", "PUT")).body == b"PUT  "


async def test_other_sites_names_reach_hooks_alone() -> None:
    async with served({"/hook": echo}, public_host="tugbot.example.org") as http:
        for name, status in (("evil.example", 421), ("tugbot.example.org", 200), ("localhost:1", 200)):
            answer = await http.ask(HEALTH, headers={"Host": name})
            assert answer.status == status
            check_dressed(answer)
        assert error_of(await http.ask("/nothing", headers={"Host": "evil.example"})) == "unknown_host"
        assert (await http.ask("/hook", headers={"Host": "evil.example"})).status == 200
        assert b" 421 " in await http.raw(f"GET {HEALTH} HTTP/1.0\r\n\r\n".encode())
        two = f"GET {HEALTH} HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
        assert (await http.raw(two.encode())).split(b" ")[1] in (b"400", b"421")


async def test_too_large_bodies_are_refused_announced_or_not() -> None:
    async with served({"/hook": echo}, bounds=Bounds(max_body=1000)) as http:
        assert (await http.ask("/hook", "POST", b"x" * 1000)).status == 200
        answer = await http.ask("/hook", "POST", b"x" * 1001)
        assert (answer.status, error_of(answer)) == (413, "too_large")
        check_dressed(answer)
        announced = b"POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\nx"
        assert b" 413 " in await http.raw(announced)
        chunked = b"POST /hook HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert b" 413 " in await http.raw(chunked + b"400\r\n" + b"x" * 1024 + b"\r\n0\r\n\r\n")


async def test_a_half_sent_body_is_given_up() -> None:
    async with served({"/hook": echo}, bounds=Bounds(body_patience=0.1)) as http:
        half = await http.raw(b"POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf")
        assert b" 408 " in half
        assert b'"request_timeout"' in half
        assert (await http.ask(HEALTH)).status == 200


async def test_who_holds_many_connections_gets_no_more(caplog: pytest.LogCaptureFixture) -> None:
    async with served(bounds=Bounds(max_connections=3)) as http:

        async def answered() -> bool:
            try:
                return b" 200 OK" in await http.raw(f"GET {HEALTH} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            except ConnectionError:
                return False

        held = [await asyncio.open_connection("127.0.0.1", http.port) for _ in range(3)]
        assert not await answered()
        for _, writer in held:
            writer.close()
        while not await answered():
            pass
    gc.collect()  # what failed unseen is told when it is thrown away
    assert caplog.records == []


async def test_half_sent_headers_are_given_up() -> None:
    async with served(bounds=Bounds(headers_patience=0.1)) as http:
        assert await http.raw(b"GET / HTTP/1.1\r\nHost: loc") == b""


async def test_who_hangs_up_half_way_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    async with served({"/hook": echo}) as http:
        _, writer = await asyncio.open_connection("127.0.0.1", http.port)
        writer.write(b"POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        assert (await http.ask("/hook", "POST", b"whole")).status == 200
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize(
    "garbage",
    [b"\x16\x03\x01\x02\x00\x01\x00\x01", b"hello\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /\x00 HTTP/1.1\r\n\r\n"],
)
async def test_what_is_no_http_is_refused_without_a_word_about_us(
    garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with served() as http:
        said = await http.raw(garbage)
        assert b" 400 " in said.split(b"\r\n")[0]
        assert b"\r\nServer:" not in said
        assert b"\r\nX-Content-Type-Options: nosniff" in said
        assert b"aiohttp" not in said
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("kind", [RuntimeError, ConnectionResetError, TimeoutError])
async def test_a_failure_has_a_reference_and_one_trace(kind: type[Exception], caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_: HookRequest) -> HookResponse:
        raise kind("the secret reason")

    async with served({"/hook": broken}) as http:
        answer = await http.ask("/hook?token=hidden", "POST", b"x")
    assert (answer.status, error_of(answer)) == (500, "internal_error")
    assert b"secret reason" not in answer.body
    check_dressed(answer)
    logged = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [bool(record.exc_info) for record in logged] == [True]
    assert json.loads(answer.body)["reference"] in logged[0].getMessage()
    assert "hidden" not in caplog.text


async def test_hooks_are_called_a_bounded_number_of_times_at_once() -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_: HookRequest) -> HookResponse:
        entered.set()
        await go_on.wait()
        return HookResponse(200)

    async with served({"/hook": slow}, bounds=Bounds(max_hooks=1)) as http:
        first = asyncio.create_task(http.ask("/hook", "POST", b"x"))
        await entered.wait()
        answer = await http.ask("/hook", "POST", b"x")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert (await http.ask(HEALTH)).status == 200
        go_on.set()
        assert (await first).status == 200
        assert (await http.ask("/hook", "POST", b"x")).status == 200


async def test_bodies_that_never_come_keep_nobody_out() -> None:
    async with served({"/hook": echo}, bounds=Bounds(max_hooks=1)) as http:
        waiting = [await asyncio.open_connection("127.0.0.1", http.port) for _ in range(4)]
        for _, writer in waiting:
            writer.write(b"POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")
            await writer.drain()
        await asyncio.sleep(0.05)
        assert (await http.ask("/hook", "POST", b"x")).status == 200
        for _, writer in waiting:
            writer.close()
            await writer.wait_closed()


async def test_a_compressed_body_is_handed_over_as_it_came() -> None:
    async with served({"/hook": echo}) as http:
        answer = await http.ask("/hook", "POST", b"not gzip at all", {"Content-Encoding": "gzip"})
        assert (answer.status, answer.body) == (200, b"POST  not gzip at all")


async def test_access_is_logged_at_debug_without_what_was_asked(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "bot.gateway.access")
    async with served() as http:
        await http.ask(HEALTH)
    assert caplog.records == []
    caplog.set_level(logging.DEBUG, "bot.gateway.access")
    async with served() as http:
        await http.ask(f"{HEALTH}?token=hidden", headers={"Authorization": "Bearer hidden"})
        await http.ask("/new%0Aline")
    lines = [record.getMessage() for record in caplog.records if record.name == "bot.gateway.access"]
    assert lines[0].startswith(f"method=GET path={HEALTH} status=200 seconds=")
    assert lines[0].endswith("remote=127.0.0.1")
    assert "path=/new%0Aline status=404" in lines[1]
    assert "hidden" not in caplog.text


async def test_who_came_before_the_bot_was_ready_is_answered_when_it_is() -> None:
    address = Address(port=0)
    gateway = Gateway(address, claim(address))
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(f"GET {HEALTH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    await asyncio.sleep(0.05)
    await gateway.serve({})
    assert b" 200 OK" in await reader.read()
    writer.close()
    await gateway.close()


async def test_closing_gives_the_port_back_and_lets_what_is_under_way_end() -> None:
    entered = asyncio.Event()

    async def slow(_: HookRequest) -> HookResponse:
        entered.set()
        await asyncio.sleep(0.1)
        return HookResponse(200, b"done")

    async with served({"/hook": slow}) as http:
        asked = asyncio.create_task(http.ask("/hook", "POST", b"x"))
        await entered.wait()
        port = http.port
        await http.gateway.close()
        assert (await asked).body == b"done"
        with pytest.raises(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):  # noqa: PT011
            pass
    claim(Address(port=port)).close()


async def test_closing_what_never_served_gives_the_port_back() -> None:
    address = Address(port=0)
    gateway = Gateway(address, claim(address))
    port = gateway.port
    await gateway.close()
    claim(Address(port=port)).close()
