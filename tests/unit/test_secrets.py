from collections.abc import Callable
from pathlib import Path

import pytest

from bot.secrets import (
    SecretMissing,
    SecretNameInvalid,
    Secrets,
    SecretScopeInvalid,
    SecretsUnreadable,
    SecretValueInvalid,
)


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    return Secrets(tmp_path)


def test_what_was_set_is_read_back_whatever_it_holds(secrets: Secrets) -> None:
    value = 'two\nlines "quoted" ✔ \x1b \udc80'
    secrets.set("bot", "KEY", value)
    assert secrets.read("bot") == {"KEY": value}


def test_files_are_private(secrets: Secrets, tmp_path: Path) -> None:
    secrets.set("mine", "KEY", "x")
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").iterdir()}
    assert modes == {"mine.json": 0o600, "lock": 0o600}
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


def test_names_are_listed_without_values(secrets: Secrets) -> None:
    secrets.set("mine", "B", "1")
    secrets.set("mine", "A", "2")
    secrets.set("bot", "C", "3")
    secrets.set("gone", "D", "4")
    secrets.unset("gone", "D")
    assert secrets.names() == {"bot": ("C",), "mine": ("A", "B")}


def test_an_agent_gets_the_bots_and_its_own_over_them(secrets: Secrets) -> None:
    secrets.set("bot", "A", "bot")
    secrets.set("bot", "B", "bot")
    secrets.set("mine", "B", "mine")
    secrets.set("other", "C", "other")
    assert secrets.for_agent("mine") == {"A": "bot", "B": "mine"}


def test_looking_makes_no_files(secrets: Secrets, tmp_path: Path) -> None:
    assert secrets.names() == {}
    assert secrets.for_agent("mine") == {}
    assert list(tmp_path.iterdir()) == []


def test_forgetting_what_is_not_there(secrets: Secrets) -> None:
    with pytest.raises(SecretMissing, match="no secret KEY for mine"):
        secrets.unset("mine", "KEY")


@pytest.mark.parametrize("name", ["", "key", "1KEY", "KEY-1", "KEY=hunter2", "KEY\n", "ΚEY", "A" * 129])
def test_bad_names_are_refused_unrepeated(secrets: Secrets, name: str) -> None:
    with pytest.raises(SecretNameInvalid) as caught:
        secrets.set("bot", name, "x")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("scope", ["", "../bot", "a/b", "Bot", ".", "a.json", "bot\n"])
def test_bad_scopes_never_become_paths(secrets: Secrets, scope: str) -> None:
    with pytest.raises(SecretScopeInvalid):
        secrets.set(scope, "KEY", "x")
    with pytest.raises(SecretScopeInvalid):
        secrets.read(scope)


@pytest.mark.parametrize("value", ["", "a\0b", "x" * 64_001])
def test_values_that_no_variable_can_hold(secrets: Secrets, value: str) -> None:
    with pytest.raises(SecretValueInvalid):
        secrets.set("bot", "KEY", value)
    assert secrets.names() == {}


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda path: path.chmod(0o644), "mode 0644"),
        (lambda path: path.write_text('{"KEY": "hunter2'), "damaged"),
        (lambda path: path.write_text('["hunter2"]'), "something else"),
    ],
)
def test_files_that_cannot_be_trusted_are_refused(
    secrets: Secrets, tmp_path: Path, spoil: Callable[[Path], object], told: str
) -> None:
    secrets.set("bot", "KEY", "hunter2")
    spoil(tmp_path / "secrets/bot.json")
    with pytest.raises(SecretsUnreadable, match=told) as caught:
        secrets.read("bot")
    assert "hunter2" not in str(caught.value)


def test_a_refused_change_leaves_the_file_as_it_was(
    secrets: Secrets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets.set("bot", "KEY", "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bot.secrets.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        secrets.set("bot", "KEY", "new")
    assert secrets.read("bot") == {"KEY": "old"}
    assert {path.name for path in (tmp_path / "secrets").iterdir()} == {"bot.json", "lock"}
