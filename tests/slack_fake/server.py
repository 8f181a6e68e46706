"""The fake in a thread of its own, for tests that run the bot as another process."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from tests.slack_fake.fake import FakeSlack

T = TypeVar("T")


class SlackServer:
    """`with SlackServer() as slack:`; everything that FakeSlack has, callable from the test's thread.

    Methods run in the server's loop, and those that are `async` are awaited there.
    """

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="fake slack", daemon=True)
        self._fake: FakeSlack | None = None

    def __enter__(self) -> SlackServer:
        self._thread.start()
        self._fake = self._await(self._open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._fake is not None:
                self._await(self._fake.__aexit__(kind, error, trace))
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._fake, name) if self._fake is not None else getattr(FakeSlack, name)
        if not inspect.ismethod(found):
            return found
        return lambda *args, **kwargs: self._await(_called(found, *args, **kwargs))

    def wait(self, condition: Callable[[], T], patience: float = 10.0) -> T:
        """As FakeSlack.wait; `condition` is called in this thread."""
        end = time.monotonic() + patience
        while not (found := condition()):
            if time.monotonic() > end:
                raise AssertionError(f"not within {patience:g} s; to be seen:\n{self.picture()}")
            time.sleep(0.02)
        return found

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _open(self) -> FakeSlack:
        return await FakeSlack(**self._options).__aenter__()

    def _await(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)


async def _called(method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    found = method(*args, **kwargs)
    return await found if inspect.isawaitable(found) else found
