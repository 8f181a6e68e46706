"""The images of projects: planned by content, built once however many ask for one at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bot.agents.demo import PROGRAM as DEMO
from bot.projects import imageplan, stacks
from bot.projects.engine import Engine
from bot.projects.errors import BaseMissing, EngineRefused, ImageFailed
from bot.projects.imageplan import Base, Recipe
from bot.projects.model import Owner, Stack

ROOTFS = "tugbot/rootfs:trixie"  # made by `tugbot stacks base`
UPSTREAM = "debian:trixie-slim"
TOOLS = "/usr/local/share/tugbot/tools"

Told = Callable[[str], None]  # a line of progress


@dataclass(frozen=True, slots=True)
class ImageSettings:
    data: Path  # docker/ of this program: base/ and stacks/
    stacks_dir: Path | None = None  # the user's own stacks
    base_image: str = ""  # "": ROOTFS if it is there, else UPSTREAM
    certificates: tuple[Path, ...] = ()  # PEM bundles
    proxy: Mapping[str, str] = field(default_factory=dict)  # http_proxy … as the programs read them
    arguments: Mapping[str, str] = field(default_factory=dict)
    packages: tuple[str, ...] = ()  # agent programs: npm:…, pip:…


@dataclass(frozen=True, slots=True)
class Tool:
    stack: str
    name: str
    version: str  # "": not there
    missing: str = ""  # why


class Images:
    def __init__(self, engine: Engine, settings: ImageSettings, labels: Mapping[str, str] | None = None) -> None:
        """`labels`: of containers that are made to look into images, so that one that a crash left is known as ours."""
        self._engine = engine
        self._labels = labels or {}
        self._tools: dict[str, tuple[Tool, ...]] = {}  # by tag; what a tag means never changes
        self._settings = settings
        self._building: dict[str, _Build] = {}

    def stacks(self) -> Mapping[str, Stack]:
        """Raises StackBroken."""
        own = (self._settings.stacks_dir,) if self._settings.stacks_dir else ()
        return stacks.load(self._settings.data / "stacks", *own)

    async def project(self, names: Iterable[str], owner: Owner, told: Told) -> str:
        """The tag of the image with these stacks; built where it is not there.

        Raises StackUnknown, BaseMissing, ImageFailed, EngineUnreachable.
        """
        recipes = await self._recipes(names, owner, told)
        for recipe in recipes:
            await self._ensure(recipe, told)
        return recipes[-1].tag

    async def proxy(self, told: Told) -> str:
        """The tag of the image with the filtering proxy."""
        base = imageplan.base(await self._parts(told, pull=True))
        recipe = imageplan.proxy(base.tag)
        for each in (base, recipe):
            await self._ensure(each, told)
        return recipe.tag

    async def planned(self, names: Iterable[str], owner: Owner) -> str | None:
        """The tag it would have, if everything that it stands on is there; None: it is not."""
        try:
            recipes = await self._recipes(names, owner, lambda line: None, pull=False)
        except BaseMissing:
            return None
        return recipes[-1].tag

    async def built(self) -> Mapping[str, Sequence[Tool]]:
        """What is in the stacks, as images that are there tell; stacks that no image has are not in it."""
        found: dict[str, list[Tool]] = {}
        for tag in await self._engine.images(imageplan.REPOSITORY):
            if tag.startswith(f"{imageplan.REPOSITORY}/project:"):
                mine: dict[str, list[Tool]] = {}
                for tool in await self.tools(tag):
                    mine.setdefault(tool.stack, []).append(tool)
                found |= mine
        return found

    async def tools(self, tag: str) -> tuple[Tool, ...]:
        """What is in an image, as its layers reported it."""
        if tag not in self._tools:
            found = await self._engine.read_file(tag, TOOLS, self._labels)
            self._tools[tag] = tuple(
                _tool(stack, line)
                for stack, text in sorted(found.items())
                for line in text.splitlines()
                if "\t" in line
            )
        return self._tools[tag]

    async def _recipes(self, names: Iterable[str], owner: Owner, told: Told, pull: bool = True) -> Sequence[Recipe]:
        known = self.stacks()
        chosen = [known[name] for name in stacks.choose(names, known)]
        parts = await self._parts(told, pull)
        recipes = [imageplan.base(parts)]
        if self._settings.packages:
            recipes.append(imageplan.agents(recipes[-1].tag, self._settings.packages))
        return [*recipes, imageplan.project(recipes[-1].tag, chosen, owner, parts)]

    async def _parts(self, told: Told, pull: bool) -> Base:
        image, image_id = await self._rootfs(told, pull)
        folder = self._settings.data / "base"
        bundles = [self._certificates(path) for path in self._settings.certificates]
        return Base(
            image=image,
            image_id=image_id,
            fragment=(folder / stacks.FRAGMENT).read_text(encoding="utf-8"),
            user_fragment=(folder / "user.fragment").read_text(encoding="utf-8"),
            files={path.name: path.read_bytes() for path in (*sorted((folder / "lib").iterdir()), DEMO)},
            certificates=imageplan.certificates("\n".join(bundles)),
            arguments=self._settings.arguments,
        )

    def _certificates(self, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8", errors="replace")
        except OSError as exc:
            reason = f"{path} of [docker] extra_ca_certificates cannot be read ({exc.strerror})"
            raise ImageFailed(step="certificates", reason=reason) from exc

    async def _rootfs(self, told: Told, pull: bool) -> tuple[str, str]:
        wanted = self._settings.base_image
        for image in (wanted,) if wanted else (ROOTFS, UPSTREAM):
            if (found := await self._engine.image_id(image)) is not None:
                return image, found
        image = wanted or UPSTREAM
        if not pull:
            raise BaseMissing(reason=f"{image} is not on the engine")
        told(f"fetching {image}")
        try:
            await self._engine.pull(image)
        except EngineRefused as exc:
            raise BaseMissing(reason=f"{image} could not be fetched ({exc.fields['reason']})") from exc
        found = await self._engine.image_id(image)
        assert found is not None
        return image, found

    async def _ensure(self, recipe: Recipe, told: Told) -> None:
        if recipe.tag not in self._building and await self._engine.image_id(recipe.tag) is not None:
            return
        build = self._building.get(recipe.tag)
        if build is None:
            build = self._building[recipe.tag] = _Build(self._engine, recipe, self._settings.proxy)
        try:
            await build.wait(told)
        finally:
            if build.is_over and self._building.get(recipe.tag) is build:
                del self._building[recipe.tag]


class _Build:
    """One build and everybody who waits for it. It is cancelled when the last of them gives up."""

    def __init__(self, engine: Engine, recipe: Recipe, proxy: Mapping[str, str]) -> None:
        self._listeners: list[Told] = []
        self._recipe = recipe
        # Not of the bot's task group: a build that fails is told by those who wait, and ends nothing else.
        self._task = asyncio.ensure_future(engine.build(recipe, self._told, proxy))
        self._task.set_name(f"build {recipe.tag}")

    @property
    def is_over(self) -> bool:
        return self._task.done()

    async def wait(self, told: Told) -> None:
        self._listeners.append(told)
        try:
            await asyncio.shield(self._task)
        finally:
            self._listeners.remove(told)
            if not self._listeners and not self._task.done():
                self._task.cancel("nobody waits for this build any more")
                await asyncio.wait({self._task})

    def _told(self, line: str) -> None:
        for listener in list(self._listeners):
            listener(f"{self._recipe.title}: {line}")


def _tool(stack: str, line: str) -> Tool:
    name, _, version = line.partition("\t")
    if version.startswith("missing:"):
        return Tool(stack, name, "", version.removeprefix("missing:").strip())
    return Tool(stack, name, version)
