"""A project made, looked at and steered on the page, on a real engine; what its repository holds is not trusted."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator

import pytest
from playwright.async_api import expect

from tests import docker_world
from tests.browser_bot import OWN, PageBot
from tests.browser_page import Window
from tests.browser_world import PHONE, Visits
from tests.docker_world import BUILD, Projects, docker
from tests.hostile_words import IMAGE
from tests.integration.test_projects import HTTPS, served
from tests.transport_fake import until

pytestmark = pytest.mark.integration

__all__ = ["served"]

BRANCH = "topic/<img/src=x/onerror=window.__pwned=1>"
CHANGE = f"""cd /workspace && git checkout -q -b '{BRANCH}' && touch '{IMAGE}.new' && git add -A &&
git -c user.name='{IMAGE}' -c user.email=x@example.org commit -q -m '{IMAGE} <script>window.__pwned=1</script>' &&
echo changed > '{IMAGE}.txt' && touch '$(touch pwned)"><svg onload=alert(1)>'"""
EDITORS = frozenset({"vscode:", "cursor:", "zed:", "jetbrains-gateway:", "jetbrains:", "ssh:"})


@pytest.fixture
def bot(served: Projects) -> Iterator[PageBot]:
    place = served.place / "server"
    docker_world.repository(place, "hostile", {"README.md": f"# {IMAGE}\n", f"{IMAGE}.md": IMAGE})
    subprocess.run(["chown", "-R", "1000:1000", place / "repos"], check=True)
    found = PageBot(served.place)
    served.more = found.gateway
    found.config = served.config
    try:
        found.start()
        yield found
        found.process.end()  # lets go of what it looks into images with
    finally:
        found.kill()


async def test_a_project_is_made_looked_at_steered_and_deleted(served: Projects, bot: PageBot, visits: Visits) -> None:
    visit = await visits.open(bot.origin)
    visit.watch.bear(r"status of (422|409|400)")  # of what is refused on purpose
    await bot.log_in(visit)
    page, window = visit.page, Window(visit.page)
    await window.nav.get_by_role("link", name="Projects").click()
    await window.button("New project").click()
    dialog = page.get_by_role("dialog", name="New project")
    await expect(dialog.get_by_role("checkbox", name="python")).to_be_visible()
    await visit.picture("dialog")
    assert await visit.findings() == []
    await dialog.get_by_label("Name").fill(IMAGE)
    assert await dialog.get_by_label("Name").evaluate("field => field.validity.patternMismatch")
    await dialog.get_by_label("Name").fill("harbour")
    await dialog.get_by_label("Git URL").fill(f"javascript:{IMAGE}")
    await dialog.get_by_role("button", name="Create").click()
    await expect(dialog.get_by_role("alert")).to_be_visible()
    await visit.harmless()
    await visit.picture("refused")
    await dialog.get_by_label("Git URL").fill(f"{HTTPS}/hostile.git")
    await dialog.get_by_role("button", name="Create").click()

    await expect(page.get_by_role("heading", level=1, name="harbour")).to_be_visible()
    await expect(window.running).to_have_count(1)
    await visit.picture("making")
    await expect(window.answer("harbour is ready")).to_be_visible(timeout=BUILD * 1000)
    await window.idle()
    card = window.details.get_by_role("region", name="Project harbour")
    await expect(card).to_contain_text("running")
    await card.get_by_role("button", name="ssh line").click()
    await expect(card.get_by_role("button", name="ssh line")).to_contain_text("Copied")
    assert await page.evaluate("navigator.clipboard.readText()") == "ssh tug-harbour"
    await window.say("hello there")
    await expect(window.answer("You wrote:")).to_contain_text("hello there", timeout=60_000)
    await window.idle()
    await window.has_all(bot, f"{OWN}/harbour")
    await visit.harmless(EDITORS)
    await visit.picture("made")

    await asyncio.to_thread(served.ssh, "harbour", CHANGE)
    await card.get_by_role("button", name="Branch and changes").click()
    await expect(card).to_contain_text(BRANCH)
    await expect(card).to_contain_text("2 changed files")
    await expect(card).to_contain_text("1 commit not pushed")
    await visit.harmless(EDITORS)  # folds everything out
    await expect(card.get_by_text(f"{IMAGE}.txt")).to_be_visible()
    assert await visit.findings() == []
    await visit.picture("changed")

    await window.nav.get_by_role("link", name="Projects").click()
    large = page.get_by_role("main").get_by_role("region", name="Project harbour")
    await large.get_by_role("button", name="Stop container").click()
    await expect(large.get_by_role("button", name="Start container")).to_be_visible(timeout=60_000)
    await large.get_by_role("button", name="Start container").click()
    await expect(large.get_by_role("button", name="Stop container")).to_be_visible(timeout=60_000)
    await visit.picture("card")
    assert await visit.findings() == []
    await window.button("New project").click()
    await dialog.get_by_label("Name").fill("harbour")
    await dialog.get_by_role("button", name="Create").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("harbour")
    await dialog.get_by_role("button", name="Cancel").click()
    await large.get_by_role("button", name="Talk").click()
    await window.say("delete harbour --confirm harbour")
    await expect(window.answer("is deleted")).to_be_visible(timeout=60_000)
    await window.nav.get_by_role("link", name="Projects").click()
    await expect(large).to_have_count(0)


async def test_making_one_is_stopped_and_leaves_nothing(served: Projects, bot: PageBot, visits: Visits) -> None:
    server = docker("ps", "-q", "--filter", "label=tugbot.test=server", "--filter", f"network=tugbot-{served.install}")
    docker("pause", server)  # whoever clones from it waits
    visit = await visits.open(bot.origin, size=PHONE, touch=True)
    await bot.log_in(visit)
    page, window = visit.page, Window(visit.page)
    await window.button("Show conversations").tap()
    await window.nav.get_by_role("link", name="Projects").tap()
    await window.button("New project").tap()
    dialog = page.get_by_role("dialog", name="New project")
    await dialog.get_by_label("Name").fill("brief")
    await dialog.get_by_label("Git URL").fill(f"{HTTPS}/hostile.git")
    await dialog.get_by_role("button", name="Create").tap()
    await expect(window.running).to_contain_text("cloning")
    await visit.picture("making")
    assert await visit.fits()
    await window.running.get_by_role("button", name="Stop").tap()
    await window.idle()
    await visit.picture("stopped")
    assert await visit.findings() == []
    docker("unpause", server)
    assert (await bot.ask("GET", "/projects"))[1]["projects"] == []
    # The form has asked which tool chains there are, and images are looked into with containers that are never started.
    await until(lambda: not docker("ps", "-aq", "--filter", f"label=tugbot.install={served.install}"), 30)
