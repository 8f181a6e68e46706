"""The page's files, as they lie in the repository and travel in a wheel."""

from __future__ import annotations

import gzip
import json
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

from hatchling.builders.wheel import WheelBuilder

from bot.gateway import pagefiles

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "bot/gateway/page"


def test_what_is_missing_is_found_however_it_is_named() -> None:
    module = b"""
        import a from "./a.js"; import{b}from'../b.js'; import "./c.js";
        export { d } from "/assets/d.js"; const e = await import("./deep/e.js");
        import "x"; const not = "./f.js"; const from = "far";
    """
    page = {"index.html": b"<a href='#here'></a><a href='https://example.org/'></a><link\nhref='assets/s.css?v'>"}
    gone = pagefiles.missing({**page, "in/app.js": module})
    assert gone == ["b.js", "d.js", "in/a.js", "in/c.js", "in/deep/e.js", "s.css"]


def test_files_of_editors_are_left_out(tmp_path: Path) -> None:
    (tmp_path / ".swp").write_text("x")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/a.js").write_text("1")
    assert pagefiles.read(tmp_path) == {"deep/a.js": b"1"}
    assert pagefiles.read(tmp_path / "none") == {}


def test_the_page_that_ships_is_whole() -> None:
    page = pagefiles.shipped()
    assert pagefiles.missing(page) == []
    assert page["index.html"] == (PAGE / "index.html").read_bytes()
    assert sum(len(gzip.compress(content, mtime=0)) for content in page.values()) < 250_000


def test_a_wheel_has_all_of_it() -> None:
    inside = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    assert {f"bot/gateway/page/{name}" for name in pagefiles.read(PAGE)} <= inside


def test_the_icon_and_the_manifest_are_well_formed_and_name_nothing_outside() -> None:
    ElementTree.fromstring((PAGE / "icon.svg").read_text())
    assert (PAGE / "icon.svg").read_text().replace("http://www.w3.org/2000/svg", "").count("http") == 0
    manifest = json.loads((PAGE / "manifest.webmanifest").read_text())
    assert (manifest["name"], manifest["display"], manifest["start_url"]) == ("Tugbot", "standalone", "/")
    assert all((PAGE / icon["src"].removeprefix("/assets/")).is_file() for icon in manifest["icons"])


def test_the_index_has_nothing_that_its_policy_refuses() -> None:
    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            names = dict(attrs)
            assert not any(name.startswith("on") or name == "style" for name in names), (tag, names)
            assert tag != "style"
            assert tag != "base"
            assert tag != "script" or (names.get("src") or "").startswith("/assets/")

    Reader().feed((PAGE / "index.html").read_text())
