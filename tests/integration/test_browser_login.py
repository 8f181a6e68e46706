"""The way in, in a real browser: a link counts once, and says so where it does not."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from bot.gateway.guesses import A_MINUTE
from tests import browser_world
from tests.browser_bot import PageBot
from tests.browser_world import PHONE, Visits

pytestmark = pytest.mark.integration

REFUSED = r"status of 401"  # what chromium itself writes of an answer that the page deals with


async def test_a_link_logs_one_browser_in_once(page_bot: PageBot, visits: Visits) -> None:
    link = page_bot.link()
    first = await visits.open(page_bot.origin)
    await first.page.goto(link)
    await expect(first.page.get_by_role("status")).to_have_text("Log in to this bot, in this browser.")
    await first.picture("before")
    assert await first.findings() == []
    await first.page.get_by_role("button", name="Log in").click()
    await first.page.wait_for_url(f"{page_bot.origin}/")
    (cookie,) = await first.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("tugbot", True, "Strict")

    second = await visits.open(page_bot.origin)
    second.watch.bear(REFUSED)
    await second.page.goto(link)
    await second.page.get_by_role("button", name="Log in").click()
    await expect(second.page.get_by_role("status")).to_contain_text("This link counts no more")
    await expect(second.page.get_by_role("button", name="Log in")).to_be_hidden()
    assert "#" not in second.page.url
    assert await second.context.cookies() == []
    assert await second.findings() == []


async def test_a_link_is_not_used_up_by_being_looked_at(page_bot: PageBot, visits: Visits) -> None:
    link = page_bot.link()
    visit = await visits.open(page_bot.origin)
    for _ in range(2):
        await visit.page.goto(link)
        await expect(visit.page.get_by_role("button", name="Log in")).to_be_focused()
        await visit.page.goto("about:blank")
    await visit.page.goto(link)
    await expect(visit.page.get_by_role("button", name="Log in")).to_be_focused()
    await visit.page.keyboard.press("Enter")
    await visit.page.wait_for_url(f"{page_bot.origin}/")


async def test_what_is_no_link_says_how_to_get_one(page_bot: PageBot, visits: Visits) -> None:
    visit = await visits.open(page_bot.origin, size=PHONE, scheme="dark", touch=True)
    visit.watch.bear(REFUSED)
    await visit.page.goto(f"{page_bot.origin}/login")
    await expect(visit.page.get_by_role("status")).to_have_text(re.compile("no complete link.*write “page” to the bot"))
    await visit.picture("phone-dark")
    assert await visit.findings() == []
    await visit.page.goto(f"{page_bot.origin}/login#<img src=x onerror=alert(1)>")
    await visit.page.reload()  # the same document for a browser, but for what stands behind the #
    await visit.page.get_by_role("button", name="Log in").click()
    await expect(visit.page.get_by_role("status")).to_contain_text("This link counts no more")


async def test_whoever_guesses_is_told_to_wait(page_bot: PageBot, visits: Visits) -> None:
    visit = await visits.open(page_bot.origin)
    visit.watch.bear(r"status of 4(01|29)")
    said = visit.page.get_by_role("status")
    for number in range(A_MINUTE + 1):
        await visit.page.goto(f"{page_bot.origin}/login?{number}#tugl_{number}")
        await visit.page.get_by_role("button", name="Log in").click()
        await expect(said).not_to_have_text("Log in to this bot, in this browser.")
        if "too many wrong links" in await said.inner_text():
            break
    else:
        pytest.fail("so many guesses, and no end")


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser_world, "PROGRAM", "a-browser-that-nobody-has")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="apt install chromium"):
        browser_world.require()
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="apt install chromium"):
        browser_world.require()
