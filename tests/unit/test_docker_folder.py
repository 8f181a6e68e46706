"""docker/ holds data. As a package it would stand before the Docker SDK, whose name it has."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_folder_is_no_package_and_holds_no_modules() -> None:
    assert (ROOT / "docker/stacks").is_dir()
    assert [path for path in (ROOT / "docker").rglob("*") if path.suffix in (".py", ".pyi", ".pyc")] == []


@pytest.mark.parametrize("start", [("-c", "{}"), ("-m", "timeit", "-n1", "-r1", "{}")], ids=["-c", "-m"])
def test_docker_is_the_sdk_even_from_the_repositorys_own_folder(start: tuple[str, ...]) -> None:
    code = f"import docker; assert docker.DockerClient; assert {str(ROOT / 'docker')!r} not in list(docker.__path__)"
    argv = [sys.executable, *(word.format(code) for word in start)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_docker_is_the_sdk_here() -> None:
    found = importlib.util.find_spec("docker")
    assert found is not None
    assert found.origin is not None, "a folder without __init__.py was found instead of the SDK"
    assert not Path(found.origin).is_relative_to(ROOT / "docker")


def test_a_wheel_has_it_below_the_bot_and_never_beside_the_sdk() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert "docker" not in wheel["packages"]
    assert wheel["force-include"]["docker"] == "bot/_data/docker"


def test_one_package_imports_the_sdk() -> None:
    importers = {
        path.relative_to(ROOT).parent.as_posix()
        for path in (ROOT / "bot").rglob("*.py")
        if re.search(r"^\s*(?:import docker\b|from docker\b)", path.read_text(), re.MULTILINE)
    }
    assert importers == {"bot/projects/sdk"}
