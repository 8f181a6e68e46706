"""script/bootstrap and script/run in a fresh checkout. Installs everything: needs an index or a directory of wheels."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("fresh") / "a checkout"
    names = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for name in filter(lambda name: (ROOT / name).is_file(), names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    return root


def script(checkout: Path, name: str, *arguments: str, **environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(checkout / "script" / name), *arguments],
        cwd="/", env={**os.environ, **environ}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_several_first_starts_at_once_and_one_sets_up(checkout: Path) -> None:
    starts = [script(checkout, "bootstrap") for _ in range(3)]
    ends = [(start.communicate(), start.returncode) for start in starts]
    assert [code for _, code in ends] == [0, 0, 0], ends
    assert sorted(errors for (_, errors), _ in ends) == ["", "", "Setting up the environment (once)…\n"]
    command = subprocess.run([checkout / ".venv/bin/tugbot", "version"], capture_output=True, text=True, check=True)
    assert command.stdout.startswith("tugbot ")


def test_without_a_network_it_starts_all_the_same(checkout: Path) -> None:
    with (checkout / "requirements/run.lock").open("a") as lock:
        lock.write(f"not-there==1 --hash=sha256:{'0' * 64}\n")
    run = script(checkout, "run", "--help", PIP_NO_INDEX="1", PIP_FIND_LINKS="")
    output, errors = run.communicate()
    assert run.returncode == 0, errors
    assert output.startswith("Usage: tugbot run")
    assert errors.endswith("script/run: going on with the environment there is.\n")
