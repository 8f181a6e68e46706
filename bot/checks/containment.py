"""The containment that agents on this host run in, tried out with a live process."""

from __future__ import annotations

from pathlib import Path

from bot.checks.base import Check

NAME = "containment"


async def check(data: Path) -> Check:
    """Uses whatever a run would use. Leaves nothing running."""
    from bot.agents.containment import choose, probe

    launcher = choose((data, Path.home()))
    result = await probe(launcher)
    if not result.works:
        return Check(NAME, False, f"{result.name}: {result.detail}", result.install_hint)
    if launcher.hides_home:
        return Check(NAME, True, f"{result.name}: {result.detail}")
    return Check(
        NAME, True, f"{result.name}: {result.detail}; agents can read the files of this user", result.install_hint
    )
