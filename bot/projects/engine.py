"""The Docker engine, asynchronously: blocking calls of bot.projects.sdk on threads; values come out plain.

The engine must be on this machine: sources are bind mounts, and a container's init is watched as a process.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from bot.projects import hardening
from bot.projects.imageplan import Recipe
from bot.projects.observed import EngineInfo, Event, Seen
from bot.projects.thorough import finished

if TYPE_CHECKING:
    from bot.projects.sdk.calls import Sdk

T = TypeVar("T")

THREADS = 12


class Engine:
    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="docker")
        self._known: Sdk | None = None
        self._lock = threading.Lock()

    async def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._known is not None:
            self._known.close()

    async def info(self) -> EngineInfo:
        return await self._do(lambda sdk: sdk.info())

    # ------------------------------------------------------------ images

    async def image_id(self, tag: str) -> str | None:
        return await self._do(lambda sdk: sdk.image_id(tag))

    async def images(self, repository: str) -> Sequence[str]:
        """Tags of ours that are there."""
        return await self._do(lambda sdk: sdk.images(repository))

    async def pull(self, image: str) -> None:
        await self._do(lambda sdk: sdk.pull(image))

    async def import_rootfs(self, path: str, tag: str) -> None:
        """A tar of a root file system becomes an image."""
        await self._do(lambda sdk: sdk.import_rootfs(path, tag))

    async def tag(self, image: str, tag: str) -> None:
        await self._do(lambda sdk: sdk.tag(image, tag))

    async def remove_image(self, tag: str) -> bool:
        """False: it was gone, or a container or another image still needs it."""
        return await self._do(lambda sdk: sdk.remove_image(tag))

    async def build(self, recipe: Recipe, on_line: Callable[[str], None], proxy: Mapping[str, str]) -> None:
        """Build and tag. `on_line` is called in the loop. Cancelling it ends the build on the engine as well.

        Raises ImageFailed with the step that failed and its last lines.
        """
        from bot.projects.sdk.streams import Build

        loop = asyncio.get_running_loop()

        def told(line: str) -> None:
            loop.call_soon_threadsafe(on_line, line)

        build = Build(recipe, dict(proxy), told)
        try:
            await self._do(lambda _: build.run(), on_cancel=build.cancel)
        finally:
            build.cancel()

    async def read_file(self, image: str, path: str, labels: Mapping[str, str]) -> Mapping[str, str]:
        """The text files at `path` in an image, by name; empty where there is nothing. Nothing is run."""
        return await self._do(lambda sdk: sdk.read_files(image, path, labels))

    # ------------------------------------------------------------ containers

    async def create(self, container: hardening.Container) -> str:
        return await self._do(lambda sdk: sdk.create(container))

    async def start(self, container: str) -> None:
        await self._do(lambda sdk: sdk.start(container))

    async def stop(self, container: str, seconds: int = 5) -> None:
        await self._do(lambda sdk: sdk.stop(container, seconds))

    async def rename(self, container: str, name: str) -> None:
        await self._do(lambda sdk: sdk.rename(container, name))

    async def kill(self, container: str) -> None:
        """SIGKILL for its init, and with it for everything inside. Quiet where nothing runs."""
        await self._do(lambda sdk: sdk.kill(container))

    async def remove(self, container: str) -> bool:
        """With force, and with its anonymous volumes. False: it was gone."""
        return await self._do(lambda sdk: sdk.remove(container))

    async def see(self, container: str) -> Seen | None:
        """By id or name; None: there is none."""
        return await self._do(lambda sdk: sdk.see(container))

    async def containers(self, labels: Mapping[str, str]) -> Sequence[Seen]:
        """All with these labels, running or not."""
        return await self._do(lambda sdk: sdk.containers(labels))

    async def logs(self, container: str, lines: int) -> str:
        return await self._do(lambda sdk: sdk.logs(container, lines))

    async def attach(self, container: str) -> socket.socket:
        """Its standard streams; to be called before it is started, or the first output is lost.

        Output is multiplexed: eight bytes of header (stream, length), then so many bytes.
        """
        return await self._do(lambda sdk: sdk.attach(container))

    async def processes(self, container: str) -> Sequence[int]:
        """Pids, on this machine, of what runs in it."""
        return await self._do(lambda sdk: sdk.processes(container))

    # ------------------------------------------------------------ networks, volumes, events

    async def ensure_network(
        self, name: str, labels: Mapping[str, str], *, internal: bool = False, subnet: str = ""
    ) -> None:
        """A bridge. Containers on it cannot reach one another; on an `internal` one they reach nothing else."""
        await self._do(lambda sdk: sdk.ensure_network(name, labels, internal, subnet))

    async def connect(self, network: str, container: str) -> None:
        await self._do(lambda sdk: sdk.connect(network, container))

    async def remove_network(self, name: str) -> bool:
        return await self._do(lambda sdk: sdk.remove_network(name))

    async def ensure_volume(self, name: str, labels: Mapping[str, str]) -> None:
        await self._do(lambda sdk: sdk.ensure_volume(name, labels))

    async def remove_volume(self, name: str) -> bool:
        return await self._do(lambda sdk: sdk.remove_volume(name))

    async def volumes(self, labels: Mapping[str, str]) -> Sequence[str]:
        return await self._do(lambda sdk: sdk.volumes(labels))

    async def networks(self, labels: Mapping[str, str]) -> Sequence[str]:
        return await self._do(lambda sdk: sdk.networks(labels))

    async def events(self, labels: Mapping[str, str]) -> AsyncIterator[Event]:
        """Of containers with these labels, from now on; ends when the engine does."""
        from bot.projects.sdk.streams import Watch

        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[Event | None] = asyncio.Queue()

        def told(event: Event | None) -> None:
            loop.call_soon_threadsafe(queue.put_nowait, event)

        watch = Watch(labels, told)
        thread = threading.Thread(target=watch.run, name="docker events", daemon=True)
        thread.start()
        try:
            while (event := await queue.get()) is not None:
                yield event
        finally:
            watch.cancel()

    async def _do(self, work: Callable[[Sdk], T], *, on_cancel: Callable[[], None] | None = None) -> T:
        task = asyncio.get_running_loop().run_in_executor(self._pool, self._work, work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            # The engine goes on with what it was asked. Whoever undoes it must find it done.
            if on_cancel is not None:
                on_cancel()
            with contextlib.suppress(Exception):
                await finished(task)
            raise

    def _work(self, work: Callable[[Sdk], T]) -> T:
        """On a thread. The SDK takes a while to import; a console without projects never does."""
        from bot.projects.sdk.calls import Sdk
        from bot.projects.sdk.connection import translated

        with self._lock:
            if self._known is None:
                self._known = Sdk()
        known = self._known
        return translated(lambda: work(known))
