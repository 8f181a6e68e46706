"""Passing remarks beside the outbox: what is said, and how often."""

from __future__ import annotations

import asyncio

import pytest

from bot.replies import lines
from bot.replies.lines import Lines
from bot.replies.places import Places
from tests.transport_fake import FakeTransport
from tests.virtual_time import run


def test_a_session_is_told_once_that_its_agent_takes_no_further_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "TOLD", 2)
    fake = FakeTransport()

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            remarks = Lines(Places({"fake": fake}), group)
            for session in ("fake/a", "fake/a", "fake/b", "fake/a", "fake/c", "fake/c"):
                remarks.unsteerable(session, session)
            remarks.unsteerable("fake/a", "fake/a")  # the memory of it is bounded

    run(main())
    assert [text.partition(";")[0] for text in fake.texts()] == ["This agent takes no further text during a run"] * 4


def test_only_what_is_confided_may_be_secret() -> None:
    fake, token = FakeTransport(), f"tugl_{'x' * 43}"

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            remarks = Lines(Places({"fake": fake}), group)
            remarks.say("fake/a", f"it failed: /login#{token}")
            remarks.queued("fake/a", "fake/a", 2, f"run 1 ({token})")
            remarks.confide("fake/a", f"open /login#{token}")

    run(main())
    assert fake.texts() == [
        "it failed: /login#[secret]",
        "Waiting, place 2 in line, behind run 1 ([secret]).",
        f"open /login#{token}",
    ]
