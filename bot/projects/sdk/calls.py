"""One question, one answer."""

from __future__ import annotations

import io
import os
import socket
import tarfile
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import docker
import requests
from docker.errors import APIError, ImageNotFound, NotFound
from docker.types import IPAMConfig, IPAMPool, LogConfig, Mount

from bot.projects import hardening
from bot.projects.observed import EngineInfo, Seen
from bot.projects.sdk.connection import connect, label_filter

HEALTH_EVERY = 30 * 10**9  # nanoseconds


class Sdk:
    """Connects when it is first needed: DOCKER_HOST, else the local socket."""

    def __init__(self) -> None:
        self._known: docker.DockerClient | None = None
        self._lock = threading.Lock()
        self._networks = threading.Lock()
        self._answered = threading.local()  # .response: the latest answer that this thread was given

    def close(self) -> None:
        if self._known is not None:
            self._known.close()

    def _client(self) -> docker.DockerClient:
        with self._lock:
            if self._known is None:
                self._known = connect()
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

    def read_files(self, image: str, path: str, labels: Mapping[str, str]) -> Mapping[str, str]:
        api = self._client().api
        made = api.create_container(image, command=["-"], network_disabled=True, labels=dict(labels))["Id"]
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
        found = api.containers(all=True, filters={"label": label_filter(labels)})
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
        with self._networks:  # the engine lets two have one name, and then neither can be used
            self._ensure_network(name, labels, internal, subnet)

    def _ensure_network(self, name: str, labels: Mapping[str, str], internal: bool, subnet: str) -> None:
        api = self._client().api
        if any(each["Name"] == name for each in api.networks(names=[name])):
            return
        options = {"com.docker.network.bridge.enable_icc": "true" if internal else "false"}
        try:
            api.create_network(
                name,
                driver="bridge",
                check_duplicate=True,
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
        found = self._client().api.volumes(filters={"label": label_filter(labels)})
        return sorted(each["Name"] for each in found["Volumes"] or ())

    def networks(self, labels: Mapping[str, str]) -> Sequence[str]:
        return sorted(each["Name"] for each in self._client().api.networks(filters={"label": label_filter(labels)}))


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
