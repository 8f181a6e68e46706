"""Answers that go on for long, on connections of their own, which another thread can end: builds and events."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, NotFound

from bot.projects.errors import ImageFailed
from bot.projects.imageplan import Recipe
from bot.projects.observed import Event
from bot.projects.sdk.connection import connect, label_filter

TAIL = 15  # lines of a failed build that are told
LINE = 200  # characters of a build line that are shown
_RUNNING = "---> Running in "
_BOOKKEEPING = ("--->", "Removing intermediate container")  # of the builder, of no interest to people
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class _Cancellable:
    """A long answer on a connection of its own, which another thread can end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._response: requests.Response | None = None
        self.cancelled = False

    @contextmanager
    def connected(self) -> Iterator[docker.DockerClient]:
        client = connect(timeout=None)
        client.api.hooks["response"].append(self._answered)
        try:
            yield client
        finally:
            with self._lock:
                self._response = None
            client.close()

    def _answered(self, response: requests.Response, *_: Any, **__: Any) -> None:
        with self._lock:
            self._response = response
            if self.cancelled:
                response.raw.shutdown()

    def cancel(self) -> None:
        """The reader wakes up with an end of file; the engine ends its work when the connection is closed."""
        with self._lock:
            self.cancelled = True
            if self._response is not None:
                try:
                    self._response.raw.shutdown()
                except (OSError, RuntimeError, ValueError):
                    return  # it has ended by itself


class Build(_Cancellable):
    def __init__(self, recipe: Recipe, proxy: dict[str, str], on_line: Callable[[str], None]) -> None:
        super().__init__()
        self._recipe = recipe
        self._proxy = proxy
        self._on_line = on_line
        self._step = "the first step"
        self._lines: list[str] = []
        self._container = ""  # in which the latest step runs

    def run(self) -> None:
        try:
            with self.connected() as client:
                self._build(client)
        finally:
            if self.cancelled:
                self._end_step()

    def _build(self, client: docker.DockerClient) -> None:
        messages = client.api.build(
            fileobj=io.BytesIO(self._recipe.context()),
            custom_context=True,
            tag=self._recipe.tag,
            rm=True,
            forcerm=True,
            decode=True,
            buildargs={**self._recipe.arguments, **self._proxy},
            labels={"tugbot": "image"},
        )
        for message in messages:
            self._take(message)
        if not self.cancelled:
            client.images.get(self._recipe.tag)  # raises where the stream ended without one

    def _end_step(self) -> None:
        """The engine ends a build whose listener has gone, in its own time; what is running must be over now."""
        if not self._container:
            return
        client = connect()
        try:
            client.api.remove_container(self._container, force=True, v=True)
        except NotFound:
            return
        except APIError as exc:
            if exc.status_code != 409:  # the engine is removing it
                raise
        finally:
            client.close()

    def _take(self, message: Mapping[str, Any]) -> None:
        # The low-level build does not raise for a step that fails; it says so in the stream.
        if (error := message.get("error")) is not None:
            tail = "\n".join(self._lines[-TAIL:])
            raise ImageFailed(step=self._step, reason=f"{str(error).strip()}\n{tail}".strip())
        for line in _COLOURS.sub("", str(message.get("stream", ""))).splitlines():
            if line := line.strip()[:LINE]:
                self._lines = [*self._lines[-TAIL:], line]
                self._step = line if line.startswith("Step ") else self._step
                if line.startswith(_RUNNING):
                    self._container = line.removeprefix(_RUNNING)
                if not line.startswith(_BOOKKEEPING):
                    self._on_line(line)


class Watch(_Cancellable):
    def __init__(self, labels: Mapping[str, str], on_event: Callable[[Event | None], None]) -> None:
        super().__init__()
        self._labels = labels
        self._on_event = on_event

    def run(self) -> None:
        try:
            with self.connected() as client:
                wanted = {"type": ["container"], "label": label_filter(self._labels)}
                for each in client.api.events(decode=True, filters=wanted):
                    actor = each.get("Actor", {})
                    labels = actor.get("Attributes", {})
                    self._on_event(Event(str(each.get("Action", "")), str(actor.get("ID", "")), labels))
        except (DockerException, requests.RequestException, OSError, ValueError):
            pass  # the end of the stream says it: whoever watches looks again
        finally:
            try:
                self._on_event(None)
            except RuntimeError:
                return  # the loop is gone, and whoever watched with it
