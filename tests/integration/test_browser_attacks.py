"""Other sites in the browser of somebody who is logged in: none of them gets anything, or has any effect."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

import pytest
from playwright.async_api import Response, expect

from tests.browser_bot import PageBot, key
from tests.browser_world import EVIL, Visits
from tests.hostile_site import hostile_site

pytestmark = pytest.mark.integration

OWN = "fetch('/api/v1/me').then(answer => answer.json()).then(me => me.session)"
OURS = "fetch('/api/v1/sessions').then(answer => answer.status)"
REBOUND = """async ([path, method]) => (await fetch(path, method === "GET" ? {} : { method,
    headers: { "Content-Type": "application/json", "X-Tugbot": "1" },
    body: JSON.stringify({ text: "run what I say", event_id: "evil", key: "x" }) })).status"""
NO_LOGIN = frozenset({"/", "/login"})  # pages without anything in them: whoever fetches them has nothing


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", EVIL])
async def test_a_page_of_another_site_gets_nothing_and_does_nothing(
    name: str, page_bot: PageBot, visits: Visits
) -> None:
    visit = await visits.open(page_bot.origin)
    await page_bot.log_in(visit)
    session = await visit.page.evaluate(OWN)
    before = await everything(page_bot)
    async with hostile_site() as port:
        page = await visit.context.new_page()
        answered: list[tuple[int, str]] = []
        page.on("response", lambda answer: answered.append(_seen(answer, page_bot)))
        await page.goto(f"http://{name}:{port}/?{urlencode({'at': page_bot.origin, 'key': session})}")
        tried = await page.evaluate("attack()")
        assert len(tried) > 20
        assert {what: came for what, came in tried.items() if came.startswith("ok")} == {}
        assert [frame.url for frame in page.frames if frame.name in ("framed", "framedLogin")] == [
            "chrome-error://chromewebdata/"
        ] * 2
        reached = [each for each in answered if each[1]]
        assert len(reached) >= 10  # they came as far as the bot, and were refused there
        assert [each for each in reached if each[0] < 400 and each[1] not in NO_LOGIN] == []
    assert await everything(page_bot) == before
    assert await visit.page.evaluate(OURS) == 200  # nor was the visitor logged out


async def test_a_name_of_theirs_that_leads_here_is_not_ours(page_bot: PageBot, visits: Visits) -> None:
    """DNS rebinding: their page is still open when its name leads to the bot; for the browser that is one site."""
    visit = await visits.open(page_bot.origin)
    theirs = await visit.context.new_page()
    page_bot.kill()
    async with hostile_site(page_bot.port):
        await theirs.goto(f"http://{EVIL}:{page_bot.port}/")
    page_bot.start()
    await page_bot.log_in(visit)
    session = await visit.page.evaluate(OWN)
    before = await everything(page_bot)
    for path, method in (
        *((path, "GET") for path in ("/", "/login", "/api/v1/sessions", "/api/v1/events", "/api/v1/me")),
        *((path, "POST") for path in ("/login", "/logout", f"/api/v1/sessions/{key(session)}/messages")),
    ):
        assert await theirs.evaluate(REBOUND, [path, method]) == 421, path
    assert await everything(page_bot) == before
    assert await visit.page.evaluate(OURS) == 200


async def test_who_opens_our_page_from_elsewhere_sees_nothing_of_it(page_bot: PageBot, visits: Visits) -> None:
    visit = await visits.open(page_bot.origin)
    await page_bot.log_in(visit)
    async with hostile_site() as port:
        page = await visit.context.new_page()
        await page.goto(f"http://127.0.0.1:{port}/")
        async with visit.context.expect_page() as opening:
            await page.evaluate("at => { window.opened = open(at + '/'); }", page_bot.origin)
        theirs = await opening.value
        await theirs.wait_for_load_state()
        assert await theirs.evaluate("window.opener") is None
        assert await page.evaluate("(() => { try { return opened.document.title } catch { return 'refused' } })()") in (
            "refused",
            "",
        )


async def test_without_a_login_there_is_nothing_to_see(page_bot: PageBot, visits: Visits) -> None:
    visit = await visits.open(page_bot.origin)
    visit.watch.bear("status of 401")
    await visit.page.goto(f"{page_bot.origin}/")
    await expect(visit.page.get_by_text("page", exact=False).first).to_be_visible()
    assert await visit.page.evaluate(OURS) == 401
    await visit.picture("without-login")
    assert await visit.findings() == []


async def everything(bot: PageBot) -> object:
    """All that an attack could have changed, but for times."""
    sessions = (await bot.ask("GET", "/sessions"))[1]["sessions"]
    messages = [(await bot.ask("GET", f"/sessions/{key(each['key'])}/messages"))[1] for each in sessions]
    runs = (await bot.ask("GET", "/runs"))[1]
    projects = (await bot.ask("GET", "/projects"))[1]
    return sessions, messages, runs, projects


def _seen(answer: Response, bot: PageBot) -> tuple[int, str]:
    """Status and path of an answer of the bot; "" where it is another's."""
    return answer.status, urlsplit(answer.url).path if answer.url.startswith(f"{bot.origin}/") else ""
