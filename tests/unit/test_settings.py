# ruff: noqa: E501 (messages are compared whole, as people read them)
from pathlib import Path

import pytest

from bot.errors import UserError
from bot.settings import Settings, config_file, load
from bot.settings.complaints import all_keys
from bot.settings.errors import (
    AgentUnknown,
    ConfigBroken,
    ConfigMissing,
    ConfigUnreadable,
    SettingInvalid,
    SettingUnknown,
)
from bot.settings.model import AgentSettings
from bot.settings.sources import parse_toml
from dispatcher.model import Limits

SHIPPED = Path(__file__).parents[2] / "bot.toml"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def loaded(toml: str = "", environ: dict[str, str] | None = None, **overrides: object) -> Settings:
    Path("bot.toml").write_text(toml)
    return load(None, environ or {}, overrides=overrides)


def refusal(toml: str = "", environ: dict[str, str] | None = None, **overrides: object) -> str:
    with pytest.raises(UserError) as caught:
        loaded(toml, environ, **overrides)
    return str(caught.value)


# ---------------------------------------------------------------- the file that ships


def test_the_shipped_file_holds_exactly_the_defaults() -> None:
    assert load(SHIPPED, {}) == Settings()


def test_the_shipped_file_sets_every_key() -> None:
    tree = parse_toml(SHIPPED.read_text(), "bot.toml").tree
    for *tables, key in all_keys(Settings):
        inner = tree
        for table in tables:
            inner = inner[table]  # type: ignore[assignment]
        assert key in inner or key in ("agents", "accounts", "hooks"), f"{'.'.join((*tables, key))} is missing"


def test_the_commented_agents_work_as_they_stand_and_name_every_key() -> None:
    _head, _, examples = SHIPPED.read_text().partition("# ---- agents")
    lines = [line.removeprefix("# ") for line in examples.splitlines()[3:] if line.startswith("# ")]
    settings = loaded("\n".join(lines[lines.index("[agents.recorder]") :]))
    assert list(settings.agents) == ["recorder", "mine"]
    assert settings.agents["mine"].model_fields_set == set(AgentSettings.model_fields)


# ---------------------------------------------------------------- where values come from


def test_options_win_over_the_environment_and_that_over_the_file() -> None:
    toml = 'data_dir = "/file"\n[dispatcher]\nwindow = 3\nmax_wait = 7'
    environ = {"TUGBOT_DISPATCHER__WINDOW": "0.2", "TUGBOT_DATA_DIR": "/environment"}
    settings = loaded(toml, environ, data_dir=Path("/option"))
    assert settings.data_dir == Path("/option")
    assert (settings.dispatcher.window, settings.dispatcher.max_wait) == (0.2, 7.0)
    assert loaded(toml, environ).data_dir == Path("/environment")


def test_without_a_file_the_defaults_hold() -> None:
    assert config_file(None) is None
    assert load(None, {"PATH": "/bin", "NOT_TUGBOT_X": "1"}) == Settings()


def test_the_defaults_take_nothing_from_the_process_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEFAULT_AGENT", "x")
    monkeypatch.setenv("TUGBOT_DEFAULT_AGENT", "x")
    assert Settings().default_agent == "auto"


def test_a_whole_agent_can_come_from_the_environment() -> None:
    environ = {
        "TUGBOT_AGENTS__R__BACKEND": "command",
        "TUGBOT_AGENTS__R__COMMAND": '["cat", "-u"]',
        "TUGBOT_DEFAULT_AGENT": "r",
    }
    assert loaded(environ=environ).agents["r"].command == ("cat", "-u")


def test_variables_meant_for_agents_are_no_settings() -> None:
    assert load(None, {"TUGBOT_RUN": "8"}) == Settings()


def test_paths_are_absolute_and_know_home(tmp_path: Path) -> None:
    assert loaded().data_dir == tmp_path / "home/.tugbot"
    assert loaded('data_dir = "here"').data_dir == tmp_path / "here"


# ---------------------------------------------------------------- what others take from it


def test_the_defaults_are_the_dispatchers() -> None:
    assert Settings().dispatcher.limits() == Limits()


def test_the_database_is_a_file_in_the_data_directory_unless_named() -> None:
    assert loaded('data_dir = "/d"').database == "sqlite:////d/tugbot.db"
    assert loaded('database_url = "postgresql+psycopg://h/n"').database == "postgresql+psycopg://h/n"


