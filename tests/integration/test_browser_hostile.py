"""Script in everything that the page shows and somebody else has written: none of it runs, and nothing is fetched."""

from __future__ import annotations

import json
import re
import time

import pytest
from playwright.async_api import FilePayload, expect

from tests import agents_scripted
from tests.browser_bot import OWN, PageBot, key
from tests.browser_page import Window
from tests.browser_world import PHONE, Visit, Visits
from tests.hostile_words import ALL, IMAGE, NAMES, RUN, agent_script

pytestmark = pytest.mark.integration

SVG = f"<svg onload={RUN}>{IMAGE}</svg>".encode()


async def test_what_people_and_the_echo_of_an_agent_say(page_bot: PageBot, visit: Visit) -> None:
    window = Window(visit.page)
    await window.say("hello")
    for number, text in enumerate(ALL):
        if number == 12:
            await window.idle()
        message = {"text": text, "event_id": f"h{number}", "name": IMAGE}
        assert (await page_bot.ask("POST", f"/sessions/{key(OWN)}/messages", message))[0] == 202
    await expect(window.log.get_by_role("article", name="(watch)")).to_have_count(len(ALL))
    await window.idle()
    await expect(window.answers.last).to_contain_text("You wrote:")
    await visit.harmless()
    assert await visit.findings() == []
    await visit.page.reload()
    await expect(window.log.get_by_role("article", name="(watch)").first).to_be_visible()
    await visit.harmless()


async def test_what_an_agent_says_asks_and_fails_with(page_bot: PageBot, visits: Visits) -> None:
    scripts = page_bot.place / "scripts"
    scripts.mkdir()
    command = json.dumps(agents_scripted.command(agent_script(scripts / "hostile.jsonl")))
    page_bot.kill()
    page_bot.configure(
        f'[agents.hostile]\nbackend = "acp"\ncommand = {command}\npaths = ["{scripts}"]\n', agent="hostile"
    )
    page_bot.start()
    visit = await visits.open(page_bot.origin)
    await page_bot.log_in(visit)
    window = Window(visit.page)
    await window.say("begin")
    await expect(window.button("Deny")).to_be_visible()
    await visit.harmless()
    await visit.picture("asks")
    await window.button("Deny").click()
    await expect(window.answer("press me").first).to_be_visible()
    await window.idle()
    await visit.harmless()
    await visit.picture("said")
    assert await visit.findings() == []
    await window.say("fail now")
    await expect(window.answer("onerror").last).to_be_visible()
    await window.idle()
    await visit.harmless()
    await visit.page.goto(f"{page_bot.origin}/#/dashboard")
    await visit.harmless()


async def test_names_of_people_conversations_and_projects(page_bot: PageBot, visits: Visits) -> None:
    page_bot.kill()
    now = time.time()
    with page_bot.database() as database:
        for number, name in enumerate(NAMES):
            session = f"matrix/!{name}:example.org"
            database.execute(
                "INSERT INTO sessions (session, project, mode, last_seen, ambient) VALUES (?, ?, 'collect', ?, 0)",
                (session, name if number == 0 else None, now - number),
            )
            database.execute(
                "INSERT INTO messages (session, transport, account, event_id, sender, sender_name, text, attachments, "
                "accepted_at, kind, direct, target, state, reason) "
                "VALUES (?, 'matrix', 'x', ?, ?, ?, ?, '[]', ?, 'text', 0, ?, 'failed', ?)",
                (session, f"n{number}", name, name, name, now, session, name),
            )
    database.close()
    page_bot.start()
    for size in ((1280, 800), PHONE):
        visit = await visits.open(page_bot.origin, size=size)
        await page_bot.log_in(visit)
        window = Window(visit.page)
        for name in NAMES:
            session = json.dumps(f"matrix/!{name}:example.org", ensure_ascii=False)
            link = visit.page.locator(f"nav a[data-session={session}]")
            await link.dispatch_event("click")  # on a phone the list is elsewhere
            await expect(window.log.get_by_role("article")).to_have_count(1)
            await visit.harmless()
        assert await visit.fits()
        await visit.picture("names")
        assert await visit.findings() == []


async def test_an_address_is_not_believed(page_bot: PageBot, visit: Visit) -> None:
    """What stands behind the # is whatever a link somewhere made it."""
    window = Window(visit.page)
    visit.watch.bear("status of 4(04|22)")
    for where in (
        f"#/s/{IMAGE}",
        f"#/s/javascript:{RUN}",
        "#/s/%E0%A4%A",
        f"#/projects/{IMAGE}",
        "#/constructor",
        "#//",
    ):
        await visit.page.goto(f"{page_bot.origin}/{where}")
        await expect(window.nav).to_be_visible()
        await visit.harmless()


async def test_names_of_files(page_bot: PageBot, visit: Visit) -> None:
    window = Window(visit.page)
    names = [*NAMES, '"><script>alert(1)</script>.svg', "../../etc/passwd"]
    chooser = visit.page.get_by_label("Attach files")
    for begin in range(0, len(names), 4):
        chosen = names[begin : begin + 4]
        await chooser.set_input_files([FilePayload(name=name, mimeType="image/svg+xml", buffer=SVG) for name in chosen])
        await expect(visit.page.get_by_role("button", name=re.compile("^Remove "))).to_have_count(len(chosen))
        await expect(window.button("Send")).to_be_enabled()
        await visit.harmless()
        await visit.picture(f"files{begin}")
        await window.say("look at these")
        await expect(window.answers.last).to_contain_text("You wrote")
        await window.idle()
        await visit.harmless()
