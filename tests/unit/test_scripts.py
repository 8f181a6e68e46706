"""The scripts, as far as they go without installing anything."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "script").iterdir())
TOOLS = ("sh", "dirname", "cat", "cksum", "grep", "rm", "mkdir", "sleep", "flock")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The parts of a checkout that script/bootstrap reads, below a path with a space."""
    root = tmp_path / "a checkout"
    for name in ("script", "requirements"):
        shutil.copytree(ROOT / name, root / name)
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A PATH without any Python, uv or pip."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        if found := shutil.which(tool):
            (folder / tool).symlink_to(found)
    return folder


def bootstrap(checkout: Path, path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": str(path), "HOME": str(checkout.parent), "CDPATH": str(checkout.parent)}
    return subprocess.run(
        ["a checkout/script/bootstrap", *arguments],
        cwd=checkout.parent, env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip


def checksum(file: Path) -> str:
    return subprocess.run(["cksum"], input=file.read_bytes(), capture_output=True, check=True).stdout.decode().strip()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_they_are_short_posix_programs(script: Path) -> None:
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/bin/sh\n# ")
    subprocess.run(["sh", "-n", script], check=True)


def test_without_python_one_line_says_what_to_install(checkout: Path, path: Path) -> None:
    result = bootstrap(checkout, path)
    setting_up, advice = result.stderr.splitlines()
    assert result.returncode == 1
    assert setting_up == "Setting up the environment (once)…"
    assert "Python 3.11 or newer is needed" in advice
    assert "apt install python3 python3-venv" in advice


def test_an_old_python_is_not_taken(checkout: Path, path: Path) -> None:
    (path / "python3").write_text("#!/bin/sh\nexit 1\n")
    (path / "python3").chmod(0o755)
    assert "Python 3.11 or newer is needed" in bootstrap(checkout, path).stderr


def test_what_is_set_up_already_is_left_alone(checkout: Path, path: Path) -> None:
    (checkout / ".venv/bin").mkdir(parents=True)
    (checkout / ".venv/bin/python").symlink_to("/bin/true")
    sums = [checksum(checkout / name) for name in ("requirements/run.lock", "pyproject.toml")]
    (checkout / ".venv/stamp-run").write_text(f"{checkout.resolve()} {' '.join(sums)}\n")
    result = bootstrap(checkout, path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_a_lock_that_is_not_there(checkout: Path, path: Path) -> None:
    result = bootstrap(checkout, path, "nonsense")
    assert (result.returncode, result.stderr) == (2, "script/bootstrap: there is no requirements/nonsense.lock\n")
