import re
from pathlib import Path

import pytest

from bot import reference
from bot.settings import load
from bot.settings.complaints import all_keys, field_names
from bot.settings.hooks import HookSettings
from bot.settings.model import AgentSettings, Settings
from bot.settings.transports import MatrixAccountSettings

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "requirements/README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]


def test_no_reference_page_is_stale() -> None:
    stale = [path.name for path, text in reference.pages().items() if path.read_text(encoding="utf-8") != text]
    assert stale == [], "run script/docs"


def test_every_setting_is_documented_with_its_default() -> None:
    page = reference.settings_page()
    keys = [".".join(keys) for keys in all_keys(Settings) if keys[-1] not in ("agents", "accounts", "hooks")]
    keys += [f"transports.matrix.accounts.<name>.{key}" for key in field_names(MatrixAccountSettings)]
    keys += [f"hooks.<name>.{key}" for key in field_names(HookSettings)]
    keys += [f"agents.<name>.{key}" for key in field_names(AgentSettings)]
    assert re.findall(r"^### `(.+)`$", page, re.MULTILINE) == keys
    assert page.count("\n- Default: ") == len(keys)
    assert "None" not in page


def test_stale_pages_are_named_and_then_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "docs/reference"
    folder.mkdir(parents=True)
    monkeypatch.setattr(reference, "FOLDER", folder)
    assert reference.main(["--check"]) == 1
    assert "docs/reference/settings.md is stale" in capsys.readouterr().out
    assert list(folder.iterdir()) == []
    assert reference.main([]) == 0
    assert reference.main(["--check"]) == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_can_be_reached_from_the_index() -> None:
    index = ROOT / "docs/index.md"
    linked = {(index.parent / link).resolve() for link in re.findall(r"\]\(([^)#\s]+\.md)", index.read_text("utf-8"))}
    pages = {path for path in PAGES if path.is_relative_to(ROOT / "docs") and path != index}
    assert {str(path.relative_to(ROOT)) for path in pages - linked} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_settings_in_examples_are_real(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for example in re.findall(r"^```toml\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        text = example if example.lstrip().startswith("[") else f'[agents.x]\nbackend = "demo"\n{example}'
        Path("bot.toml").write_text(text)
        load(None, {})


def test_locks_name_no_index() -> None:
    for lock in (ROOT / "requirements").glob("*.lock"):
        assert "://" not in lock.read_text(encoding="utf-8"), lock.name


def test_the_two_locks_agree() -> None:
    run, dev = (
        set(re.findall(r"^(\S+==\S+)", (ROOT / "requirements" / name).read_text(encoding="utf-8"), re.MULTILINE))
        for name in ("run.lock", "dev.lock")
    )
    assert run
    assert run - dev == set(), "script/bootstrap takes an environment made from dev.lock for one made from run.lock"


def test_every_invariant_names_tests_that_exist() -> None:
    page = (ROOT / "docs/reference/invariants.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/\S+\.py)::(test_\w+)`", page)
    missing = [f"{file}::{test}" for file, test in named if f"def {test}(" not in (ROOT / file).read_text("utf-8")]
    assert missing == []
    for promise in range(1, 11):
        assert re.search(rf"^\| P{promise} \|.*`tests/", page, re.MULTILINE), f"P{promise}"
