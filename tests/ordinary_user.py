"""An interpreter for a bot that is not root, where the tests' own is hidden from other users."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def python_for(uid: int, place: Path) -> tuple[str, dict[str, str]]:
    """An interpreter that this user may execute, with the packages of the tests' own: copied where they are hidden."""
    packages = Path(sysconfig.get_path("purelib"))
    if found := _usable(uid, ROOT, packages):
        return found
    tree = place / "readable"
    for name in ("bot", "transports", "dispatcher"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(packages, tree / "packages", ignore=shutil.ignore_patterns("__pycache__", "ruff*", "mypy*"))
    place.chmod(0o755)
    if found := _usable(uid, tree, tree / "packages"):
        return found
    words = "no Python of this version that an ordinary user may execute; install python3 for all users"
    if os.environ.get("CI") == "true":
        pytest.fail(words)
    pytest.skip(words)


def _usable(uid: int, tree: Path, packages: Path) -> tuple[str, dict[str, str]] | None:
    env = {"PYTHONPATH": f"{tree}:{packages}", "PYTHONDONTWRITEBYTECODE": "1"}
    check = "import bot.app, sys; sys.exit(sys.version_info[:2] != " + str(sys.version_info[:2]) + ")"
    for python in (sys.executable, "/usr/bin/python3"):
        with contextlib.suppress(OSError):
            ended = subprocess.run(
                [python, "-c", check],
                user=uid,
                group=uid,
                extra_groups=[],
                cwd="/",
                env={"PATH": os.environ["PATH"], **env},
                capture_output=True,
            )
            if ended.returncode == 0:
                return python, env
    return None
