"""`tugbot init`: what it asks, shows and writes, and that it writes nothing that does not work."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.checks import containment
from bot.checks.base import Check
from bot.cli import tugbot
from bot.cli_init import asking, matrix, slack, wizard
from bot.settings import load

TEMPLATE = Path(__file__).parents[2] / "bot.toml"


@pytest.fixture(autouse=True)
def _place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def held(_data: Path) -> Check:
        return Check(containment.NAME, True, "held")

    (tmp_path / "bin").mkdir()
    for name, value in {"HOME": str(tmp_path), "PATH": str(tmp_path / "bin")}.items():
        monkeypatch.setenv(name, value)
    for name in ("ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(containment, "check", held)


def install(name: str) -> None:
    program = Path("bin") / name
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)


def init(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(tugbot, ["init", *arguments], input=stdin, prog_name="tugbot")


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits there, and types what `stdin` says."""
    monkeypatch.setattr(asking, "somebody", lambda: True)


def written() -> dict[str, object]:
    return tomllib.loads(Path("bot.toml").read_text())


def test_without_a_person_it_says_which_options_there_are() -> None:
    for arguments in ((), ("--agent", "demo")):
        result = init(*arguments)
        assert result.exit_code == 2
        assert "--yes" in result.stderr
        assert "--agent" in result.stderr
    assert not Path("bot.toml").exists()


def test_all_defaults() -> None:
    result = init("--yes")
    assert result.exit_code == 0, result.output
    assert written() == {"default_agent": "auto", "projects": {"root": "~/tugbot"}}
    assert Path("bot.toml").read_text().startswith("# Tugbot's settings")
    assert result.stdout.index('default_agent = "auto"') < result.stdout.index("Written to bot.toml")
    assert result.stdout.index("All is well.") < result.stdout.index("Next: `tugbot run`")
    load(None, {})


def test_every_question_has_a_default(person: None) -> None:
    result = init(stdin="\n\n\n\n")
    assert result.exit_code == 0, result.output
    assert written() == {"default_agent": "auto", "projects": {"root": "~/tugbot"}}


def test_what_a_person_answers_is_written(person: None, monkeypatch: pytest.MonkeyPatch) -> None:
    install("claude")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-abcdefghijklmnopqrstuvwxyz")
    result = init(stdin="claude\n~/src\nnone\ny\n")
    assert result.exit_code == 0, result.output
    assert "claude: " in result.stderr
    assert written() == {
        "default_agent": "claude",
        "projects": {"root": "~/src"},
        "agents": {
            "claude": {
                "backend": "claude", "command": ["claude"], "env": ["ANTHROPIC_API_KEY"],
                "paths": ["~/.claude", "~/.claude.json"],
            },
        },
    }  # fmt: skip
    assert "abcdefghij" not in result.output + Path("bot.toml").read_text()
    assert load(None, {}).default_agent == "claude"


def test_a_person_who_declines_gets_nothing(person: None) -> None:
    result = init(stdin="\n\nmatrix\nn\n")
    assert (result.exit_code, Path("bot.toml").exists()) == (0, False)
    assert result.stdout.endswith("Nothing was written.\n")


def test_comments_stay_and_the_change_alone_is_shown() -> None:
    Path("bot.toml").write_text(TEMPLATE.read_text())
    result = init("--yes", "--agent", "demo", "--projects", "/srv/src")
    assert result.exit_code == 0, result.output
    assert '-default_agent = "auto"\n+default_agent = "demo"' in result.stdout
    assert "max_runs" not in result.stdout.split("Written to")[0]
    expected = TEMPLATE.read_text().replace('default_agent = "auto"', 'default_agent = "demo"')
    assert Path("bot.toml").read_text() == expected.replace('root = "~/tugbot"', 'root = "/srv/src"')
    again = init("--yes")
    assert "bot.toml holds that already." in again.stdout


def test_an_agent_that_is_not_there_is_refused() -> None:
    result = init("--yes", "--agent", "claude")
    assert (result.exit_code, Path("bot.toml").exists()) == (2, False)
    assert "There are: demo, auto." in result.stderr


def test_an_agent_of_the_settings_needs_no_other_table() -> None:
    Path("bot.toml").write_text('[agents.mine]\nbackend = "command"\ncommand = ["true"]\n')
    result = init("--yes", "--agent", "mine")
    assert result.exit_code == 0, result.output
    assert load(None, {}).default_agent == "mine"


def test_networks_are_signed_in_to_by_their_own_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    monkeypatch.setattr(matrix, "set_up", lambda *arguments, **more: calls.append((*arguments[1:], more)))
    monkeypatch.setattr(slack, "set_up", lambda *arguments, **more: calls.append((*arguments[1:], more)))
    given = ("--homeserver", "example.org", "--user", "tugbot", "--http", "https://x.org")
    result = init("--yes", "--transport", "matrix", "--transport", "slack", "--transport", "console", *given)
    assert result.exit_code == 0, result.output
    assert calls == [
        ("example.org", "tugbot", "", {"by_token": False, "yes": True}),
        ("https://x.org", {"yes": True}),
    ]


def test_what_nobody_can_be_asked_for_is_said_before_anything_is_written() -> None:
    result = init("--yes", "--transport", "matrix")
    assert (result.exit_code, Path("bot.toml").exists()) == (2, False)
    assert matrix.OPTIONS in result.stderr
    assert "irc" in init("--yes", "--transport", "irc").stderr


def test_another_file_is_said_again_in_what_comes_next() -> None:
    result = init("--yes", "--config", "mine.toml")
    assert result.exit_code == 0, result.output
    assert "tugbot run --config mine.toml" in result.stdout
    assert not Path("bot.toml").exists()


def test_options_before_a_networks_name_are_refused() -> None:
    result = init("--yes", "slack")
    assert result.exit_code == 2
    assert "behind the name" in result.output


def test_a_file_that_is_no_toml_is_left_alone() -> None:
    Path("bot.toml").write_text("[broken")
    assert init("--yes").exit_code == 2
    assert Path("bot.toml").read_text() == "[broken"


def test_choices_go_into_an_empty_file() -> None:
    text = wizard.with_choices("", wizard.Choices("demo", None, "~/x"))
    assert tomllib.loads(text) == {"default_agent": "demo", "projects": {"root": "~/x"}}
    text = wizard.with_choices("[log]\njson = true\n", wizard.Choices("demo", None, "~/x"))
    assert tomllib.loads(text)["default_agent"] == "demo"
