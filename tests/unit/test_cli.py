import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner, Result

from bot.cli import one_line, tugbot
from bot.errors import OperatorError, UserError
from bot.options import RunOptions
from bot.secrets import Secrets

HEAVY = {
    "pydantic",
    "pydantic_settings",
    "sqlalchemy",
    "sqlmodel",
    "alembic",
    "acp",
    "prompt_toolkit",
    "rich",
    "asyncio",
}


class Astray(UserError):
    """There is no harbour
    here. Name another."""


class Leaking(OperatorError):
    """The hull leaks at {place}."""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUGBOT_DATA_DIR", str(tmp_path / "data"))
    mask = os.umask(0o022)
    yield
    os.umask(mask)


class App(ModuleType):
    """Stands in for bot.app: remembers what it was asked, and answers as told."""

    def __init__(self, answer: int | Exception = 0) -> None:
        super().__init__("bot.app")
        self.answer = answer
        self.asked: list[tuple[str, RunOptions]] = []

    def run(self, options: RunOptions) -> int:
        return self._do("run", options)

    def migrate(self, options: RunOptions) -> int:
        return self._do("migrate", options)

    def _do(self, what: str, options: RunOptions) -> int:
        self.asked.append((what, options))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def use(app: App, monkeypatch: pytest.MonkeyPatch) -> App:
    monkeypatch.setitem(sys.modules, "bot.app", app)
    monkeypatch.setattr("bot.app", app, raising=False)
    return app


def invoke(*arguments: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(tugbot, arguments, input=stdin, prog_name="tugbot")


# ---------------------------------------------------------------- run, migrate, version


def test_run_hands_its_options_on(monkeypatch: pytest.MonkeyPatch) -> None:
    app = use(App(1), monkeypatch)
    where = ["--config", "c.toml", "--data", "d"]
    assert invoke("run", *where, "--agent", "demo", "--transport", "console", "--input", "jsonl").exit_code == 1
    assert app.asked == [("run", RunOptions(Path("c.toml"), Path("d"), "demo", ("console",), "jsonl"))]


def test_run_and_migrate_without_options(monkeypatch: pytest.MonkeyPatch) -> None:
    app = use(App(), monkeypatch)
    assert invoke("run").exit_code == invoke("migrate").exit_code == 0
    assert app.asked == [("run", RunOptions()), ("migrate", RunOptions())]


def test_only_what_was_given_overrides_settings() -> None:
    assert RunOptions().overrides() == {}
    assert RunOptions(data=Path("d"), agent="demo").overrides() == {"data_dir": Path("d"), "default_agent": "demo"}


def test_what_it_writes_is_its_owners_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def write(_options: RunOptions) -> int:
        (tmp_path / "made").touch()
        return 0

    monkeypatch.setattr(use(App(), monkeypatch), "run", write)
    invoke("run")
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "arguments", [["run", "--transport", "pigeon"], ["run", "--input", "xml"], ["rum"], ["run", "x"]]
)
def test_misuse_is_told_on_stderr(arguments: list[str]) -> None:
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error: " in result.stderr or "There is no transport pigeon" in result.stderr


def test_version_both_ways() -> None:
    assert invoke("version").output == invoke("--version").output
    assert invoke("version").output.startswith("tugbot 0.")


def test_version_imports_nothing_heavy() -> None:
    code = "import sys; from bot.cli import tugbot; tugbot(['version'], standalone_mode=False); print(*sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert HEAVY & set(output.split()) == set()


# ---------------------------------------------------------------- errors


def test_a_users_error_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    use(App(Astray()), monkeypatch)
    result = invoke("run")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "tugbot: There is no harbour here. Name another.\n"


def test_an_operators_error_names_its_place_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    use(App(Leaking(place="the stern")), monkeypatch)
    with caplog.at_level(logging.ERROR):
        result = invoke("run")
    assert result.exit_code == 70
    (record,) = caplog.records
    reference = record.getMessage().removeprefix("fault ")
    assert result.stderr.startswith("tugbot: The hull leaks at the stern. ")
    assert f"under {reference}." in result.stderr
    assert record.exc_info is not None


def test_messages_cannot_rewrite_the_terminal() -> None:
    assert one_line("a\n b\x1b[2J\u202e") == "a b�[2J�"


# ---------------------------------------------------------------- secrets


def test_a_secret_is_read_from_standard_input(tmp_path: Path) -> None:
    result = invoke("secrets", "set", "KEY", "--agent", "mine", stdin="hunter2\n")
    assert result.output.startswith("Stored KEY for agent mine.")
    assert Secrets(tmp_path / "data").read("mine") == {"KEY": "hunter2"}
    assert "hunter2" not in result.output


