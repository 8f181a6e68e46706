"""`new project` and resume beside the same chain by hand and beside `devcontainer up`; agents in containers.

Needs what the integration tests need (root, an engine, a base image). `devcontainer` is measured where DEVCONTAINER
names the program (npm: @devcontainers/cli). It does less and other things: it makes no key and no sshd, clones nothing,
sets no limits; it reads image metadata and patches the environment. So its figures stand beside, not against.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks.table import Figure
from bot.agents.base import Launcher, Spawn
from bot.agents.containment import BubblewrapLauncher
from bot.projects.launcher import RunLauncher
from bot.projects.model import Owner, Project
from bot.projects.provisioner import Provisioner
from bot.projects.upkeep import Upkeep
from bot.projects.workshop import Workshop
from tests import docker_world
from tests.docker_world import ROOT, SERVER, Told, docker, order, workshop

TRIES = 5
FILES = {f"file{number}.txt": "one line\n" for number in range(50)}
HARDENED = (
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit", "1024"),
    *("--memory", "2g", "--cpus", "2", "--read-only", "--tmpfs", "/tmp:exec,mode=1777", "-u", "1000:1000"),
)


def measure() -> list[Figure]:
    if lack := docker_world.missing():
        print(f"projects: not measured, {lack}")
        return []
    with tempfile.TemporaryDirectory(prefix="tugbot-bench-") as name:
        place = Path(name)
        place.chmod(0o755)
        return asyncio.run(_measured(place))


async def _measured(place: Path) -> list[Figure]:
    ca = docker_world.authority(ROOT / ".cache" / "test-authority")
    shop = workshop(place, (ca.ca,))
    image = await shop.images.project((), Owner(1000, 1000), lambda line: None)
    network = await shop.network()
    server = place / "server"
    server.mkdir()
    for path in (ca.certificate, ca.key):
        shutil.copy(path, server / path.name)
    # A copy of our own: git refuses repositories that belong to others.
    bare = Path(shutil.copytree(docker_world.repository(server, "small", FILES), place / "small.git"))
    served = docker_world.Authority(ca.ca, server / ca.certificate.name, server / ca.key.name)
    try:
        with docker_world.git_server(server, served, image, network):
            return [*await _chains(shop, place, image, network, bare), *await _agents(shop, place)]
    finally:
        await shop.engine.close()
        docker_world.Projects(place).remove_all()


# ---------------------------------------------------------------- new project


async def _chains(shop: Workshop, place: Path, image: str, network: str, bare: Path) -> list[Figure]:
    """Interleaved, so that all see the same noise."""
    provisioner, url = Provisioner(shop), f"https://{SERVER}:8443/small.git"
    care = Upkeep(shop, provisioner)
    ours, hand, resumes, starts, theirs, their_resumes = ([] for _ in range(6))  # type: ignore[var-annotated]
    for number in range(TRIES):
        begun = time.perf_counter()
        project = await provisioner.create(order(f"p{number}", git_url=url), 1, Told())
        ours.append(time.perf_counter() - begun)
        hand.append(await asyncio.to_thread(_by_hand, place / f"hand{number}", image, network, url))
        await care.stop(project)
        resumes.append(await _timed(lambda: care.start(project)))  # noqa: B023 - awaited here
        starts.append(await asyncio.to_thread(_start_by_hand, place / f"hand{number}"))
        if os.environ.get("DEVCONTAINER"):
            up, again = await asyncio.to_thread(_devcontainer, place / f"dev{number}", image, bare)
            theirs.append(up)
            their_resumes.append(again)
        await provisioner.undo(project)
    found = [
        _figure("new project, small repository, image ready", ours, hand, "the same chain by hand", "≤ 1.25 × by hand"),
        _figure("resume to a pinned login", resumes, starts, "docker start, login", ""),
    ]
    if theirs:
        found.append(_figure("new project", ours, theirs, "git clone on the host and devcontainer up", ""))
        found.append(_figure("resume", resumes, their_resumes, "devcontainer up of a stopped one", ""))
    return found


def _figure(what: str, mine: list[float], other: list[float], beside: str, aim: str) -> Figure:
    return Figure(what, statistics.median(mine) * 1000, "ms", statistics.median(other) * 1000, beside, aim)


async def _timed(work: Callable[[], Awaitable[object]]) -> float:
    begun = time.perf_counter()
    await work()
    return time.perf_counter() - begun


def _by_hand(place: Path, image: str, network: str, url: str) -> float:
    """Clone in a container, two keys, a hardened container with sshd, a login with the pinned key."""
    name = f"tugbot-hand-{place.name}"
    source, keys = place / "source", place / "keys"
    begun = time.perf_counter()
    for directory in (source, keys):
        directory.mkdir(parents=True)
        os.chown(directory, 1000, 1000)
    docker(
        *("run", "--rm", "--network", network, *HARDENED, "-v", f"{source}:/workspace", "-e", "HOME=/tmp"),
        *("--entrypoint", "git", image, "clone", "-q", "--", url, "/workspace"),
    )
    for key in ("client", "ssh_host_ed25519_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / key], check=True)
    shutil.copy(keys / "client.pub", keys / "authorized_keys")
    os.chown(keys / "ssh_host_ed25519_key", 1000, 1000)
    port = 31_000 + secrets.randbelow(900)
    docker(
        *("run", "-d", "--name", name, "--network", network, *HARDENED, "--tmpfs", "/run:uid=1000,gid=1000"),
        *("-p", f"127.0.0.1:{port}:2222", "-v", f"{source}:/workspace", "-v", f"{keys}:/etc/tugbot/keys:ro", image),
    )
    public = (keys / "ssh_host_ed25519_key.pub").read_text().split()
    (keys / "known_hosts").write_text(f"[127.0.0.1]:{port} {public[0]} {public[1]}\n")
    (place / "port").write_text(str(port))
    _login(place)
    return time.perf_counter() - begun


def _login(place: Path) -> None:
    keys, port = place / "keys", (place / "port").read_text()
    options = ("-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={keys / 'known_hosts'}", "-o", "LogLevel=QUIET")
    command = ["ssh", "-F", "/dev/null", *options, "-i", str(keys / "client"), "-p", port, "dev@127.0.0.1", "true"]
    deadline = time.monotonic() + 20
    while subprocess.run(command, capture_output=True).returncode:
        assert time.monotonic() < deadline, "no login"
        time.sleep(0.02)


def _start_by_hand(place: Path) -> float:
    name = f"tugbot-hand-{place.name}"
    docker("stop", name)
    begun = time.perf_counter()
    docker("start", name)
    _login(place)
    seconds = time.perf_counter() - begun
    docker("rm", "-f", name)
    return seconds


def _devcontainer(place: Path, image: str, bare: Path) -> tuple[float, float]:
    """Up from nothing, and up again after a stop."""
    program = os.environ["DEVCONTAINER"]
    label = ("--id-label", f"tugbot.bench={place.name}")
    begun = time.perf_counter()
    subprocess.run(["git", "clone", "-q", str(bare), str(place)], check=True)
    (place / ".devcontainer").mkdir()
    (place / ".devcontainer" / "devcontainer.json").write_text(json.dumps({"name": "x", "image": image}))
    up = [program, "up", "--workspace-folder", str(place), *label]
    subprocess.run(up, check=True, capture_output=True)
    first = time.perf_counter() - begun
    (container,) = docker("ps", "-q", "--filter", f"label=tugbot.bench={place.name}").split()
    docker("stop", container)
    begun = time.perf_counter()
    subprocess.run(up, check=True, capture_output=True)
    second = time.perf_counter() - begun
    docker("rm", "-f", container)
    return first, second


# ---------------------------------------------------------------- agents


async def _agents(shop: Workshop, place: Path) -> list[Figure]:
    provisioner = Provisioner(shop)
    project = await provisioner.create(order("agents"), 1, Told())
    host_place = place / "host"
    host_place.mkdir()
    inside, here, stops, host_stops = ([] for _ in range(4))  # type: ignore[var-annotated]
    for _ in range(TRIES):
        began, ended = await _program(RunLauncher(shop, project, 1), project.source, project)
        inside.append(began)
        stops.append(ended)
        began, ended = await _program(BubblewrapLauncher(()), host_place, project)
        here.append(began)
        host_stops.append(ended)
    await provisioner.undo(project)
    return [
        _figure("an agent's first byte, in a container", inside, here, "in the host's sandbox", ""),
        _figure("stop to verified dead, in a container", stops, host_stops, "in the host's sandbox", ""),
    ]


async def _program(launcher: Launcher, cwd: Path, project: Project) -> tuple[float, float]:
    """Seconds to the first byte of a program with three daemons, and from its kill to the proof."""
    script = "for i in 1 2 3; do setsid sleep 30 & done; echo up; exec sleep 30"
    begun = time.perf_counter()
    process = await launcher.spawn(Spawn(("sh", "-c", script), {"PATH": "/usr/local/bin:/usr/bin:/bin"}, cwd))
    assert await process.stdout.readline() == b"up\n"
    first = time.perf_counter() - begun
    begun = time.perf_counter()
    report = await process.kill()
    assert report.verified
    return first, time.perf_counter() - begun
