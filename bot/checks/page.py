"""Whether the page is whole in this installation, where a gateway may serve it."""

from __future__ import annotations

from collections.abc import Iterator

from bot.checks.base import Check
from bot.gateway import pagefiles
from bot.settings import Settings


def check(settings: Settings) -> Iterator[Check]:
    if settings.gateway.enabled == "off":
        return
    found = pagefiles.shipped()
    if gone := pagefiles.missing(found):
        fix = f"{pagefiles.MEND}; then run: tugbot doctor"
        yield Check("page", False, f"of its files are missing: {', '.join(gone)}", fix)
    else:
        yield Check("page", True, f"its {len(found)} files are there")
