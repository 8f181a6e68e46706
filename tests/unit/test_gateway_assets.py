"""The page's files over HTTP: what there is, what there is not, and a page that is not whole."""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.access import Keyring
from bot.checks import page as checks_page
from bot.checks.base import Check
from bot.gateway import entrance, pagefiles
from bot.gateway.assets import POLICY
from bot.gateway.parts import Parts
from bot.settings import Settings
from bot.settings.gateway import GatewaySettings
from tests.gateway_world import Answer, Served, served

LONG = b"export const words = [" + b'"a word", ' * 500 + b"];"
SMALL: Mapping[str, bytes] = {
    "index.html": b'<!doctype html><link rel="icon" href="/assets/icon.svg"><script src="/assets/app.js"></script>',
    "app.js": b'import { words } from "./deep/words.js";\nimport x from "./x.mjs";',
    "deep/words.js": LONG,
    "x.mjs": b"export default 1",
    "style.css": b"p { color: red }",
    "icon.svg": b"<svg/>",
    "manifest.webmanifest": b"{}",
    "LICENSE": b"Take it.",
    "picture.png": b"\x89PNG",
    "what.ever": b"?",
}
PLAIN = {"Accept-Encoding": "identity"}


@asynccontextmanager
async def house(
    data: Path, monkeypatch: pytest.MonkeyPatch, page: Mapping[str, bytes] = SMALL
) -> AsyncIterator[Served]:
    monkeypatch.setattr(pagefiles, "shipped", lambda: page)
    clock = lambda: 1_000.0  # noqa: E731
    backstage = entrance.Backstage(Keyring(data, clock, clock), lambda _: None)
    async with served(parts=Parts(entrance=backstage)) as http:
        yield http


def without(*names: str) -> dict[str, bytes]:
    return {name: content for name, content in SMALL.items() if name not in names}


def error_of(answer: Answer) -> str:
    return str(json.loads(answer.body)["error"])


# ---------------------------------------------------------------- what is there


async def test_the_index_may_load_what_is_ours_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path, monkeypatch) as http:
        answer = await http.ask("/")
        assert (answer.status, answer.body) == (200, SMALL["index.html"])
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert "unsafe" not in POLICY
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert (await http.ask("/?any=thing")).body == SMALL["index.html"]
        assert error_of(await http.ask("/", headers={"Host": "evil.example"})) == "unknown_host"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("app.js", "text/javascript; charset=utf-8"),
        ("deep/words.js", "text/javascript; charset=utf-8"),
        ("x.mjs", "text/javascript; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml; charset=utf-8"),
        ("manifest.webmanifest", "application/manifest+json; charset=utf-8"),
        ("LICENSE", "text/plain; charset=utf-8"),
        ("picture.png", "image/png"),
        ("what.ever", "application/octet-stream"),
    ],
)
async def test_each_file_says_what_it_is(name: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with house(tmp_path, monkeypatch) as http:
        answer = await http.ask(f"/assets/{name}")
        assert (answer.status, answer.body) == (200, SMALL[name])
        assert answer.headers["Content-Type"] == kind
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["Cache-Control"] == "no-cache"
        assert answer.headers["Vary"] == "Accept-Encoding"


async def test_head_says_the_same_without_the_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with house(tmp_path, monkeypatch) as http:
        for path in ("/", "/assets/deep/words.js"):
            got, head = await http.ask(path), await http.ask(path, "HEAD")
            assert (head.status, head.body) == (200, b"")
            for name in ("Content-Length", "Etag", "Content-Type", "Content-Security-Policy"):
                assert head.headers[name] == got.headers[name]
            answer = await http.ask(path, "POST", b"x")
            assert (answer.status, error_of(answer)) == (405, "method_not_allowed")


async def test_what_a_browser_has_already_is_not_sent_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with house(tmp_path, monkeypatch) as http:
        for path in ("/", "/assets/deep/words.js"):
            tag = (await http.ask(path)).headers["Etag"]
            for said in (tag, f"W/{tag}", f'"other", {tag}', "*"):
                answer = await http.ask(path, headers={"If-None-Match": said})
                assert (answer.status, answer.body, answer.headers["Etag"]) == (304, b"", tag)
                assert answer.headers["Cache-Control"] == "no-cache"
            for said in ('"other"', tag.strip('"'), "", "nonsense"):
                assert (await http.ask(path, headers={"If-None-Match": said})).status == 200


async def test_a_tag_stands_for_the_bytes_and_changes_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path, monkeypatch) as http:
        tag = (await http.ask("/")).headers["Etag"]
    other = {**SMALL, "index.html": SMALL["index.html"] + b" "}
    async with house(tmp_path, monkeypatch, other) as http:
        assert (await http.ask("/", headers={"If-None-Match": tag})).status == 200


