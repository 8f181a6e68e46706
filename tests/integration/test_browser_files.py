"""Files both ways: dropped, pasted or chosen ones reach the agent, and what the bot sent can be had."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import FilePayload, expect

from tests.browser_bot import OWN, PageBot, key
from tests.browser_page import Window
from tests.browser_world import Visit

pytestmark = pytest.mark.integration

# A browser makes such events of what is dragged in or pasted; the files are made here.
GIVE = """(element, [kind, names]) => {
  const data = new DataTransfer();
  for (const name of names) data.items.add(new File([`inside ${name}`], name, { type: "text/plain" }));
  const as = { bubbles: true, cancelable: true, composed: true };
  element.dispatchEvent(kind === "paste" ? new ClipboardEvent(kind, { ...as, clipboardData: data })
                                         : new DragEvent(kind, { ...as, dataTransfer: data }));
}"""


async def test_files_are_dropped_pasted_chosen_and_sent_with_a_message(page_bot: PageBot, visit: Visit) -> None:
    window = Window(visit.page)
    main = visit.page.get_by_role("main")
    await main.evaluate(GIVE, ["dragover", ["dropped.txt"]])
    await visit.picture("dragging")
    await main.evaluate(GIVE, ["drop", ["dropped.txt", "second.txt"]])
    await window.composer.evaluate(GIVE, ["paste", ["pasted.png"]])
    await visit.page.get_by_label("Attach files").set_input_files(
        [FilePayload(name="chosen.md", mimeType="text/markdown", buffer=b"# inside")]
    )
    for name in ("dropped.txt", "second.txt", "pasted.png", "chosen.md"):
        await expect(visit.page.get_by_role("button", name=f"Remove {name}")).to_be_visible()
    await visit.page.get_by_role("button", name="Remove second.txt").click()
    await expect(window.button("Send")).to_be_enabled()
    await visit.picture("chosen")
    assert await visit.findings() == []
    await window.say("look at these")
    mine = window.log.get_by_role("article", name="From root")
    await expect(mine).to_contain_text("3 files")
    answer = window.answer("You wrote:")
    for name in ("dropped.txt", "pasted.png", "chosen.md"):
        await expect(answer).to_contain_text(name)
    assert "second.txt" not in await answer.inner_text()
    await window.idle()
    there = {path.name: path.read_bytes() for path in page_bot.place.rglob("*.txt") if path.is_file()}
    assert there["dropped.txt"] == b"inside dropped.txt"


async def test_a_file_that_is_too_large_is_refused_in_words_and_the_rest_goes(page_bot: PageBot, visit: Visit) -> None:
    window = Window(visit.page)
    visit.watch.bear(r"status of 413|ERR_CONNECTION|ERR_FAILED|ERR_INCOMPLETE")
    page_bot.kill()
    page_bot.configure(gateway="max_file = '10kB'\n")
    page_bot.start()
    await visit.page.reload()
    await visit.page.get_by_label("Attach files").set_input_files(
        [
            FilePayload(name="large.bin", mimeType="application/octet-stream", buffer=bytes(3_000_000)),
            FilePayload(name="small.txt", mimeType="text/plain", buffer=b"small"),
            FilePayload(name="empty.txt", mimeType="text/plain", buffer=b""),
        ]
    )
    chips = visit.page.get_by_role("listitem").filter(has=visit.page.get_by_role("button", name=re.compile("^Remove ")))
    await expect(chips.filter(has_text="large.bin")).to_contain_text(re.compile(r"10 kB|large|refused|answer"))
    await expect(chips.filter(has_text="small.txt")).to_contain_text("5 B")
    await visit.picture("refused")
    await window.composer.fill("take what there is")
    await window.button("Send").click()
    await expect(visit.page.get_by_text("A file could not be taken.")).to_be_visible()
    await visit.page.get_by_role("button", name="Remove large.bin").click()
    await window.button("Send").click()
    await expect(window.answer("small.txt")).to_be_visible()
    await expect(window.answer("large.bin")).to_have_count(0)
    await window.idle()


async def test_a_long_answer_comes_as_a_file_that_can_be_had(page_bot: PageBot, visit: Visit, tmp_path: Path) -> None:
    window = Window(visit.page)
    await window.say("big 200")
    link = window.log.get_by_role("link", name=re.compile(r"answer-1\.md"))
    await expect(link).to_be_visible()
    await window.idle()
    await visit.picture("file")
    assert await visit.findings() == []
    async with visit.page.expect_download() as coming:
        await link.click()
    download = await coming.value
    assert download.suggested_filename == "answer-1.md"
    await download.save_as(tmp_path / "got.md")
    text = (tmp_path / "got.md").read_text("utf-8")
    assert text.count("All work and no play") > 2_000
    # Opened instead of saved, it would still be no page: and nobody without a login gets it.
    address = await link.get_attribute("href")
    headers = await visit.page.evaluate("at => fetch(at).then(answer => [...answer.headers])", address)
    said = dict(headers)
    assert said["content-type"] == "application/octet-stream"
    assert said["content-disposition"].startswith("attachment")
    assert said["x-content-type-options"] == "nosniff"
    assert "sandbox" in said["content-security-policy"]
    await visit.context.clear_cookies()
    visit.watch.bear("status of 401")
    assert await visit.page.evaluate("at => fetch(at).then(answer => answer.status)", address) == 401
    entries = (await page_bot.ask("GET", f"/sessions/{key(OWN)}/transcript"))[1]["entries"]
    assert [each["said"]["file"]["name"] for each in entries if each["said"] and each["said"]["file"]] == [
        "answer-1.md"
    ]
