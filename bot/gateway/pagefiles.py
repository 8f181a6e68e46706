"""The page as it travels with the bot: every file below page/, and whether all that they refer to is there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from urllib.parse import urljoin

INDEX = "index.html"
BELOW = "/assets/"  # where everything but the index is served
HOME = "/"  # where that is
MEND = "install Tugbot again, or in a checkout of it: git checkout bot/gateway/page"

_IN_HTML = re.compile(r"""\s(?:src|href)=["']([^"'#?]+)["'#?]""")
# Of a module: what its import, export and import() name. Comments count too, so they must not show missing files.
_IN_MODULE = re.compile(r"""\b(?:from|import)\s*\(?\s*["'](\.{0,2}/[^"']+)["']""")


@cache
def shipped() -> Mapping[str, bytes]:
    """Path below page/ → content; of this installation. Empty where the folder is missing."""
    return read(files("bot.gateway") / "page")


def read(folder: Traversable) -> Mapping[str, bytes]:
    return dict(_files(folder, "")) if folder.is_dir() else {}


def _files(folder: Traversable, above: str) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue  # what editors and file managers leave
        if entry.is_dir():
            yield from _files(entry, f"{above}{entry.name}/")
        else:
            yield above + entry.name, entry.read_bytes()


def missing(page: Mapping[str, bytes]) -> list[str]:
    """What the index and the modules refer to and is not there. Pure."""
    if INDEX not in page:
        return [INDEX]
    wanted = {name for path, content in page.items() for name in _wanted(path, content)}
    return sorted(wanted - page.keys())


def _wanted(path: str, content: bytes) -> Iterator[str]:
    """Names of files of ours."""
    if path == INDEX:
        place, pattern = HOME, _IN_HTML
    elif path.endswith((".js", ".mjs")):
        place, pattern = BELOW + path, _IN_MODULE
    else:
        return
    for said in pattern.findall(content.decode(errors="replace")):
        where = urljoin(place, said)
        if where.startswith(BELOW):
            yield where.removeprefix(BELOW)
