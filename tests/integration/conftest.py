"""What tests on a real Docker engine or a real homeserver share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.projects.model import Owner
from tests import docker_world
from tests.browser_bot import page_bot, visit
from tests.browser_world import visits
from tests.docker_world import ROOT, Authority, Projects, workshop
from tests.matrix_world import synapse
from tests.slack_fake import ANN, BOB, SlackServer

__all__ = ["page_bot", "synapse", "visit", "visits"]

KEPT = "tugbot-tests/base"


@pytest.fixture(scope="session")
def ca() -> Authority:
    docker_world.require()
    return docker_world.authority(ROOT / ".cache" / "test-authority")


@pytest.fixture(scope="session")
def base(ca: Authority, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image without any stack, with the certificates that the tests' bots trust.

    Under a name of the tests' own: a bot removes an image when the last project that stands on it is deleted.
    """

    async def build() -> str:
        shop = workshop(tmp_path_factory.mktemp("base"), (ca.ca,))
        try:
            return await shop.images.project((), Owner(1000, 1000), lambda line: None)
        finally:
            await shop.engine.close()

    docker_world.docker("tag", asyncio.run(build()), KEPT)
    return KEPT


@pytest.fixture
def projects(tmp_path: Path, ca: Authority, base: str) -> Iterator[Projects]:
    world = Projects(tmp_path, (ca.ca,))
    yield world
    world.remove_all()


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    """With Ann and Bob in it, and tries that follow one another soon."""
    with SlackServer(schedule=(0.1, 0.5, 1.5), patience=1.0) as server:
        server.person(ANN, "ann", "Ann")
        server.person(BOB, "bob", "Bob")
        yield server
