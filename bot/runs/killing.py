"""The kill of a run's processes, tried again while some of them live."""

from __future__ import annotations

from dataclasses import replace

from bot.agents.base import KillReport, Process

ATTEMPTS = 3  # kills, before a run counts as one that would not die


async def kill(process: Process) -> KillReport:
    """End every process of the containment; the report of all attempts together."""
    report = await process.kill()
    for _ in range(ATTEMPTS - 1):
        if report.verified or not report.survivors:
            break
        again = await process.kill()
        report = replace(again, found=report.found, seconds=report.seconds + again.seconds)
    return report


def together(one: KillReport, other: KillReport) -> KillReport:
    """The reports of two containments of a run as one."""
    return KillReport(
        found=one.found + other.found,
        seconds=one.seconds + other.seconds,
        verified=one.verified and other.verified,
        survivors=one.survivors + other.survivors,
        method=other.method,
        note=one.note or other.note,
    )
