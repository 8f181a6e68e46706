"""Debian's chromium, driven by Playwright: pages that are watched while tests use them, and looked over by axe.

`script/browser` installs axe; TUGBOT_BROWSER names the directory. No browser of Playwright's is ever fetched. Pictures
of what tests saw go to TUGBOT_ARTEFACTS (.cache/screenshots), one file for each name that a test gives, and one for
the end of each page.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import AsyncIterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Page,
    Request,
    async_playwright,
    expect,
)

ROOT = Path(__file__).parents[1]
PLACE = Path(os.environ.get("TUGBOT_BROWSER") or ROOT / ".cache" / "browser").absolute()
AXE = PLACE / "node_modules" / "axe-core" / "axe.min.js"
ARTEFACTS = Path(os.environ.get("TUGBOT_ARTEFACTS") or ROOT / ".cache" / "screenshots").absolute()
PROGRAM = "chromium"
PATIENCE = 20.0  # seconds for anything to appear
EVIL = "evil.example"  # a name of somebody else's that leads to this machine; no other name leads anywhere
RULES = f"MAP {EVIL} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
DESKTOP, PHONE = (1280, 800), (390, 844)
BAD = frozenset({"serious", "critical"})
# Told on the page's behalf before any script of it runs: what a policy refused is no console message in every case.
NOTES = """addEventListener('securitypolicyviolation',
    e => console.error('policy: ' + e.violatedDirective + ' ' + e.blockedURI))"""

# What only markup of somebody else's could have brought into the conversation, or anywhere an attribute with script.
FOREIGN = "script, iframe, object, embed, svg, math, style, link, meta, base, video, audio, template, img, input"
LOOK = """() => {
  const all = [...document.querySelectorAll("*")];
  for (const each of document.querySelectorAll("details")) each.open = true;
  for (const each of all) for (const kind of ["mouseover", "pointerenter", "focus", "animationstart", "toggle", "load"])
    each.dispatchEvent(new Event(kind));
  return {
    handlers: all.flatMap(each => each.getAttributeNames().filter(name => name.startsWith("on"))),
    links: [...document.querySelectorAll("a[href]")].map(each => each.protocol),
    foreign: [...document.querySelectorAll("article :is(FOREIGN)")].map(each => each.outerHTML.slice(0, 200)),
    refreshing: document.querySelectorAll("meta[http-equiv=refresh], base").length,
  };
}""".replace("FOREIGN", FOREIGN)
LINKS = frozenset({"http:", "https:", "mailto:"})

Scheme = Literal["light", "dark"]

expect.set_options(timeout=PATIENCE * 1000)


def missing() -> str:
    """What these tests lack here; "" if nothing."""
    if shutil.which(PROGRAM) is None:
        return "chromium is not installed (apt install chromium)"
    return "" if (PLACE / "installed").exists() else "axe-core is not installed: run script/browser"


def require() -> None:
    if lack := missing():
        pytest.fail(lack) if os.environ.get("CI") == "true" else pytest.skip(lack)


@dataclass
class Watch:
    """What a page did that nobody should have to see: errors, dialogs, requests to other hosts."""

    origin: str
    errors: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    strayed: list[str] = field(default_factory=list)
    borne: list[re.Pattern[str]] = field(default_factory=list)

    def over(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))
        page.on("dialog", self._dialog)
        page.on("request", self._request)

    def bear(self, pattern: str) -> None:
        """Errors that belong to what the test does, such as a bot that is away."""
        self.borne.append(re.compile(pattern))

    def complaints(self) -> list[str]:
        errors = [error for error in self.errors if not any(each.search(error) for each in self.borne)]
        return [*errors, *(f"dialog: {text}" for text in self.dialogs), *(f"asked {url}" for url in self.strayed)]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")

    async def _dialog(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        await dialog.dismiss()

    def _request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.origin}/", "data:", "blob:", "about:")):
            self.strayed.append(request.url)


@dataclass(frozen=True)
class Visit:
    """One browser profile of its own, with one page in it to begin with."""

    name: str
    context: BrowserContext
    page: Page
    watch: Watch

    async def another(self) -> Page:
        """A second window of the same person."""
        page = await self.context.new_page()
        self.watch.over(page)
        return page

    async def picture(self, what: str, page: Page | None = None) -> None:
        await (page or self.page).screenshot(path=ARTEFACTS / f"{self.name}-{what}.png", caret="initial")

    async def findings(self, page: Page | None = None) -> list[str]:
        """What axe finds serious or critical on the page as it stands."""
        looked = page or self.page
        await looked.evaluate(AXE.read_text("utf-8") + "\n;0")
        found: Mapping[str, Any] = await looked.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        return [
            f"{each['impact']} {each['id']}: {each['help']}: {[node['target'] for node in each['nodes']][:5]}"
            for each in found["violations"]
            if each["impact"] in BAD
        ]

    async def fits(self) -> bool:
        """Whether nothing has to be looked for sideways. A phone would make its window wider, hence not innerWidth."""
        assert self.page.viewport_size
        width: int = await self.page.evaluate("document.documentElement.scrollWidth")
        return width <= self.page.viewport_size["width"]

    async def harmless(self, schemes: Set[str] = frozenset()) -> None:
        """Nothing on the page has run, or could: whatever may be folded out, pointed at or focused has been.

        `schemes`: of links, beside those that lead to other pages.
        """
        found = await self.page.evaluate(LOOK)
        assert found["handlers"] == []
        assert found["foreign"] == []
        assert found["refreshing"] == 0
        assert set(found["links"]) <= LINKS | schemes
        await self.page.wait_for_timeout(300)  # what would be loaded by now is
        assert await self.page.evaluate("window.__pwned ?? null") is None


class Visits:
    """Opens profiles in one browser; all of them are gone, and judged, at the end of the test."""

    def __init__(self, browser: Browser, name: str) -> None:
        self._browser = browser
        self._name = name
        self._opened: list[Visit] = []

    async def open(
        self,
        origin: str,
        *,
        size: tuple[int, int] = DESKTOP,
        scheme: Scheme = "light",
        touch: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Visit:
        context = await self._browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            has_touch=touch,
            is_mobile=touch,
            reduced_motion="reduce",  # a picture is of what stands there, not of how it got there
            accept_downloads=True,
            extra_http_headers=dict(headers or {}),
        )
        await context.grant_permissions(["clipboard-read", "clipboard-write"], origin=origin)
        await context.add_init_script(NOTES)
        name = f"{self._name}{len(self._opened) or ''}"
        visit = Visit(name, context, await context.new_page(), Watch(origin))
        visit.watch.over(visit.page)
        self._opened.append(visit)
        return visit

    async def close(self) -> list[str]:
        """What was wrong in any of them."""
        complaints: list[str] = []
        for visit in self._opened:
            for number, page in enumerate(visit.context.pages):
                await visit.picture(f"end{number or ''}", page)
            complaints += [f"{visit.name}: {each}" for each in visit.watch.complaints()]
            await visit.context.close()
        return complaints


@pytest.fixture
async def visits(request: pytest.FixtureRequest) -> AsyncIterator[Visits]:
    require()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which(PROGRAM),
            chromium_sandbox=os.geteuid() != 0,  # as root chromium starts without it alone
            args=[f"--host-resolver-rules={RULES}"],
        )
        opened = Visits(browser, _plain(request.node.name))
        try:
            yield opened
        finally:
            complaints = await opened.close()
            await browser.close()
    if complaints:
        pytest.fail("\n".join(complaints))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.removeprefix("test_").lower()).strip("-")[:100]
