"""A page that stays open while its bot dies and comes back: nothing is missing, and nobody has to reload."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import expect

from tests.browser_bot import OWN, PageBot
from tests.browser_page import Window
from tests.browser_world import Visits

pytestmark = pytest.mark.integration

AWAY = r"ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_NETWORK|status of 50"


async def test_a_bot_that_is_killed_while_it_answers_is_seen_to_go_and_come_back(
    page_bot: PageBot, visits: Visits
) -> None:
    visit = await visits.open(page_bot.origin)
    visit.watch.bear(AWAY)
    await page_bot.log_in(visit)
    window = Window(visit.page)
    await visit.page.evaluate("window.sameDocument = true")
    await window.say("hello")
    await expect(window.answer("You wrote:")).to_be_visible()
    await window.idle()
    await window.say("slow 600")
    await expect(window.answer("word 5")).to_be_visible()
    await window.say("and then this")
    await expect(window.article("and then this")).to_contain_text("waiting")

    page_bot.kill()
    await expect(visit.page.get_by_text("Tugbot does not answer.")).to_be_visible()
    await expect(window.answer("word 5")).to_be_visible()  # what was there can be read on
    await visit.picture("away")
    assert await visit.findings() == []
    await window.composer.fill("said to nobody")
    await window.button("Send").click()
    await expect(window.article("said to nobody")).to_contain_text("Not sent")
    await visit.picture("not-sent")

    await asyncio.to_thread(page_bot.start)
    await expect(visit.page.get_by_text("Tugbot does not answer. What you see")).to_have_count(0)
    await expect(window.answer("cut off")).to_be_visible()
    await expect(window.answer("said to nobody")).to_be_visible()  # by itself, once
    await window.idle()
    await window.has_all(page_bot, OWN)
    await expect(window.article("word 5")).to_have_count(1)
    assert await visit.page.evaluate("window.sameDocument") is True
    await visit.picture("back")


async def test_what_was_said_while_the_page_was_cut_off_is_there_afterwards(page_bot: PageBot, visits: Visits) -> None:
    visit = await visits.open(page_bot.origin)
    visit.watch.bear(r"ERR_INTERNET_DISCONNECTED|ERR_FAILED|ERR_INCOMPLETE")
    await page_bot.log_in(visit)
    window = Window(visit.page)
    await window.say("slow 30")
    await expect(window.answer("word 2")).to_be_visible()
    # Chromium keeps a stream open that began before it was taken off the network, so the bot's end is cut as well.
    await visit.context.set_offline(True)
    await visit.context.set_offline(False)
    await page_bot.ask("POST", "/sessions/web%2Fconsole%3Aroot/messages", {"text": "from elsewhere", "event_id": "e1"})
    await expect(window.answer("word 30")).to_be_visible()
    await expect(window.answer("from elsewhere")).to_be_visible()
    await window.idle()
    await window.has_all(page_bot, OWN)


async def test_a_question_survives_a_reload_and_is_void_after_a_restart(page_bot: PageBot, visits: Visits) -> None:
    visit = await visits.open(page_bot.origin)
    visit.watch.bear(AWAY)
    await page_bot.log_in(visit)
    window = Window(visit.page)
    await window.say("ask")
    await expect(window.button("Deny")).to_be_visible()
    await visit.page.reload()
    await expect(window.button("Deny")).to_be_visible()
    await expect(window.running).to_have_count(1)
    page_bot.kill()
    await asyncio.to_thread(page_bot.start)
    await expect(window.answer("cut off")).to_be_visible()
    await expect(window.button("Deny")).to_have_count(0)
    await expect(window.nav.get_by_text("1 question")).to_have_count(0)
    await window.idle()
    await window.has_all(page_bot, OWN)


async def test_who_is_thrown_out_sees_nothing_more(page_bot: PageBot, visits: Visits) -> None:
    visit = await visits.open(page_bot.origin)
    visit.watch.bear(r"status of 401|ERR_INCOMPLETE")
    await page_bot.log_in(visit)
    window = Window(visit.page)
    await window.say("hello")
    await expect(window.answer("You wrote:")).to_be_visible()
    await asyncio.to_thread(page_bot.tell, "page logout")
    await window.page.get_by_role("link", name="Dashboard").click()
    await expect(visit.page.get_by_text("You are not logged in here.")).to_be_visible()
    await expect(window.log).to_have_count(0)
