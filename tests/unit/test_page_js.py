"""The page's own code, without a browser and without a build: it binds together, and does nothing that it must not.

The modules that need no document are tried by tests/page/*.test.mjs: `node --test tests/page/*.test.mjs`.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import pytest

from bot.happenings.model import KINDS
from bot.transcript.model import Part
from bot.transcript.parts import difference
from tests.real_agents import PLACE as AGENTS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "bot/gateway/page"
OURS = sorted(
    path
    for path in PAGE.rglob("*")
    if path.suffix in (".js", ".css", ".html", ".svg") and PAGE / "vendor" not in path.parents
)
TRIED = sorted((ROOT / "tests/page").glob("*.test.mjs"))
OLDEST = (20, 19)  # the first that takes a .js file for the module that it is, without being told

# What would let words become code, or needs what the page's policy refuses.
UNSAFE = {
    "HTML made of words": r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|unsafeHTML|srcdoc|setHTMLUnsafe",
    "code made of words": r"\beval\b|\bFunction\(|set(?:Timeout|Interval)\(\s*[\"'`]|javascript:",
    "an inline handler": r"[\s\"'`]on[a-z]+\s*=\s*[\"'$]",
    "an inline style": r"<style|[\s\"'`]style\s*=\s*[\"'$]|cssText|setAttribute\(\s*[\"']style",
    "a place elsewhere": r"(?:https?:|wss?:|[\"'(`])//(?!www\.w3\.org/)[\w\[$]",
}


def node() -> str:
    """Of this machine, or of script/agents. Fails under CI where there is none."""
    for found in (shutil.which("node"), AGENTS / "node/bin/node"):
        if found and Path(found).exists() and _version(found) >= OLDEST:
            return str(found)
    lack = "there is no Node of version {}.{} or newer (Debian: apt-get install nodejs)".format(*OLDEST)
    if os.environ.get("CI") == "true":
        pytest.fail(lack)
    pytest.skip(lack)


def _version(program: str | Path) -> tuple[int, ...]:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in re.findall(r"\d+", said)[:2])


def run(*arguments: str | Path, heard: str = "") -> None:
    # Colours and reporters of whoever runs this would make the output of a failure hard to read.
    environment = {name: value for name, value in os.environ.items() if name not in ("NODE_OPTIONS", "FORCE_COLOR")}
    done = subprocess.run(
        [node(), *arguments],
        cwd=ROOT,
        env=environment,
        input=heard,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = done.stdout.rpartition("failing tests:")[2]  # of those that passed nobody wants to read
    assert done.returncode == 0, f"{said}\n{done.stderr}"


def test_every_module_parses_and_finds_what_it_imports() -> None:
    run("--no-warnings", "--experimental-vm-modules", "tests/page/link.mjs", PAGE)


def test_it_makes_of_a_change_what_the_bot_meant() -> None:
    """The two ends of said.changed: bot/transcript/parts.py and saidparts.js."""
    chance = random.Random(7)
    cases = []
    for _ in range(300):
        old, new = (_parts(chance) for _ in range(2))
        if chance.random() < 0.6:  # mostly, answers grow
            new = (*old[:-1], *(Part(old[-1].text + "¡é🚢", old[-1].aside) for _ in old[-1:]), *new[:1])
        keep, append, parts = difference(old, new)
        event = {"keep": keep, "append": append, "parts": _shown(parts), "kind": "live", "choices": [], "version": 1}
        cases.append({"old": {"parts": _shown(old), "version": 0}, "event": event, "new": _shown(new)})
    code = """
        import assert from "node:assert/strict";
        import { readFileSync } from "node:fs";
        import { changed } from "./bot/gateway/page/saidparts.js";
        for (const { old, event, new: wanted } of JSON.parse(readFileSync(0, "utf8")))
            assert.deepEqual(changed(old, event).parts, wanted);
    """
    run("--no-warnings", "--input-type=module", "--eval", code, heard=json.dumps(cases))


def _parts(chance: random.Random) -> tuple[Part, ...]:
    words = ("It", "It works", "▸ ls", "")
    return tuple(Part(chance.choice(words), chance.random() < 0.5) for _ in range(chance.randrange(4)))


def _shown(parts: Iterable[Part]) -> list[dict[str, object]]:
    return [asdict(part) for part in parts]


def test_the_modules_that_need_no_document_do_what_they_should() -> None:
    assert TRIED
    run("--no-warnings", "--test", "--test-reporter=spec", *TRIED)


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.relative_to(PAGE).as_posix())
def test_nothing_in_it_is_unsafe(path: Path) -> None:
    text = path.read_text()
    for what, pattern in UNSAFE.items():
        found = [line.strip() for line in text.splitlines() if re.search(pattern, line)]
        assert found == [], f"{what} in {path.name}: {found}"


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("box.innerHTML = text;", "HTML made of words"),
        ("html`<p .innerHTML=${text}>`", "HTML made of words"),
        ("eval(text)", "code made of words"),
        ("new Function('x')", "code made of words"),
        ("setTimeout('go()', 1)", "code made of words"),
        ('<a href="javascript:go()">', "code made of words"),
        ('<button onclick="go()">', "an inline handler"),
        ("html`<p onfocus=${go}>`", "an inline handler"),
        ('<p style="color: red">', "an inline style"),
        ("html`<p style=${colour}>`", "an inline style"),
        ('fetch("https://example.org/")', "a place elsewhere"),
        ("@import '//example.org/x.css'", "a place elsewhere"),
        ("url(//example.org/x.png)", "a place elsewhere"),
    ],
)
def test_what_is_unsafe_would_be_found(line: str, what: str) -> None:
    assert re.search(UNSAFE[what], line)


@pytest.mark.parametrize(
    "line",
    [
        "html`<button @click=${go} .style=${none}>`",
        "// a remark; a = b // c",
        "button.onclick = go",
        '<svg xmlns="http://www.w3.org/2000/svg">',
        '<input placeholder="https://… or empty">',
        "const once = 1, on = 'x';",
    ],
)
def test_what_is_safe_is_left_alone(line: str) -> None:
    assert [what for what, pattern in UNSAFE.items() if re.search(pattern, line)] == []


def test_no_file_is_long() -> None:
    long = {path.name: lines for path in OURS if (lines := len(path.read_text().splitlines())) >= 300}
    assert long == {}


def test_the_page_listens_to_every_event_there_is() -> None:
    """A browser drops those whose names nobody has listened for."""
    listed = re.search(r"const KINDS = \[(.*?)\]", (PAGE / "live.js").read_text(), re.DOTALL)
    assert listed
    names = re.findall(r'"([a-z.]+)"', listed[1])
    assert sorted(names) == sorted([*(kind.kind for kind in KINDS), "reset"])


def test_all_that_the_page_begins_with_is_asked_for_at_once() -> None:
    """Found one after another, modules would take a slow line many times as long."""
    needed: set[str] = set()

    def need(module: Path) -> None:
        name = module.resolve().relative_to(PAGE.resolve()).as_posix()
        if name not in needed:
            needed.add(name)
            for found in re.finditer(r'(?:from|import)\s*"(\.{1,2}/[^"]+)"', module.read_text()):
                need(module.parent / found[1])

    need(PAGE / "app.js")
    index = (PAGE / "index.html").read_text()
    asked = re.findall(r'<link rel="modulepreload" href="/assets/([^"]+)">', index)
    assert sorted(asked) == sorted(needed - {"app.js"})
    assert "view/chart.js" not in needed
