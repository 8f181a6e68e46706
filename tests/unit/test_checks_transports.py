"""Trials of transports: all at once, none in another's way."""

from __future__ import annotations

import asyncio

from bot.checks import transports
from bot.checks.base import Check
from bot.checks.transports import PATIENCE, Trial
from tests.virtual_time import run


async def _good() -> str:
    return ""


async def _bad() -> str:
    return "the token was revoked; run: tugbot init matrix"


async def _broken() -> str:
    raise KeyError("x")


async def _hangs() -> str:
    await asyncio.sleep(1e6)
    return ""


def checked(**trials: Trial) -> list[Check]:
    async def main() -> list[Check]:
        return await transports.check(trials)

    return run(main())


def test_each_trial_is_a_check() -> None:
    good, bad, broken, hangs = checked(a=_good, b=_bad, c=_broken, d=_hangs)
    assert (good.name, good.ok, good.fix) == ("a", True, "")
    assert (bad.ok, bad.detail) == (False, "the token was revoked; run: tugbot init matrix")
    assert "KeyError" in broken.detail
    assert f"{PATIENCE:.0f} s" in hangs.detail
    assert "[transports.d]" in hangs.fix


def test_without_transports_nothing_is_checked() -> None:
    assert checked() == []