def test_an_agents_limits_are_its_own_or_those_of_all_runs() -> None:
    toml = '[runs]\ntimeout = "2h"\nmax_output = 0\n[agents.x]\nbackend = "demo"\nidle_timeout = 0'
    config = loaded(toml).agent_config("x")
    assert (config.timeout, config.idle_timeout, config.max_output) == (7200.0, 0.0, 0)


def test_the_demo_is_there_without_a_table_and_can_be_replaced_by_one() -> None:
    assert loaded().agent_config("demo").backend == "demo"
    own = loaded('[agents.demo]\nbackend = "command"\ncommand = ["cat"]')
    assert own.agent_config("demo").backend == "command"
    assert own.agent_names() == ("demo",)
    with pytest.raises(KeyError):
        own.agent_config("nobody")


# ---------------------------------------------------------------- one clear message


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[dispatcher]\n\nwindw = 1", "bot.toml, line 3: there is no setting dispatcher.windw. Did you mean dispatcher.window?"),
        ("[dispatchr]\nwindow = 1", "bot.toml, line 1: there is no setting dispatchr. Did you mean dispatcher?"),
        ("window = 1", "bot.toml, line 1: there is no setting window. Did you mean dispatcher.window?"),
        ("dispatcher.windw = 1", "bot.toml, line 1: there is no setting dispatcher.windw. Did you mean dispatcher.window?"),
        ("[log]\njson_lines = true", "bot.toml, line 2: there is no setting log.json_lines. Known here: json, level."),
        ("[console]\nzzz = 1", "bot.toml, line 2: there is no setting console.zzz. Known here: history."),
        (
            '[agents.x]\nbackend = "demo"\ntimout = "1h"',
            "bot.toml, line 3: there is no setting agents.x.timout. Did you mean agents.x.timeout?",
        ),
    ],
)  # fmt: skip
def test_unknown_names(toml: str, message: str) -> None:
    with pytest.raises(SettingUnknown):
        loaded(toml)
    assert refusal(toml) == message


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (
            '[dispatcher]\nwindow = "fast"',
            'bot.toml, line 2: dispatcher.window must be a duration such as 1.5, "1.5s", "15m" or "1h30m", at least 0, '
            "not 'fast'.",
        ),
        ("[dispatcher]\nmax_runs = 0", "bot.toml, line 2: dispatcher.max_runs must be a whole number, at least 1, not 0."),
        ("[dispatcher]\nmax_runs = true", "bot.toml, line 2: dispatcher.max_runs must be a whole number, at least 1, not true."),
        ("[console]\nhistory = 1", "bot.toml, line 2: console.history must be true or false, not 1."),
        ('[log]\nlevel = "loud"', """bot.toml, line 2: log.level must be "debug", "info", "warning" or "error", not 'loud'."""),
        ("dispatcher = 3", "bot.toml, line 1: dispatcher must be a table of settings."),
        ("agents = 3", "bot.toml, line 1: agents must be a table of settings."),
        ("[agents]\nx = 3", "bot.toml, line 2: agents.x must be a table of settings."),
        ('data_dir = ""', "bot.toml, line 1: data_dir must be a path in quotes, not ''."),
        ("[agents.x]", 'bot.toml, line 1: agents.x.backend is missing: write "claude", "acp", "command" or "demo".'),
        ('[agents.x]\nbackend = "command"', 'bot.toml, line 1: agents.x needs command = ["program", "argument", …].'),
        (
            '[agents.x]\nbackend = "acp"\ncommand = ["a"]\ntools = ["Bash"]',
            "bot.toml, line 1: agents.x sets tools, but nothing would use them: a command needs {tools} among its arguments.",
        ),
        (
            'brief = "hello {name}"',
            "bot.toml, line 1: brief must be text in quotes that names {people}, {place} and {project} alone in braces, not 'hello {name}'.",
        ),
        (
            '[agents.x]\nbackend = "demo"\npermissions = { host = "yes" }',
            'bot.toml, line 3: agents.x.permissions.host must be "ask", "allow" or "deny", not \'yes\'.',
        ),
        (
            "[runs]\nmax_cost = -1",
            "bot.toml, line 2: runs.max_cost must be an amount in US dollars such as 0.5 or 20, at least 0, not -1.0.",
        ),
        (
            '[agents.x]\nbackend = "command"\ncommand = ["a"]\nmodel = "m"',
            "bot.toml, line 1: agents.x sets model, but nothing would use it: a command needs {model} among its arguments.",
        ),
        (
            '[agents.x]\nbackend = "command"\ncommand = "a b"',
            "bot.toml, line 3: agents.x.command must be a list of texts: the program, then its arguments.",
        ),
        (
            '[agents.x]\nbackend = "demo"\ntimeout = -1',
            'bot.toml, line 3: agents.x.timeout must be a duration such as 1.5, "1.5s", "15m" or "1h30m", at least 0, not -1.0.',
        ),
        (
            '[agents."X y"]\nbackend = "demo"',
            "bot.toml, line 1: agents.X y is not a name for an agent: use a to z, 0 to 9, - and _, starting with a letter.",
        ),
    ],
)  # fmt: skip
def test_wrong_values(toml: str, message: str) -> None:
    with pytest.raises(SettingInvalid):
        loaded(toml)
    assert refusal(toml) == message


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("TUGBOT_WINDOW", "1", "environment variable TUGBOT_WINDOW: there is no setting window. Did you mean TUGBOT_DISPATCHER__WINDOW?"),
        ("TUGBOT_DISPATCHER__MAX_RUN", "1", "environment variable TUGBOT_DISPATCHER__MAX_RUN: there is no setting "
         "dispatcher.max_run. Did you mean TUGBOT_DISPATCHER__MAX_RUNS?"),
        ("TUGBOT_DISPATCHER__MAX_RUNS", "four", "environment variable TUGBOT_DISPATCHER__MAX_RUNS: dispatcher.max_runs must be "
         "a whole number, at least 1, not 'four'."),
        ("TUGBOT_DISPATCHER", "x", "environment variable TUGBOT_DISPATCHER: dispatcher must be a table of settings."),
        ("TUGBOT_AGENTS__R__ENV", '["A"]', "environment variable TUGBOT_AGENTS__R__ENV: agents.r.backend is missing: "
         'write "claude", "acp", "command" or "demo".'),
        ("TUGBOT_", "x", "environment variable TUGBOT_: there is no setting . Known here: access, agents, brief, console, data_dir, "
         "database_url, default_agent, dispatcher, docker, gateway, hooks, log, projects, replies, runs, transports."),
    ],
)  # fmt: skip
def test_variables_are_checked_like_the_file(name: str, value: str, message: str) -> None:
    assert refusal("", {name: value}) == message


