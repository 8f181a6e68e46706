"""More than anybody should have: the page stays usable, and is bounded in what it holds."""

from __future__ import annotations

import re
import time

import pytest
from playwright.async_api import expect

from tests.browser_bot import OWN, PageBot
from tests.browser_page import Window
from tests.browser_world import Visit, Visits

pytestmark = pytest.mark.integration

SESSIONS = 10_000
ENTRIES = 3_000
FRAME = "new Promise(done => requestAnimationFrame(() => setTimeout(done)))"
HELD = "document.querySelectorAll('*').length"


async def pause(visit: Visit) -> float:
    """Seconds until the page has drawn again and could take a key."""
    begun = time.monotonic()
    await visit.page.evaluate(FRAME)
    return time.monotonic() - begun


async def test_ten_thousand_conversations(page_bot: PageBot, visits: Visits) -> None:
    page_bot.kill()
    now = time.time()
    with page_bot.database() as database:
        database.executemany(
            "INSERT INTO sessions (session, mode, last_seen, ambient) VALUES (?, 'collect', ?, 0)",
            ((f"matrix/!room{number}:example.org", now - number) for number in range(SESSIONS)),
        )
    database.close()
    page_bot.start()
    visit = await visits.open(page_bot.origin)
    await page_bot.log_in(visit)
    window = Window(visit.page)
    links = window.nav.locator("a[data-session]")
    await expect(links.nth(40)).to_be_attached()
    assert await links.count() < 200
    assert await visit.findings() == []
    for _ in range(3):
        known = await links.count()
        await window.button("More").click()
        await expect(links.nth(known + 20)).to_be_attached()
    await visit.picture("many")
    await visit.page.get_by_role("searchbox", name="Filter conversations").fill("room17:")
    await expect(links.filter(has_text="room17:")).to_have_count(1)
    await expect(links).to_have_count(1)
    await links.first.click()
    await expect(visit.page.get_by_role("heading", level=1)).to_contain_text("room17:")
    await visit.page.goto(f"{page_bot.origin}/#/s/{'matrix%2F!room9999%3Aexample.org'}")
    await expect(visit.page.get_by_role("heading", level=1)).to_contain_text("room9999:")
    await visit.page.get_by_role("searchbox", name="Filter conversations").fill("")
    await visit.page.goto(f"{page_bot.origin}/#/")
    await window.say("hello")
    await expect(window.answer("You wrote:")).to_be_visible()
    assert await visit.page.evaluate(HELD) < 10_000


async def test_an_answer_of_a_megabyte(page_bot: PageBot, visit: Visit) -> None:
    window = Window(visit.page)
    await window.say("big 1000")
    await expect(window.log.get_by_role("link", name=re.compile(r"answer-1\.md"))).to_be_visible(timeout=60_000)
    await window.idle()
    await visit.picture("megabyte")
    assert await visit.findings() == []
    assert await visit.page.evaluate(HELD) < 20_000
    await window.say("hello again")
    await expect(window.answer("hello again")).to_be_visible()
    await visit.page.reload()
    await expect(window.answer("hello again")).to_be_visible()
    await window.has_all(page_bot, OWN)


async def test_a_long_past_is_read_a_page_at_a_time(page_bot: PageBot, visits: Visits) -> None:
    page_bot.kill()
    now = time.time() - ENTRIES
    with page_bot.database() as database:
        database.execute("INSERT INTO sessions (session, mode, last_seen) VALUES (?, 'collect', ?)", (OWN, now))
        database.executemany(
            "INSERT INTO messages (session, transport, account, event_id, sender, sender_name, text, attachments, "
            "accepted_at, kind, direct, target, state, reason) "
            "VALUES (?, 'web', 'web', ?, 'console:root', 'root', ?, '[]', ?, 'text', 1, ?, 'answered', '')",
            ((OWN, f"old{number}", f"message {number}.", now + number, OWN) for number in range(ENTRIES)),
        )
    database.close()
    page_bot.start()
    visit = await visits.open(page_bot.origin)
    await page_bot.log_in(visit)
    window = Window(visit.page)
    await expect(window.article(f"message {ENTRIES - 1}.")).to_be_in_viewport()
    articles = window.log.get_by_role("article")
    assert await articles.count() < 200
    for _ in range(3):
        before = await articles.count()
        first = (await articles.first.inner_text()).split(".")[0] + "."
        await window.button("Earlier").click()
        await expect(articles.nth(before)).to_be_attached()
        await expect(window.article(first).first).to_be_in_viewport()  # whoever reads stays where they read
    numbers = [int(text.split("message ")[1].split(".")[0]) for text in await articles.all_inner_texts()]
    assert numbers == list(range(ENTRIES - len(numbers), ENTRIES))


async def test_a_stream_of_much_text_leaves_the_page_quick(page_bot: PageBot, visit: Visit) -> None:
    """No time is asserted but that of a person's patience; what is measured is told by the benchmarks."""
    window = Window(visit.page)
    await window.say("slow 600")
    await expect(window.answer("word 1")).to_be_visible()
    await window.composer.fill("written meanwhile")
    for _ in range(20):
        assert await pause(visit) < 2.0
    await expect(window.composer).to_have_value("written meanwhile")
    await expect(window.composer).to_be_focused()
    await window.running.get_by_role("button", name="Stop").click()
    await window.idle()
    await expect(window.composer).to_have_value("written meanwhile")
