"""To the engine, and its errors as ours."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TypeVar

import docker
import requests
from docker.errors import APIError, DockerException

from bot.projects.errors import EngineRefused, EngineUnreachable

T = TypeVar("T")

PATIENCE = 60  # seconds for one answer of the engine


def connect(timeout: int | None = PATIENCE) -> docker.DockerClient:
    # No version is pinned: new engines refuse old ones. And no context of the docker command is followed: the bot
    # must find the same engine whoever starts it.
    return docker.DockerClient(
        base_url=os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock",
        version="auto",
        timeout=timeout,  # type: ignore[arg-type]  # None is documented: none
        use_ssh_client=False,
    )


def translated(work: Callable[[], T]) -> T:
    """Run `work`; the SDK's errors come out as ours: EngineRefused, EngineUnreachable."""
    try:
        return work()
    except APIError as exc:
        raise EngineRefused(reason=str(exc.explanation or exc)) from exc
    except (DockerException, requests.RequestException) as exc:
        raise EngineUnreachable(reason=_why(exc)) from exc


def _why(exc: BaseException) -> str:
    text = str(exc)
    for known, words in (
        ("Connection refused", "connection refused"),
        ("No such file or directory", "there is no socket"),
        ("Permission denied", "this user may not use its socket; add it to the group docker"),
        ("timed out", "no answer in time"),
    ):
        if known in text:
            return words
    return text[:200]


def label_filter(labels: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" if value else name for name, value in labels.items()]
