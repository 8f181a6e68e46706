"""GET / and what the page consists of, below /assets/. Nothing here is secret; what the page shows it asks the API for.

No path is ever made of a request: a name that was not read at the start does not exist.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from aiohttp import hdrs, web

from bot.gateway import pagefiles
from bot.gateway.pagefiles import INDEX, MEND

log = logging.getLogger(__name__)

# Of the index. What else is served here has the policy of every answer, under which nothing may be loaded or run.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_BROKEN = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Tugbot</title>
<h1>This page is not complete</h1>
<p>Files of it are missing where Tugbot is installed; its log and <code>tugbot doctor</code> name them.
To mend it, {MEND}. Then start Tugbot again.</p>
<p>All else works: chats, the command line and the API.</p>
</html>
"""
_KINDS = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    "": "text/plain",  # LICENSE
}
_BINARY = {".png": "image/png", ".woff2": "font/woff2"}
ICON = "icon.svg"


@dataclass(frozen=True, slots=True)
class Form:
    """One way to send an asset. Each has its own tag, for a tag stands for the very bytes."""

    content: bytes
    tag: str


@dataclass(frozen=True, slots=True)
class Asset:
    kind: str
    plain: Form
    zipped: Form | None  # where that is shorter


def asset(path: str, content: bytes) -> Asset:
    suffix = PurePosixPath(path).suffix
    short = gzip.compress(content, mtime=0)
    kind = f"{_KINDS[suffix]}; charset=utf-8" if suffix in _KINDS else _BINARY.get(suffix, "application/octet-stream")
    return Asset(kind, _form(content), _form(short) if len(short) < len(content) else None)


def _form(content: bytes) -> Form:
    return Form(content, hashlib.sha256(content).hexdigest())


def mount(app: web.Application, page: Mapping[str, bytes] | None = None) -> None:
    """`page`: path below /assets/ → content; that of this installation where not given."""
    page = pagefiles.shipped() if page is None else page
    assets = Assets({path: asset(path, content) for path, content in page.items()}, pagefiles.missing(page))
    app.router.add_get("/", assets.index)
    app.router.add_get("/assets/{path:.+}", assets.other)
    app.router.add_get("/favicon.ico", assets.icon)


class Assets:
    def __init__(self, known: Mapping[str, Asset], missing: list[str]) -> None:
        self._known = known
        self._whole = not missing
        if missing:
            log.warning("the page is not served, of its files are missing: %s; %s", ", ".join(missing), MEND)

    async def index(self, request: web.Request) -> web.Response:
        if not self._whole:
            return web.Response(status=503, text=_BROKEN, content_type="text/html")
        answer = _answer(request, self._known[INDEX])
        answer.headers["Content-Security-Policy"] = POLICY
        return answer

    async def other(self, request: web.Request) -> web.Response:
        return self._named(request, request.match_info["path"])

    async def icon(self, request: web.Request) -> web.Response:
        """Browsers ask for this by themselves wherever no page has told them better."""
        return self._named(request, ICON) if ICON in self._known else web.Response(status=204)

    def _named(self, request: web.Request, name: str) -> web.Response:
        found = self._known.get(name)
        if found is None or name == INDEX:
            raise web.HTTPNotFound
        return _answer(request, found)


def _answer(request: web.Request, found: Asset) -> web.Response:
    zipped = found.zipped if _takes_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, "")) else None
    form = zipped or found.plain
    # no-cache: kept, but asked about each time, so that nobody has half a page of another version.
    headers = {"Cache-Control": "no-cache", "ETag": f'"{form.tag}"', "Vary": "Accept-Encoding"}
    if any(said.value in (form.tag, "*") for said in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    if zipped is not None:
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=form.content, headers={**headers, "Content-Type": found.kind})


def _takes_gzip(said: str) -> bool:
    """Whether an Accept-Encoding header names it. What it says of * is left out: uncompressed is right for all."""
    words = (word.partition(";") for word in said.lower().split(","))
    weights = {coding.strip(): weight.strip() for coding, _, weight in words}
    return "gzip" in weights and re.fullmatch(r"q\s*=\s*0(\.0*)?", weights["gzip"]) is None
