"""Several people on one page: each sees what is theirs, as far as their role goes, and for as long as they have it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser_bot import LINK, PageBot, key
from tests.browser_page import Window
from tests.browser_world import Visits
from tests.slack_bot import SlackBot, heard
from tests.slack_fake import ANN, BOB, SlackServer

pytestmark = pytest.mark.integration


@pytest.fixture
def bot(slack: SlackServer, tmp_path: Path) -> Iterator[PageBot]:
    """In Slack, where Ann is the owner."""
    found = PageBot(tmp_path)
    there = SlackBot(tmp_path, slack, (ANN,), more=found.gateway)
    found.process = there.start()
    try:
        there.is_up()
        yield found
    finally:
        found.kill()


def link(slack: SlackServer, person: str) -> str:
    room = slack.dm(person)
    slack.say(room, person, "page")
    found = LINK.search(heard(slack, room, "/login#").text)
    assert found
    return found[0]


async def test_an_owner_and_a_member(bot: PageBot, slack: SlackServer, visits: Visits) -> None:
    ann, bob = await visits.open(bot.origin), await visits.open(bot.origin)
    room = slack.dm(BOB)
    slack.say(room, BOB, "let me in")
    code = re.search(r"grant (\w+)", await asyncio.to_thread(lambda: heard(slack, room, "I do not know you").text))
    assert code
    slack.say(slack.dm(ANN), ANN, f"grant {code[1]} as member")
    await asyncio.to_thread(heard, slack, slack.dm(ANN), "member")
    for visit, person in ((ann, ANN), (bob, BOB)):
        await bot.log_in(visit, await asyncio.to_thread(link, slack, person))
    hers, his = Window(ann.page), Window(bob.page)

    await expect(his.nav).to_contain_text("member")
    await hers.say("a secret of the owner's")
    await his.say("hello from a member")
    await expect(hers.answers.first).to_be_visible()
    await expect(his.answers.first).to_be_visible()
    await bob.picture("member")
    assert await bob.findings() == []
    await expect(his.nav.locator("a[data-session]")).to_have_count(1)
    await expect(his.page.get_by_text("a secret of the owner's")).to_have_count(0)
    session = await ann.page.evaluate("fetch('/api/v1/me').then(answer => answer.json()).then(me => me.session)")
    bob.watch.bear(r"status of 40[34]")
    await bob.page.goto(f"{bot.origin}/#/s/{key(session)}")
    await expect(his.page.get_by_role("heading", level=1)).to_be_visible()
    await expect(his.page.get_by_text("a secret of the owner's")).to_have_count(0)
    await his.nav.get_by_role("link", name="Projects").click()
    await expect(his.page.get_by_role("heading", level=1, name="Projects")).to_be_visible()
    await expect(his.button("New project")).to_have_count(0)
    await his.nav.get_by_role("link", name="Dashboard").click()
    await expect(his.page.get_by_role("heading", level=1, name="Dashboard")).to_be_visible()
    await bob.picture("member-dashboard")

    await expect(hers.nav.locator("a[data-session]")).to_have_count(await hers.nav.locator("a[data-session]").count())
    await hers.nav.locator("a[data-session^='web/slack']").filter(has_not_text="You and Tugbot").first.click()
    await expect(hers.article("hello from a member").first).to_be_visible()

    slack.say(slack.dm(ANN), ANN, f"revoke slack:{BOB}")
    await asyncio.to_thread(heard, slack, slack.dm(ANN), "is a stranger now")
    bob.watch.bear("status of 401|ERR_INCOMPLETE")
    await his.nav.get_by_role("link", name="Projects").click()
    await expect(his.page.get_by_text("You are not logged in here.")).to_be_visible()


async def test_a_conversation_in_slack_is_seen_and_joined(bot: PageBot, slack: SlackServer, visits: Visits) -> None:
    visit = await visits.open(bot.origin)
    await bot.log_in(visit, await asyncio.to_thread(link, slack, ANN))
    window = Window(visit.page)
    room = slack.dm(ANN)
    await window.nav.get_by_role("link", name=re.compile("Slack")).first.click()
    slack.say(room, ANN, "slow 20")
    answer = window.answer("word 1")
    await expect(answer).to_be_visible()
    await expect(window.running).to_have_count(1)
    await expect(answer).to_contain_text("word 20")
    await window.idle()
    slack.say(room, ANN, "ask")
    await window.button("Allow").click()
    await asyncio.to_thread(heard, slack, room, "The answer was: allow-once")
    await window.say("said on the page")
    await asyncio.to_thread(heard, slack, room, "You wrote", "said on the page")
    await window.idle()
    await visit.picture("slack")
    assert await visit.findings() == []