def test_several_faults_are_one_message_that_counts_the_rest() -> None:
    message = refusal('[log]\nlevel = "x"\njson = 3\n[dispatcher]\nwindw = 1')
    assert message.endswith("Did you mean dispatcher.window? (2 more to correct after this.)")
    assert "\n" not in message


@pytest.mark.parametrize(
    "toml",
    [
        '[agents.x]\nbackend = "demo"\nenv = ["KEY=hunter2"]',
        '[agents.x]\nbackend = "command"\ncommand = "curl hunter2"',
        'database_url = ["postgresql://hunter2"]',
    ],
)
def test_what_may_be_a_secret_is_not_repeated(toml: str) -> None:
    with pytest.raises(SettingInvalid) as caught:
        loaded(toml)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_the_databases_password_is_not_shown_with_the_settings() -> None:
    assert "hunter2" not in repr(loaded('database_url = "postgresql+psycopg://u:hunter2@h/n"'))


@pytest.mark.parametrize(
    ("toml", "where"),
    [("a = 1\n[dispatcher\n", "line 2, column 12"), ('a = "x', "line 1, column 7"), ("a =\n", "line 1, column 4")],
)
def test_broken_toml_is_located(toml: str, where: str) -> None:
    with pytest.raises(ConfigBroken):
        loaded(toml)
    assert refusal(toml).startswith(f"bot.toml, {where}: this is not valid TOML: ")


def test_a_named_file_must_be_there() -> None:
    with pytest.raises(ConfigMissing, match=r"no settings file at nowhere\.toml"):
        load(Path("nowhere.toml"), {})


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    Path("bot.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(ConfigUnreadable, match=r"bot\.toml cannot be read: it is not UTF-8 text \(byte 5\)"):
        load(None, {})
    with pytest.raises(ConfigUnreadable):
        load(tmp_path, {})


def test_an_agent_that_is_not_there() -> None:
    with pytest.raises(AgentUnknown):
        loaded('default_agent = "claude"')
    assert refusal("", default_agent="dem") == "option --agent: there is no agent dem. Did you mean demo?"
    assert refusal('\ndefault_agent = "q"').startswith("bot.toml, line 2: there is no agent q. Known: auto, demo.")
