"""The containment that agents on this host run in, tried out with a live process."""

from __future__ import annotations

import sys
from pathlib import Path

from bot.checks.base import Check

NAME = "containment"
UNIFIED = Path("/sys/fs/cgroup")


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


def cgroups() -> Check:
    """What limits memory and processors of containers: with the first version some limits are not kept."""
    name = "cgroups"
    if sys.platform != "linux":
        return Check(name, True, "not of this system")
    if (UNIFIED / "cgroup.controllers").exists():
        return Check(name, True, "version 2")
    fix = "add systemd.unified_cgroup_hierarchy=1 to the kernel's command line"
    return Check(name, True, "version 1, or not mounted: limits of containers may be kept less strictly", fix)
