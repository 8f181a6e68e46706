"""How the page looks and is used: phone and desk, light and dark, with the keyboard alone, looked over by axe."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser_bot import PageBot
from tests.browser_page import Window
from tests.browser_world import DESKTOP, PHONE, Scheme, Visit, Visits

pytestmark = pytest.mark.integration

SMALLEST = 24  # CSS pixels of what a finger has to hit (WCAG 2.2, target size)
FOCUSED = "each => [getComputedStyle(each).outlineStyle, getComputedStyle(each).boxShadow]"
MANY = 60  # presses of a key after which something was not reached


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desk", "phone"])
async def test_every_view_is_fit_to_be_used(
    size: tuple[int, int], scheme: Scheme, page_bot: PageBot, visits: Visits
) -> None:
    visit = await visits.open(page_bot.origin, size=size, scheme=scheme, touch=size == PHONE)
    await page_bot.log_in(visit)
    window = Window(visit.page)
    await seen(visit, "welcome")
    await window.say("hello **there**, `code` and\n```python\nprint('x' * 300)\n```\n| a | b |\n|---|---|\n| 1 | 2 |")
    await expect(window.answer("You wrote:")).to_be_visible()
    await window.idle()
    await seen(visit, "answer")
    await window.say("ask")
    await expect(window.button("Allow")).to_be_visible()
    await seen(visit, "question")
    await window.say("a message that has to wait")
    await expect(window.article("a message that has to wait")).to_contain_text("waiting")
    await seen(visit, "waiting")
    await window.button("Deny").click()
    await expect(window.answer("reject-once")).to_be_visible()
    await window.say("fail")
    await expect(window.answers.filter(has_text="failed").last).to_be_visible()
    await window.idle()
    await seen(visit, "failed")
    if size == PHONE:
        await window.button("Show details").click()
        await expect(window.details).to_be_in_viewport()
        await seen(visit, "details")
        await window.button("Back to the conversation").click()
        await window.button("Show conversations").click()
        await expect(window.nav).to_be_in_viewport()
        await seen(visit, "list")
    await window.button("Keys").click()
    await expect(visit.page.get_by_role("dialog", name="Keys")).to_be_visible()
    await seen(visit, "keys")
    await window.button("Close").click()
    await window.nav.get_by_role("link", name="Dashboard").click()
    await expect(visit.page.get_by_role("region", name="Runs")).to_be_visible()
    await seen(visit, "dashboard")
    await visit.page.get_by_text("In numbers").click()
    await expect(visit.page.get_by_role("table")).to_be_visible()
    await seen(visit, "numbers")
    if size == PHONE:
        await window.button("Show conversations").click()
    await window.nav.get_by_role("link", name="Projects").click()
    await expect(visit.page.get_by_text("No project yet.")).to_be_visible()
    await seen(visit, "projects")
    await window.button("New project").click()
    await expect(visit.page.get_by_role("dialog", name="New project")).to_be_visible()
    await seen(visit, "new-project")


async def seen(visit: Visit, what: str) -> None:
    """A picture; and nothing on it that axe finds, that is cut off sideways, or too small for a finger."""
    await visit.picture(what)
    assert await visit.findings() == [], what
    assert await visit.fits(), what
    small = await visit.page.evaluate(
        """least => [...document.querySelectorAll("button, a[href], input, summary, textarea")].filter(each => {
            const { width, height, left, right } = each.getBoundingClientRect();
            return width && height && right > 0 && left < innerWidth && each.checkVisibility()
                && !each.closest(".hidden, .skip, p:not(.foot, .actions, .choices)")
                && (width < least || height < least);
        }).map(each => each.outerHTML.slice(0, 120))""",
        SMALLEST,
    )
    if visit.page.viewport_size and visit.page.viewport_size["width"] == PHONE[0]:
        assert small == [], what


async def test_the_theme_follows_the_system_while_the_page_is_open(page_bot: PageBot, visit: Visit) -> None:
    colours = "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    light = await visit.page.evaluate(colours)
    await visit.page.emulate_media(color_scheme="dark")
    dark = await visit.page.evaluate(colours)
    assert light[0] != dark[0]
    assert light[1] != dark[1]
    await visit.page.emulate_media(color_scheme="dark", forced_colors="active")
    await visit.picture("forced")  # axe does not know these colours


async def test_everything_is_done_with_the_keyboard_alone(page_bot: PageBot, visit: Visit) -> None:
    page, window = visit.page, Window(visit.page)
    press = page.keyboard.press
    await expect(window.composer).to_be_focused()  # whoever opens the page may write at once
    await page.keyboard.type("first line")
    await press("Shift+Enter")
    await page.keyboard.type("slow 600")
    await press("Enter")
    await expect(window.answer("word 1")).to_be_visible()
    await expect(window.composer).to_be_focused()  # whoever writes goes on writing
    await tab_to(page, window.running.get_by_role("button", name="Stop"), back=True)
    await press("Enter")
    await window.idle()
    await tab_to(page, window.log, back=True)
    await press("/")
    await expect(window.composer).to_be_focused()
    await page.keyboard.type("ask")
    await press("Enter")
    await expect(window.button("Deny")).to_be_visible()
    await tab_to(page, window.button("Deny"), back=True)
    await visit.picture("focus")
    await press("Space")
    await expect(window.answer("reject-once")).to_be_visible()
    await window.idle()
    call = window.answer("reject-once").locator("summary").first
    await tab_to(page, call, back=True)
    await press("Enter")
    await expect(window.answer("reject-once").get_by_role("listitem").first).to_be_visible()

    await page.locator("body").click(position={"x": 640, "y": 20})
    await press("d")
    await expect(page.get_by_role("heading", level=1, name="Dashboard")).to_be_visible()
    await press("p")
    await expect(page.get_by_role("heading", level=1, name="Projects")).to_be_visible()
    await tab_to(page, window.button("New project"))
    await press("Enter")
    dialog = page.get_by_role("dialog", name="New project")
    await expect(dialog.get_by_label("Name")).to_be_focused()
    await press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(window.button("New project")).to_be_focused()
    await press("?")
    await expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    await press("Escape")

    await tab_to(page, window.nav.get_by_role("link", name=re.compile("Console")), back=True)
    await press("Enter")
    await expect(page.get_by_role("heading", level=1, name="a")).to_be_visible()
    await press("k")
    await press("k")
    await expect(page.get_by_role("heading", level=1, name="You and Tugbot")).to_be_visible()
    await press("j")
    await expect(page.get_by_role("heading", level=1, name="a")).to_be_visible()
    await tab_to(page, window.button("New conversation"))
    await press("Enter")
    await expect(page.get_by_role("textbox", name="Name of the new conversation")).to_be_focused()
    await page.keyboard.type("notes")
    await press("Enter")
    await expect(page.get_by_role("heading", level=1, name="notes")).to_be_visible()
    await tab_to(page, window.button("Log out"))
    await press("Enter")
    await expect(page.get_by_text("You are not logged in here.")).to_be_visible()


async def tab_to(page: Page, wanted: Locator, *, back: bool = False) -> None:
    """Press Tab until it has the focus, which has to be seen."""
    for _ in range(MANY):
        await page.keyboard.press("Shift+Tab" if back else "Tab")
        if await wanted.evaluate("each => each === document.activeElement"):
            assert await wanted.evaluate(FOCUSED) != ["none", "none"], "the focus cannot be seen"
            return
    raise AssertionError(f"not reached by keyboard: {wanted}")


async def test_who_reads_further_up_is_left_there(page_bot: PageBot, visit: Visit) -> None:
    window = Window(visit.page)
    where = "log => [Math.round(log.scrollTop), log.scrollHeight - log.clientHeight - log.scrollTop < 60]"
    await window.say("big 6")
    await window.idle()
    await window.say("slow 40")
    await expect(window.answer("word 2").last).to_be_visible()
    assert (await window.log.evaluate(where))[1]
    await window.log.hover()
    await visit.page.mouse.wheel(0, -900)
    newest = window.button("Newest ↓")
    await expect(newest).to_be_visible()
    stood = (await window.log.evaluate(where))[0]
    await expect(window.answer("word 40")).to_be_attached()
    assert (await window.log.evaluate(where))[0] == stood
    await newest.click()
    await expect(newest).to_be_hidden()
    assert (await window.log.evaluate(where))[1]