def test_a_secret_nobody_asks_for_is_pointed_out() -> None:
    assert 'add env = ["KEY"] to [agents.<name>]' in invoke("secrets", "set", "KEY", stdin="x").output
    assert 'add env = ["KEY"] to [agents.mine]' not in invoke("secrets", "set", "KEY", stdin="x").output
    Path("bot.toml").write_text('[agents.mine]\nbackend = "demo"\nenv = ["KEY"]')
    assert invoke("secrets", "set", "KEY", stdin="x").output == "Stored KEY for all agents that ask for it.\n"
    assert (
        'add env = ["OTHER"] to [agents.mine]' in invoke("secrets", "set", "OTHER", "--agent", "mine", stdin="x").output
    )


@pytest.mark.parametrize("arguments", [["KEY", "hunter2"], ["KEY=hunter2"], ["KEY", "=", "hunter2"]])
def test_a_value_in_an_argument_is_refused_unrepeated(arguments: list[str], tmp_path: Path) -> None:
    result = invoke("secrets", "set", *arguments, stdin="x")
    assert result.exit_code == 2
    assert "never taken from the command line" in result.stderr
    assert "hunter2" not in result.output + result.stderr
    assert not (tmp_path / "data").exists()


def test_a_value_that_is_no_text() -> None:
    result = invoke("secrets", "set", "KEY", stdin=b"\xff\xfe")
    assert (result.exit_code, result.stderr) == (
        2,
        "tugbot: The value could not be read from standard input: it is not UTF-8 text.\n",
    )


def test_secrets_are_listed_by_name_and_forgotten() -> None:
    assert invoke("secrets", "list").stderr.startswith("No secrets are stored.")
    invoke("secrets", "set", "KEY", stdin="hunter2")
    invoke("secrets", "set", "TOKEN", "--agent", "mine", stdin="hunter2")
    assert invoke("secrets", "list").output == "bot: KEY\nmine: TOKEN\n"
    assert invoke("secrets", "unset", "KEY").exit_code == 0
    assert invoke("secrets", "list").output == "mine: TOKEN\n"
    assert invoke("secrets", "unset", "KEY").exit_code == 2


def test_the_prompt_does_not_show_what_is_typed(tmp_path: Path) -> None:
    leader, follower = os.openpty()
    code = "from bot.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "secrets", "set", "KEY"],
        stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
    ) as child:  # fmt: skip
        os.close(follower)
        shown = b""
        while b"not shown" not in shown:
            shown += os.read(leader, 1000)
        os.write(leader, b"hunter2\n")
        while b"Stored KEY" not in shown:
            shown += os.read(leader, 1000)
        assert child.wait(10) == 0
    os.close(leader)
    assert b"hunter2" not in shown
    assert json.loads((tmp_path / "data/secrets/bot.json").read_text()) == {"KEY": "hunter2"}


# ---------------------------------------------------------------- token


def test_a_token_is_printed_once_and_alone(tmp_path: Path) -> None:
    made = CliRunner().invoke(tugbot, ["token", "create", "ci", "--role", "operator", "--days", "30"])
    assert made.exit_code == 0, made.output
    token = made.stdout.strip()
    assert token.startswith("tug_")
    assert made.stdout == f"{token}\n"
    assert "Token ci with the role operator, for 30 days" in made.stderr
    listed = CliRunner().invoke(tugbot, ["token", "list"])
    assert listed.stdout.startswith("ci: operator, made 0 s ago, never used, ends in ")
    assert token not in listed.output + "".join(path.read_text() for path in (tmp_path / "data/access").iterdir())
    again = CliRunner().invoke(tugbot, ["token", "create", "ci", "--role", "owner"])
    assert (again.exit_code, "There is a token ci already" in again.output) == (2, True)
    assert "nobody's any more" in CliRunner().invoke(tugbot, ["token", "revoke", "ci"]).output
    assert CliRunner().invoke(tugbot, ["token", "revoke", "ci"]).exit_code == 2
    assert "There are no tokens" in CliRunner().invoke(tugbot, ["token", "list"]).stderr


@pytest.mark.parametrize(
    "arguments",
    [["ci"], ["ci", "--role", "guest"], ["CI", "--role", "member"], ["ci", "--role", "member", "--days", "0"]],
)
def test_a_token_that_cannot_be(tmp_path: Path, arguments: list[str]) -> None:
    came = CliRunner().invoke(tugbot, ["token", "create", *arguments])
    assert (came.exit_code, came.stdout) == (2, "")
    assert not (tmp_path / "data/access/tokens.json").exists()


def test_tokens_where_nothing_can_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    (folder / "access").write_text("")
    came = CliRunner().invoke(tugbot, ["token", "create", "ci", "--role", "member"])
    assert (came.exit_code, came.stdout) == (2, "")
    assert "Nothing was changed" in came.output
