"""`egress = "allow-list"`: agents reach the allowed hosts through a proxy, and nothing else, not even a name server.

Enforced from outside: the agent's container has one network, which leads nowhere but to the proxy. facts/containers.md,
"Egress allow-list from outside".
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.projects import hardening
from bot.projects.contained import launch
from bot.projects.errors import EngineRefused, NotReady
from bot.projects.model import Owner, Project, Resources
from bot.projects.workshop import Workshop

PORT = 8888
CONFIG, FILTER = "/tmp/proxy/tinyproxy.conf", "/tmp/proxy/filter"
NOBODY = Owner(65534, 65534)
NOTHING = "^$a"  # matches no name
PATIENCE = 15.0  # seconds for the proxy to start
NO_NAMES = ("127.0.0.1",)  # as the name server: nothing listens there, so only containers' names are known
# Networks of 16 addresses in here: Docker's own pools end at about thirty networks.
FIRST, COUNT = (10, 213), 4096


@dataclass(frozen=True, slots=True)
class Way:
    """What an agent's container is connected to."""

    network: str
    env: dict[str, str]
    dns: tuple[str, ...]


async def way(shop: Workshop, project: Project) -> Way:
    """Make the proxy's network and container where they are not there. Raises NotReady, EngineRefused …"""
    name = f"tugbot-{shop.install}-{project.id}"
    async with shop.alone(f"egress/{project.name}"):
        await _network(shop, project, name)
        seen = await shop.engine.see(f"{name}-proxy")
        if seen is None or not seen.running:
            if seen is not None:
                await shop.engine.remove(seen.id)
            await _proxy(shop, project, name)
    address = f"http://{name}-proxy:{PORT}"
    names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
    own = {"no_proxy": "localhost,127.0.0.1", "NO_PROXY": "localhost,127.0.0.1"}
    return Way(name, {**dict.fromkeys(names, address), **own}, NO_NAMES)


async def _network(shop: Workshop, project: Project, name: str) -> None:
    labels = shop.labels(project)
    for attempt in range(20):
        subnet = subnet_of((project.id + attempt * 257) % COUNT)
        try:
            await shop.engine.ensure_network(name, labels, internal=True, subnet=subnet)
        except EngineRefused as exc:
            if "overlap" not in str(exc).lower():
                raise
        else:
            return
    raise NotReady(name=project.name, reason="no free network was found for its proxy")


def subnet_of(number: int) -> str:
    """The one of this number among the networks of 16 addresses."""
    return f"{FIRST[0]}.{FIRST[1]}.{number // 16}.{number % 16 * 16}/28"


async def _proxy(shop: Workshop, project: Project, name: str) -> None:
    image = await shop.images.proxy(lambda line: None)
    bridge = await shop.network()
    container = hardening.Container(
        name=f"{name}-proxy",
        image=image,
        owner=NOBODY,
        resources=Resources(cpus=1.0, memory=256 << 20),
        labels={**shop.labels(project), hardening.ROLE: "proxy"},
        entrypoint=hardening.ENTER,
        command=(),
        workdir="/",
        network=bridge,
        stdin=True,
    )
    files = {CONFIG: configuration().encode(), FILTER: filters(shop.settings.egress_allow).encode()}
    process = await launch(shop.engine, container, ("tinyproxy", "-d", "-c", CONFIG), {}, cwd="/", files=files)
    try:
        await shop.engine.connect(name, container.name)
        async with asyncio.timeout(PATIENCE):
            while b"Accepting connections" not in (line := await process.stdout.readline()):
                if not line:
                    raise NotReady(name=project.name, reason=f"its proxy did not start: {process.stderr_tail[-200:]}")
    except BaseException:
        await asyncio.shield(asyncio.ensure_future(process.kill()))
        raise
    process.let_go()


def configuration() -> str:
    """tinyproxy.conf(5). Everything is denied but what the filter names; a tunnel leads to port 443 alone."""
    return (
        f'Port {PORT}\nTimeout 600\nMaxClients 100\nLogLevel Info\nFilter "{FILTER}"\nFilterType ere\n'
        "FilterDefaultDeny Yes\nFilterCaseSensitive Off\nConnectPort 443\nDisableViaHeader Yes\n"
    )


def filters(hosts: Sequence[str]) -> str:
    """One extended regular expression a line, each for a host and everything below it; none allows nothing."""
    lines = [rf"(^|\.){re.escape(host.lower())}$" for host in hosts]
    return "".join(f"{line}\n" for line in lines or [NOTHING])
