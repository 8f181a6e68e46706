"""P13 on a real engine: whatever step fails, is stopped, or is the last before the bot dies, nothing is left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.projects.engine import Engine
from bot.projects.errors import IdentityMissing, NameTaken, PathRefused, ProvisioningFailed
from bot.projects.model import ProjectState
from bot.projects.provisioner import Making, Provisioner
from bot.projects.truth import Truth
from bot.projects.upkeep import Upkeep
from bot.projects.workshop import Workshop
from tests import docker_world
from tests.docker_world import Authority, Told, listing, order, workshop

pytestmark = pytest.mark.integration

STEPS = ("workspace", "cloning", "image", "keys", "container", "ssh", "postCreateCommand", "registering")


@pytest.fixture
async def shop(tmp_path: Path, ca: Authority, base: str) -> AsyncIterator[Workshop]:
    world = docker_world.Projects(tmp_path)
    shop = workshop(tmp_path, (ca.ca,))
    yield shop
    await shop.engine.close()
    world.remove_all()


class Boom(Exception):
    """What a step may raise that nobody foresaw."""


def interfere(provisioner: Provisioner, name: str, how: str) -> asyncio.Event:
    """Let the step named do its work and then fail, or hang; set when it got there."""
    reached = asyncio.Event()

    def broken(step_do):  # type: ignore[no-untyped-def]
        async def do(making: Making) -> str:
            await step_do(making)
            reached.set()
            if how == "refused":
                raise ProvisioningFailed(step="test", reason="it shall not be")
            if how == "crash":
                raise Boom
            await asyncio.sleep(3600)
            return ""

        return do

    provisioner.steps = tuple(
        replace(step, do=broken(step.do)) if step.name == name else step for step in provisioner.steps
    )
    return reached


def assert_nothing_is_left(shop: Workshop, before: dict[str, set[str]]) -> None:
    assert listing() == before
    assert not list(shop.settings.root.iterdir()) if shop.settings.root.exists() else True
    projects = shop.data / "projects"
    assert not projects.exists() or not list(projects.iterdir())
    config = shop.ssh_config
    assert not config.exists() or "Host " not in config.read_text()


def test_the_steps_are_these(tmp_path: Path) -> None:
    assert tuple(step.name for step in Provisioner(workshop(tmp_path)).steps) == STEPS


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("how", ["refused", "crash", "stopped"])
async def test_p13_a_step_that_fails_or_is_stopped_leaves_nothing(shop: Workshop, step: str, how: str) -> None:
    before = listing()
    provisioner = Provisioner(shop)
    reached = interfere(provisioner, step, how)
    work = asyncio.create_task(provisioner.create(order("toy"), 1, Told()))
    await asyncio.wait_for(reached.wait(), 60)
    if how == "stopped":
        work.cancel()
    with pytest.raises((ProvisioningFailed, Boom, asyncio.CancelledError)) as raised:
        await work
    assert how != "refused" or step in str(raised.value)
    assert await shop.registry.all() == []
    assert_nothing_is_left(shop, before)


@pytest.mark.parametrize("step", STEPS)
async def test_p13_a_start_after_a_crash_undoes_what_was_begun(shop: Workshop, step: str) -> None:
    before = listing()
    provisioner = Provisioner(shop)
    reached = interfere(provisioner, step, "hangs")
    work = asyncio.create_task(provisioner.create(order("toy"), 1, Told()))
    await asyncio.wait_for(reached.wait(), 60)
    kept = await shop.registry.all()
    # As a SIGKILL leaves it: the record as it was, the engine and the disk as they were; nobody undoes.
    other = replace(shop, engine=Engine())
    truth = Truth(
        other, Provisioner(other), Upkeep(other, Provisioner(other)), _tell, lambda run: False, lambda name: False
    )
    if kept[0].state is not ProjectState.READY:
        await truth.look()
        assert await shop.registry.all() == []
        assert_nothing_is_left(shop, before)
    else:  # it was registered: it is a project like any other
        assert [each.container for each in await truth.conditions(kept)] == ["running"]
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    await other.engine.close()


async def _tell(project: object, text: str) -> None:
    """Nothing."""


async def test_two_creates_of_one_name_and_one_gets_it(shop: Workshop) -> None:
    provisioner = Provisioner(shop)
    both = (provisioner.create(order("same"), run, Told()) for run in (1, 2))
    results = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["NameTaken", "Project"]
    assert len(listing()["containers"]) >= 1
    (project,) = await shop.registry.all()
    assert not (await provisioner.undo(project)).left


async def test_a_directory_that_was_there_is_never_touched(shop: Workshop, tmp_path: Path) -> None:
    there = shop.settings.root / "toy"
    there.mkdir(parents=True)
    (there / "precious").write_text("mine")
    with pytest.raises(PathRefused):
        await Provisioner(shop).create(order("toy"), 1, Told())
    assert (there / "precious").read_text() == "mine"
    assert await shop.registry.all() == []


async def test_what_is_wrong_is_told_before_anything_is_made(shop: Workshop, tmp_path: Path) -> None:
    before = listing()
    nobody = replace(shop, settings=replace(shop.settings, identity=None))
    with pytest.raises(IdentityMissing):
        await Provisioner(nobody).create(order("toy"), 1, Told())
    for wrong in (
        order("Toy"),
        order("x" * 300),
        order("toy", stacks=("cobol",)),
        order("toy", git_url="ext::sh -c id"),
        order("toy", path=tmp_path / "data" / "inside"),
        order("toy", path=Path("/etc/toy")),
        order("toy", memory=1),
        order("toy", cpus=4000.0),
    ):
        with pytest.raises(Exception, match=r".") as raised:
            await Provisioner(shop).create(wrong, 1, Told())
        assert not isinstance(raised.value, AssertionError)
    assert await shop.registry.all() == []
    assert listing() == before


async def test_a_port_that_is_taken_meanwhile_fails_and_leaves_nothing(shop: Workshop) -> None:
    before = listing()
    provisioner = Provisioner(shop)
    making = asyncio.Event()
    listener: list[asyncio.Server] = []

    keys = next(step for step in provisioner.steps if step.name == "keys")

    async def take(making_: Making) -> str:
        said = await keys.do(making_)
        listener.append(await asyncio.start_server(lambda r, w: None, "127.0.0.1", making_.project.port))
        making.set()
        return said

    provisioner.steps = tuple(replace(step, do=take) if step.name == "keys" else step for step in provisioner.steps)
    with pytest.raises(ProvisioningFailed, match="container"):
        await provisioner.create(order("toy"), 1, Told())
    listener[0].close()
    assert_nothing_is_left(shop, before)
    with pytest.raises(NameTaken):  # the name is free again: both may try, one gets it
        await asyncio.gather(*(Provisioner(shop).create(order("toy"), run, Told()) for run in (2, 3)))
    for project in await shop.registry.all():
        await provisioner.undo(project)
