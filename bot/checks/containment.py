"""The containment that agents on this host run in, tried out with a live process."""

from __future__ import annotations

from pathlib import Path

from bot.checks.base import Check

NAME = "containment"


async def check(data: Path) -> Check:
    """Uses what a run would use. Leaves nothing running."""
    from bot.agents.containment import choose, probe

    launcher = await choose((data, Path.home()))
    result = await probe(launcher)
    return Check(
        NAME,
        result.works,
        f"{result.name}: {result.detail}",
        "" if launcher.hides_home else await _better(result.install_hint),
    )


async def _better(hint: str) -> str:
    """What the strongest containment lacks here, where it is not the one in force."""
    from bot.agents.containment import BubblewrapLauncher, probe

    return hint or (await probe(BubblewrapLauncher(()))).install_hint
