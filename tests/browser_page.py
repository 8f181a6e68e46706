"""The page as a person meets it: by what things are called, not by how they are made."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.async_api import Locator, Page, expect

from tests.browser_bot import PageBot, key


@dataclass(frozen=True)
class Window:
    """One window with the page in it."""

    page: Page

    @property
    def log(self) -> Locator:
        return self.page.get_by_role("log", name="Conversation")

    @property
    def nav(self) -> Locator:
        return self.page.get_by_role("navigation", name="Conversations")

    @property
    def details(self) -> Locator:
        return self.page.get_by_role("complementary", name="Details")

    @property
    def composer(self) -> Locator:
        return self.page.get_by_role("textbox", name="Message", exact=True)

    @property
    def running(self) -> Locator:
        """What runs in this conversation now, one for each run."""
        return self.page.locator("[data-run]")

    @property
    def answers(self) -> Locator:
        return self.log.get_by_role("article", name="From Tugbot")

    def article(self, text: str) -> Locator:
        return self.log.get_by_role("article").filter(has_text=text)

    def answer(self, text: str) -> Locator:
        return self.answers.filter(has_text=text)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    async def say(self, text: str) -> None:
        await self.composer.fill(text)
        await self.button("Send").click()
        await expect(self.composer).to_have_value("")

    async def idle(self) -> None:
        await expect(self.running).to_have_count(0)

    async def has_all(self, bot: PageBot, session: str) -> None:
        """Every message and everything said is shown, once, and nothing else is, as the bot has it."""
        entries = (await bot.ask("GET", f"/sessions/{key(session)}/transcript?limit=100"))[1]["entries"]
        said = [str(each["said"]["id"]) for each in reversed(entries) if each["said"]]
        people = len([each for each in entries if each["message"]])
        await expect(self.answers).to_have_count(len(said))
        await expect(self.log.get_by_role("article")).to_have_count(len(said) + people)
        shown = await self.answers.evaluate_all("all => all.map(each => each.dataset.said)")
        assert shown == said
