"""Talking on the page, with the real bot and its demo agent: what is said, asked, stopped, and seen elsewhere."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import expect

from tests.browser_bot import OWN, PageBot
from tests.browser_page import Window
from tests.browser_world import Visit, Visits

pytestmark = pytest.mark.integration


async def test_an_answer_grows_and_what_was_done_for_it_is_folded(page_bot: PageBot, visit: Visit) -> None:
    window = Window(visit.page)
    await visit.picture("welcome")
    assert await visit.findings() == []
    await window.say("slow 80")
    await expect(window.article("slow 80").first).to_be_visible()
    answer = window.answer("You wrote:")
    lengths = set()
    for word in ("word 1 ", "word 20 ", "word 40 "):
        await expect(answer).to_contain_text(word)
        await expect(window.running).to_have_attribute("data-state", "running")
        lengths.add(len(await answer.inner_text()))
    assert len(lengths) == 3
    await visit.picture("streaming")
    assert await visit.findings() == []
    await expect(answer).to_contain_text("word 80")
    await window.idle()
    calls = answer.get_by_role("group")
    await expect(calls).to_have_count(1)
    await expect(calls.get_by_role("listitem")).to_be_hidden()
    await calls.get_by_text("List the workspace").first.click()
    await expect(calls.get_by_role("listitem")).to_be_visible()
    run = window.details.get_by_role("region", name="Run 1")
    await expect(run).to_contain_text("done")
    await window.has_all(page_bot, OWN)
    await visit.picture("done")


@pytest.mark.parametrize(
    ("choice", "came"), [("Allow", "allow-once"), ("Allow always", "allow-always"), ("Deny", "reject-once")]
)
async def test_a_question_is_answered_by_a_button(choice: str, came: str, page_bot: PageBot, visit: Visit) -> None:
    window = Window(visit.page)
    await window.say("ask")
    await expect(window.button(choice)).to_be_visible()
    await expect(window.nav.get_by_text("1 question")).to_be_visible()
    await expect(visit.page).to_have_title(re.compile(r"\(1\)"))
    await visit.picture("asks")
    assert await visit.findings() == []
    await window.button(choice).click()
    await expect(window.answer(f"The answer was: {came}")).to_be_visible()
    await expect(window.button(choice)).to_have_count(0)
    await expect(window.nav.get_by_text("1 question")).to_have_count(0)
    await expect(visit.page).to_have_title("Tugbot")
    await window.idle()
    await window.has_all(page_bot, OWN)


async def test_stop_ends_what_runs_and_proves_it(page_bot: PageBot, visit: Visit) -> None:
    window = Window(visit.page)
    await window.say("stubborn 600")
    await expect(window.answer("word 3")).to_be_visible()
    await window.running.get_by_role("button", name="Stop").click()
    await expect(window.details).to_contain_text("verified gone")
    await expect(window.details.get_by_role("region", name="Run 1")).to_contain_text("stopped")
    await window.idle()
    (run,) = (await page_bot.ask("GET", "/runs"))[1]["runs"]
    assert run["state"] == "stopped"
    await window.details.get_by_role("button", name="Retry").click()
    await expect(window.running).to_have_count(1)
    await expect(window.answer("word 1").nth(1)).to_be_visible()
    await window.say("stop")
    await window.idle()
    await expect(window.answer(re.compile("Stopped run 2").pattern)).to_be_visible()
    await window.has_all(page_bot, OWN)


async def test_what_waits_is_changed_and_taken_back(page_bot: PageBot, visit: Visit) -> None:
    window = Window(visit.page)
    await window.say("slow 600")
    await expect(window.answer("word 1")).to_be_visible()
    await window.say("a first thought")
    await window.say("another thought")
    await window.article("a first thought").get_by_role("button", name="Edit").click()
    await window.page.get_by_role("textbox", name="Edit the message").fill("a second thought")
    await visit.picture("editing")
    await window.button("Save").click()
    await expect(window.article("a second thought")).to_be_visible()
    other = window.article("another thought")
    await other.get_by_role("button", name="Take back").click()
    await expect(other).to_contain_text("taken back")
    await window.running.get_by_role("button", name="Stop").click()
    await window.idle()
    messages = (await page_bot.ask("GET", "/sessions/web%2Fconsole%3Aroot/messages"))[1]["messages"]
    assert {each["text"]: each["state"] for each in messages}["another thought"] == "retracted"
    assert "a first thought" not in {each["text"] for each in messages}


async def test_two_windows_are_in_step(page_bot: PageBot, visits: Visits, visit: Visit) -> None:
    here, there = Window(visit.page), Window(await visit.another())
    await there.page.goto(f"{page_bot.origin}/")
    phone = await visits.open(page_bot.origin, size=(390, 844))  # another browser of the same person
    await page_bot.log_in(phone)
    pocket = Window(phone.page)
    await here.say("slow 20")
    for window in (here, there, pocket):
        await expect(window.answer("word 2")).to_be_visible()
        await expect(window.running).to_have_count(1)
    await there.say("ask")
    for window in (here, there, pocket):
        await expect(window.button("Allow")).to_be_visible()
    await pocket.button("Deny").click()
    for window in (here, there, pocket):
        await expect(window.answer("The answer was: reject-once")).to_contain_text(re.compile(r"— [\d.]+ s"))  # its end
        await window.idle()
        await window.has_all(page_bot, OWN)
    texts = [await window.log.inner_text() for window in (here, there)]
    assert texts[0] == texts[1]


async def test_what_another_network_says_is_seen_and_joined(page_bot: PageBot, visit: Visit) -> None:
    window = Window(visit.page)
    page_bot.tell("hello from the console")
    await window.nav.get_by_role("link", name=re.compile("Console")).click()
    await expect(window.answer("You wrote: hello from the console")).to_be_visible()
    await window.say("slow 3")
    await expect(window.answer("word 3")).to_be_visible()
    await asyncio.to_thread(page_bot.process.message, "word 3")
    await window.idle()
    await window.has_all(page_bot, "console/a")
    await visit.picture("console")


async def test_further_conversations_run_side_by_side(page_bot: PageBot, visit: Visit) -> None:
    window = Window(visit.page)
    await window.say("slow 600")
    await expect(window.answer("word 1")).to_be_visible()
    await window.button("New conversation").click()
    await window.page.get_by_role("textbox", name="Name of the new conversation").fill("The Other Thing")
    await window.page.keyboard.press("Enter")
    await expect(window.page.get_by_role("heading", level=1)).to_have_text("the-other-thing")
    await window.say("hello")
    await expect(window.answer("hello")).to_be_visible()
    await window.idle()
    await expect(window.nav.get_by_label("running")).to_have_count(1)
    await window.nav.get_by_role("link", name=re.compile("You and Tugbot")).click()
    await expect(window.running).to_have_count(1)
    await visit.page.reload()
    await expect(window.running).to_have_count(1)
    await window.running.get_by_role("button", name="Stop").click()
    await window.idle()


async def test_commands_are_answered_and_the_way_out_is_one(page_bot: PageBot, visit: Visit) -> None:
    window = Window(visit.page)
    await window.button("help").click()  # which the welcome offers
    await expect(window.answer("status")).to_be_visible()
    await window.say("status")
    await expect(window.answers).to_have_count(2)
    await visit.picture("commands")
    assert await visit.findings() == []
    await window.button("Log out").click()
    await expect(visit.page.get_by_text("You are not logged in here.")).to_be_visible()
    assert await visit.context.cookies() == []
    visit.watch.bear("status of 401")
    await visit.page.reload()
    await expect(visit.page.get_by_text("You are not logged in here.")).to_be_visible()
