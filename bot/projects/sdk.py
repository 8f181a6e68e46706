"""The Docker SDK: its only importer. Everything here blocks, and is called on threads by bot.projects.engine."""

from __future__ import annotations

import io
import os
import re
import socket
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.types import IPAMConfig, IPAMPool, LogConfig, Mount

from bot.projects import hardening
from bot.projects.errors import EngineRefused, EngineUnreachable, ImageFailed
from bot.projects.imageplan import Recipe
from bot.projects.observed import EngineInfo, Event, Seen

T = TypeVar("T")

PATIENCE = 60  # seconds for one answer of the engine
TAIL = 15  # lines of a failed build that are told
HEALTH_EVERY = 30 * 10**9  # nanoseconds
LINE = 200  # characters of a build line that are shown
_RUNNING = "---> Running in "
_BOOKKEEPING = ("--->", "Removing intermediate container")  # of the builder, of no interest to people
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Sdk:
    """Connects when it is first needed: DOCKER_HOST, else the local socket."""

    def __init__(self) -> None:
        self._known: docker.DockerClient | None = None
        self._lock = threading.Lock()
        self._answered = threading.local()  # .response: the latest answer that this thread was given

    def close(self) -> None:
        if self._known is not None:
            self._known.close()

    def _client(self) -> docker.DockerClient:
        with self._lock:
            if self._known is None:
                self._known = _connect()
                self._known.api.hooks["response"].append(self._remember)
            return self._known

    def _remember(self, response: requests.Response, *_: Any, **__: Any) -> None:
        self._answered.response = response

    def pull(self, image: str) -> None:
        self._client().images.pull(*_split(image))

    def import_rootfs(self, path: str, tag: str) -> None:
        self._client().api.import_image_from_file(path, *_split(tag))

    def tag(self, image: str, tag: str) -> None:
        self._client().api.tag(image, *_split(tag))

    def start(self, container: str) -> None:
        self._client().api.start(container)

    def stop(self, container: str, seconds: int) -> None:
        self._client().api.stop(container, timeout=seconds)

    def rename(self, container: str, name: str) -> None:
        self._client().api.rename(container, name)

    def logs(self, container: str, lines: int) -> str:
        return _text(self._client().api.logs(container, tail=lines))

    def connect(self, network: str, container: str) -> None:
        self._client().api.connect_container_to_network(container, network)

    def ensure_volume(self, name: str, labels: Mapping[str, str]) -> None:
        self._client().api.create_volume(name, labels=dict(labels))

    def info(self) -> EngineInfo:
        info, version = self._client().info(), self._client().version()
        return EngineInfo(
            version["Version"],
            version["ApiVersion"],
            info["NCPU"],
            info["MemTotal"],
            info["Architecture"],
            info.get("CgroupVersion", ""),
        )

    def image_id(self, tag: str) -> str | None:
        try:
            return str(self._client().images.get(tag).id)
        except ImageNotFound:
            return None

    def images(self, repository: str) -> Sequence[str]:
        found = self._client().api.images(filters={"reference": f"{repository}/*"})
        return sorted(tag for image in found for tag in image.get("RepoTags") or ())

    def remove_image(self, tag: str) -> bool:
        try:
            self._client().api.remove_image(tag)
        except ImageNotFound:
            return False
        except APIError as exc:
            if exc.status_code == 409:
                return False
            raise
        return True

    def read_files(self, image: str, path: str) -> Mapping[str, str]:
        api = self._client().api
        made = api.create_container(image, command=["-"], network_disabled=True)["Id"]
        try:
            pieces, _ = api.get_archive(made, path)
            return _untar(b"".join(pieces))
        except NotFound:
            return {}
        finally:
            api.remove_container(made, force=True)

    def create(self, wanted: hardening.Container) -> str:
        api = self._client().api
        limits = wanted.resources
        host = api.create_host_config(
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            pids_limit=wanted.pids,
            mem_limit=limits.memory,
            memswap_limit=limits.memory,
            nano_cpus=int(limits.cpus * 1e9),
            read_only=True,
            tmpfs=dict(wanted.tmpfs),
            mounts=[_mount(each) for each in wanted.mounts],
            network_mode=wanted.network,
            port_bindings={inside: ("127.0.0.1", port) for inside, port in wanted.published.items()},
            restart_policy={"Name": "unless-stopped"} if wanted.restarts else {"Name": "no"},
            log_config=LogConfig(type="json-file", config={"max-size": hardening.LOG_SIZE, "max-file": "2"})
            if not wanted.stdin
            else LogConfig(type="none"),  # what a run says goes to its chat, not to a file beside it
            dns=list(wanted.dns) or None,
        )
        shares_network = wanted.network.startswith("container:")
        made = api.create_container(
            wanted.image,
            name=wanted.name,
            hostname=None if shares_network else wanted.hostname or None,
            command=list(wanted.command) if wanted.command is not None else None,
            entrypoint=list(wanted.entrypoint) if wanted.entrypoint is not None else None,
            user=f"{wanted.owner.uid}:{wanted.owner.gid}",
            working_dir=wanted.workdir,
            environment=dict(wanted.env),
            labels=dict(wanted.labels),
            ports=list(wanted.published) or None,
            stdin_open=wanted.stdin,
            healthcheck={
                "test": ["CMD", *wanted.health],
                "interval": HEALTH_EVERY,
                "timeout": 5 * 10**9,
                "retries": 3,
                "start_period": 5 * 10**9,
            }
            if wanted.health
            else None,
            host_config=host,
        )
        return str(made["Id"])

    def kill(self, container: str) -> None:
        try:
            self._client().api.kill(container)
        except NotFound:
            return
        except APIError as exc:
            if exc.status_code != 409:  # it does not run
                raise

    def remove(self, container: str) -> bool:
        try:
            self._client().api.remove_container(container, force=True, v=True)
        except NotFound:
            return False
        except APIError as exc:
            if exc.status_code != 409:  # somebody else is removing it
                raise
        return True

    def see(self, container: str) -> Seen | None:
        try:
            return _seen(self._client().api.inspect_container(container))
        except NotFound:
            return None

    def containers(self, labels: Mapping[str, str]) -> Sequence[Seen]:
        api = self._client().api
        found = api.containers(all=True, filters={"label": _filter(labels)})
        return [seen for each in found if (seen := self.see(each["Id"])) is not None]

    def attach(self, container: str) -> socket.socket:
        raw = self._client().api.attach_socket(container, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
        mine = socket.socket(fileno=os.dup(raw.fileno()))
        self._answered.response.close()  # else the SDK's own end of it stays open until it is collected
        mine.setblocking(False)
        return mine

    def processes(self, container: str) -> Sequence[int]:
        try:
            top = self._client().api.top(container, ps_args="-eo pid,stat")
        except NotFound:
            return ()
        except APIError as exc:
            if exc.status_code == 409:
                return ()
            raise
        return [int(row[0]) for row in top["Processes"] or () if not row[1].startswith("Z")]

    def ensure_network(self, name: str, labels: Mapping[str, str], internal: bool, subnet: str) -> None:
        api = self._client().api
        if any(each["Name"] == name for each in api.networks(names=[name])):
            return
        options = {"com.docker.network.bridge.enable_icc": "true" if internal else "false"}
        try:
            api.create_network(
                name,
                driver="bridge",
                internal=internal,
                options=options,
                labels=dict(labels),
                ipam=IPAMConfig(pool_configs=[IPAMPool(subnet=subnet)]) if subnet else None,
            )
        except APIError as exc:
            if exc.status_code != 409:  # made by another task meanwhile
                raise

    def remove_network(self, name: str) -> bool:
        try:
            self._client().api.remove_network(name)
        except NotFound:
            return False
        return True

    def remove_volume(self, name: str) -> bool:
        try:
            self._client().api.remove_volume(name)
        except NotFound:
            return False
        return True

    def volumes(self, labels: Mapping[str, str]) -> Sequence[str]:
        found = self._client().api.volumes(filters={"label": _filter(labels)})
        return sorted(each["Name"] for each in found["Volumes"] or ())

    def networks(self, labels: Mapping[str, str]) -> Sequence[str]:
        return sorted(each["Name"] for each in self._client().api.networks(filters={"label": _filter(labels)}))


class _Cancellable:
    """A long answer on a connection of its own, which another thread can end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._response: requests.Response | None = None
        self.cancelled = False

    @contextmanager
    def connected(self) -> Iterator[docker.DockerClient]:
        client = _connect(timeout=None)
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
        client = _connect()
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
                wanted = {"type": ["container"], "label": _filter(self._labels)}
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


def _connect(timeout: int | None = PATIENCE) -> docker.DockerClient:
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


def _mount(wanted: hardening.Mount) -> Mount:
    return Mount(wanted.target, wanted.source, type="volume" if wanted.volume else "bind", read_only=wanted.read_only)


def _seen(found: Mapping[str, Any]) -> Seen:
    state, config = found["State"], found["Config"]
    ports = found.get("HostConfig", {}).get("PortBindings") or {}
    return Seen(
        id=found["Id"],
        name=found["Name"].lstrip("/"),
        status=state["Status"],
        pid=state["Pid"],
        exit_code=state["ExitCode"],
        oom_killed=state["OOMKilled"],
        health=(state.get("Health") or {}).get("Status", ""),
        image=config["Image"],
        error=state.get("Error", ""),
        labels=config.get("Labels") or {},
        published={int(key.split("/")[0]): int(value[0]["HostPort"]) for key, value in ports.items() if value},
    )


def _filter(labels: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" if value else name for name, value in labels.items()]


def _split(image: str) -> tuple[str, str]:
    """Repository and tag; a colon before a slash belongs to a registry's port."""
    repository, colon, tag = image.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (image, "latest")


def _text(found: bytes | str) -> str:
    return found.decode(errors="replace") if isinstance(found, bytes) else str(found)


def _untar(content: bytes) -> Mapping[str, str]:
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        files = [(member, tar.extractfile(member)) for member in tar.getmembers() if member.isfile()]
        return {member.name.rpartition("/")[2]: file.read().decode(errors="replace") for member, file in files if file}
