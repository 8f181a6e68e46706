"""What projects need: the engine, a base image, an ssh client, and the Include line of the ssh configuration."""

from __future__ import annotations

import shutil
from pathlib import Path

from bot.checks.base import Check
from bot.commands import projectwords
from bot.errors import UserError
from bot.projects import sshconfig
from bot.projects.engine import Engine
from bot.projects.images import ROOTFS, UPSTREAM
from bot.settings import Settings

# Nobody needs an engine who has no projects, so what is missing improves and does not break.


async def check(settings: Settings) -> list[Check]:
    engine = Engine()
    try:
        return [await _engine(engine), await _base(engine, settings), _identity(settings), _ssh(), _include(settings)]
    finally:
        await engine.close()


async def _engine(engine: Engine) -> Check:
    try:
        info = await engine.info()
    except UserError as exc:
        return Check("docker", True, f"no projects: {exc}", "systemctl start docker")
    memory = projectwords.size(info.memory)
    return Check(
        "docker", True, f"engine {info.version}, {info.cpus} processors, {memory}, cgroup v{info.cgroup or '1'}"
    )


async def _base(engine: Engine, settings: Settings) -> Check:
    wanted = settings.docker.base_image
    try:
        for image in (wanted,) if wanted else (ROOTFS, UPSTREAM):
            if await engine.image_id(image) is not None:
                return Check("base image", True, image)
    except UserError:
        return Check("base image", True, "not known: the engine does not answer")
    return Check("base image", True, "none yet; the first project fetches one", "tugbot stacks base")


def _identity(settings: Settings) -> Check:
    found = settings.project_settings().identity
    if found is None:
        fix = 'git_name = "Your Name" and git_email = "you@example.org" under [projects] in bot.toml'
        return Check("git identity", True, "none: projects cannot be made", fix)
    return Check("git identity", True, f"{found.name} <{found.email}>")


def _ssh() -> Check:
    found = shutil.which("ssh")
    return Check(
        "ssh", True, found or "no client: projects cannot be made", "" if found else "apt install openssh-client"
    )


def _include(settings: Settings) -> Check:
    name, generated = "ssh names", settings.data_dir / "ssh" / "config"
    if sshconfig.is_set_up(Path.home() / ".ssh" / "config", generated):
        return Check(name, True, "~/.ssh/config includes the projects")
    some = sshconfig.has_projects(generated)
    return Check(name, not some, "`ssh tug-<project>` is not known to ssh and editors yet", "tugbot ssh setup")