async def test_it_is_compressed_for_who_takes_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = "/assets/deep/words.js"
    async with house(tmp_path, monkeypatch) as http:
        plain = await http.ask(path, headers=PLAIN)
        assert "Content-Encoding" not in plain.headers
        for said in ("gzip", "br;q=1.0, GZIP;q=0.5, *;q=0", "deflate,gzip ; q=1"):
            zipped = await http.ask(path, headers={"Accept-Encoding": said})
            assert zipped.headers["Content-Encoding"] == "gzip"
            assert int(zipped.headers["Content-Length"]) < len(LONG) / 10
            assert zipped.body == plain.body == LONG  # the client unpacks it
            assert zipped.headers["Etag"] != plain.headers["Etag"]
        for said in ("", "br", "gzip;q=0", "gzip; q=0.000, identity", "*", "xgzip", "gzipx"):
            answer = await http.ask(path, headers={"Accept-Encoding": said})
            assert "Content-Encoding" not in answer.headers, said
        raw = await http.raw(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n".encode()
        )
        assert zlib.decompress(raw.partition(b"\r\n\r\n")[2], wbits=31) == LONG
        assert "Content-Encoding" not in (await http.ask("/assets/x.mjs", headers={"Accept-Encoding": "gzip"})).headers


async def test_browsers_get_the_icon_that_they_ask_for_by_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path, monkeypatch) as http:
        answer = await http.ask("/favicon.ico")
        assert (answer.body, answer.headers["Content-Type"]) == (b"<svg/>", "image/svg+xml; charset=utf-8")
    async with house(tmp_path, monkeypatch, without("icon.svg")) as http:
        assert (await http.ask("/favicon.ico")).status == 204


# ---------------------------------------------------------------- what is not


@pytest.mark.parametrize(
    "path",
    [
        "/assets",
        "/assets/",
        "/assets/index.html",
        "/assets/deep",
        "/assets/deep/",
        "/assets/APP.JS",
        "/assets/app.js/",
        "/assets/app.js%00",
        "/assets/%00",
        "/assets/app.js%00.css",
        "/assets/../server.py",
        "/assets/../../../pyproject.toml",
        "/assets/deep/../app.js/../../pagefiles.py",
        "/assets/%2e%2e/server.py",
        "/assets/%2e%2e%2fserver.py",
        "/assets/..%2fserver.py",
        "/assets/%252e%252e/server.py",
        "/assets/..%5cserver.py",
        "/assets/..\\server.py",
        "/assets/deep\\words.js",
        "/assets//etc/passwd",
        "/assets/%2fetc/passwd",
        "/assets//app.js",
        "/assets/./app.js%2f..",
        "/assets/c:%5cwindows",
        "/assets/file:///etc/passwd",
        "/assets/%ff%fe",
        "/assets/~root",
        "/assets/" + "x" * 6000,
        "/assets/" + "../" * 1000 + "etc/passwd",
        "/__init__.py",
        "/app.js",
    ],
)
async def test_no_path_leads_anywhere_else(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with house(tmp_path, monkeypatch) as http:
        said = await http.raw(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        head, _, body = said.partition(b"\r\n\r\n")
        assert head.split(b" ")[1] == b"404", said
        assert json.loads(body) == {"error": "not_found"}


async def test_without_an_entrance_there_is_no_page() -> None:
    async with served() as http:
        for path in ("/", "/assets/app.js", "/favicon.ico"):
            assert (await http.ask(path)).status == 404


# ---------------------------------------------------------------- a page that is not whole


@pytest.mark.parametrize(
    ("page", "gone"),
    [
        ({}, "index.html"),
        (without("index.html"), "index.html"),
        (without("app.js"), "app.js"),
        (without("icon.svg"), "icon.svg"),
        (without("deep/words.js", "x.mjs"), "deep/words.js, x.mjs"),
    ],
    ids=["nothing", "no index", "no module", "no icon", "no imports"],
)
async def test_it_says_how_to_mend_it_and_the_rest_works(
    page: dict[str, bytes], gone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with house(tmp_path, monkeypatch, page) as http:
        for _ in range(2):
            answer = await http.ask("/")
            assert answer.status == 503
            assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
            assert answer.headers["Cache-Control"] == "no-store"
            assert b"install Tugbot again" in answer.body
        assert (await http.ask("/", "HEAD")).status == 503
        assert (await http.ask("/api/v1/health")).status == 200
        assert (await http.ask("/login")).status == 200
    (warned,) = (record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING)
    assert gone in warned
    assert "install Tugbot again" in warned


def test_doctor_says_it_where_there_is_a_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(page: Mapping[str, bytes], **own: object) -> list[Check]:
        monkeypatch.setattr(pagefiles, "shipped", lambda: page)
        settings = Settings().model_copy(update={"gateway": GatewaySettings(**own)})  # type: ignore[arg-type]
        return list(checks_page.check(settings))

    assert found({}, enabled="off") == []
    assert found(SMALL) == found(SMALL, enabled="on") == [Check("page", True, f"its {len(SMALL)} files are there")]
    (broken,) = found(without("app.js"), enabled="on")
    assert not broken.ok
    assert broken.detail == "of its files are missing: app.js"
    assert "install Tugbot again" in broken.fix
