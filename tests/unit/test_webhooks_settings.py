"""[hooks.<name>], its secret, and what doctor says of it."""

from __future__ import annotations

import logging
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot import forges
from bot.access import Account, Roll
from bot.checks import hooks
from bot.checks.base import Check
from bot.cli import tugbot
from bot.errors import UserError
from bot.forges import Forges, HookSecret, Surroundings
from bot.secrets import Secrets, hook_scope
from bot.settings import Settings, load
from bot.settings.hooks import HookSettings
from bot.store.memory import Disk, MemoryStore
from bot.webhooks import events, signatures, template
from tests.webhook_payloads import SECRET, github_run, sent
from transports.base import Ack, Inbound

SHIPPED = Path(__file__).parents[2] / "bot.toml"
CI = '[hooks.ci]\nkind = "github"\nsession = "console/local"\n'


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def loaded(toml: str = CI, environ: dict[str, str] | None = None) -> Settings:
    Path("bot.toml").write_text(toml)
    return load(None, environ or {}, overrides={"data_dir": Path("data")})


def refusal(toml: str) -> str:
    with pytest.raises(UserError) as caught:
        loaded(toml)
    return str(caught.value)


# ---------------------------------------------------------------- settings


def test_the_commented_hook_works_as_it_stands_and_names_every_key() -> None:
    _head, _, rest = SHIPPED.read_text().partition("# ---- hooks")
    lines = [
        line.removeprefix("# ") for line in rest.partition("# ---- agents")[0].splitlines() if line.startswith("# ")
    ]
    settings = loaded("\n".join(lines[lines.index("[hooks.harbour-ci]") :]))
    (own,) = settings.hooks.values()
    assert own.model_fields_set == set(HookSettings.model_fields)
    assert list(forges.hooks(settings)) == ["harbour-ci"]


def test_a_hook_is_what_its_table_says() -> None:
    hook = forges.hooks(loaded(CI + 'events = ["push"]\ntext = "{title}!"\nrole = "operator"'))["ci"]
    assert (hook.path, hook.text, hook.role) == ("/hooks/ci", "{title}!", "operator")
    assert hook.events == {"push"}
    plain = forges.hooks(loaded())["ci"]
    assert (plain.events, plain.text, plain.role) == (events.DEFAULT["github"], "", "member")


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        (CI + 'text = "{titel}"', "hooks.ci.text must be text in quotes"),
        (CI + 'text = "{title!r:>99}"', "{branch}, {url}, {title}, {author}, {repository}, {event}, {number} alone"),
        (CI + f'text = "{"x" * (template.LONGEST + 1)}"', "of at most 4000 characters"),
        (CI + 'events = ["issue.opened"]', "names an event that is not known of GitHub: 'issue.opened'. Did you mean "),
        (CI + 'events = "push"', "hooks.ci.events must be a list of names of events"),
        (CI + 'role = "owner"', 'hooks.ci.role must be "member" or "operator"'),
        (CI + 'secret = "x"', "there is no setting hooks.ci.secret"),
        ('[hooks.ci]\nkind = "github"', "hooks.ci.session is missing: write the key of a conversation such as"),
        ('[hooks.ci]\nkind = "github"\nsession = "!room"', "hooks.ci.session must be the key of a conversation"),
        (
            '[hooks.ci]\nkind = "forge"\nsession = "console/local"',
            'hooks.ci.kind must be "github", "gitea" or "gitlab"',
        ),
        (
            '[hooks."../x"]\nkind = "github"\nsession = "console/local"',
            "hooks.../x is not a name for a hook: use a to z",
        ),
    ],
)
def test_mistakes_are_named(toml: str, said: str) -> None:
    assert said in refusal(toml)


def test_a_transport_that_is_not_set_up_ends_the_start() -> None:
    with pytest.raises(forges.HookAstray, match="is in matrix, which is not set up"):
        forges.check(loaded(CI.replace("console/local", "matrix/!room:example.org")))
    forges.check(loaded())
    assert forges.called(loaded()) == ("hooks.ci",)


def test_a_secret_in_the_environment_is_no_setting() -> None:
    settings = loaded(environ={"TUGBOT_HOOK_SECRET_HARBOUR_CI": SECRET})
    assert forges.variable("harbour-ci") == "TUGBOT_HOOK_SECRET_HARBOUR_CI"
    assert SECRET not in repr(settings)


# ---------------------------------------------------------------- roles


async def test_a_hook_has_the_role_of_its_settings_whatever_else_is_granted(tmp_path: Path) -> None:
    settings = loaded(CI + 'role = "operator"\n[access]\nallow = ["hook:ci", "hook:gone"]')
    own = Forges(settings, tmp_path, {})
    roll = Roll(MemoryStore(Disk()).members, settings.access.allow, hook=own.role)
    await roll.load()
    assert roll.role(Account("hook", "ci")) == "operator"
    assert roll.role(Account("hook", "gone")) is None
    assert roll.role(Account("api", "ci")) is None


# ---------------------------------------------------------------- secrets


def invoke(*arguments: str, given: str | None = None) -> tuple[int, str, str]:
    result = CliRunner().invoke(tugbot, ["hook", "secret", *arguments, "--data", "data"], input=given)
    return result.exit_code, result.stdout, result.stderr


def test_a_secret_is_made_kept_and_printed_once() -> None:
    loaded('[gateway]\npublic_host = "bot.example.org"\n' + CI)
    code, printed, told = invoke("ci")
    assert code == 0
    secret = Secrets(Path("data")).read(hook_scope("ci"))[forges.SECRET]
    assert printed == f"{secret}\n"
    assert secret.startswith(signatures.PREFIX)
    assert secret not in told
    assert "https://bot.example.org/hooks/ci" in told
    assert "application/json" in told
    file = Path("data/secrets/hook.ci.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secret not in Path("bot.toml").read_text()


def test_another_secret_has_to_be_asked_for() -> None:
    loaded()
    _, first, _ = invoke("ci")
    code, printed, told = invoke("ci")
    assert (code, printed) == (2, "")
    assert "--replace" in told
    assert invoke("ci", "--replace")[1] not in ("", first)


def test_a_secret_that_the_forge_made_is_stored_and_not_shown() -> None:
    loaded()
    code, printed, told = invoke("ci", "--given", given=f"{SECRET}\n")
    assert (code, printed) == (0, "")
    assert SECRET not in told
    assert HookSecret("ci", Path("data"), {})() == SECRET
    for weak in ("short\n", "with a blank in it, but long\n", "non-ascii-ä-but-long\n", ""):
        assert invoke("ci", "--given", "--replace", given=weak)[0] == 2
    assert HookSecret("ci", Path("data"), {})() == SECRET


def test_there_is_no_secret_for_a_hook_that_is_not() -> None:
    loaded("")
    assert "There is no hook ci in the settings. Add a table" in invoke("ci")[2]
    loaded()
    assert "There are: ci." in invoke("co")[2]


def test_the_environment_comes_first(tmp_path: Path) -> None:
    Secrets(tmp_path).set(hook_scope("ci"), forges.SECRET, SECRET)
    assert HookSecret("ci", tmp_path, {})() == SECRET
    assert HookSecret("ci", tmp_path, {"TUGBOT_HOOK_SECRET_CI": "another"})() == "another"


def test_a_secret_that_others_can_read_counts_for_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Secrets(tmp_path).set(hook_scope("ci"), forges.SECRET, SECRET)
    secret = HookSecret("ci", tmp_path, {})
    (tmp_path / "secrets/hook.ci.json").chmod(0o644)
    with caplog.at_level(logging.ERROR):
        assert [secret(), secret()] == ["", ""]
    assert len(caplog.records) == 1


# ---------------------------------------------------------------- served


async def test_each_hook_has_a_path_and_is_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = loaded(CI + '[hooks.other]\nkind = "gitlab"\nsession = "console/local"')
    own = Forges(settings, tmp_path, {"TUGBOT_HOOK_SECRET_CI": SECRET})

    async def receive(inbound: Inbound) -> Ack:
        return Ack("accepted", 1)

    with caplog.at_level(logging.WARNING):
        served = own.serve(Surroundings(receive, lambda target, text: None))
    assert "tugbot hook secret other" in caplog.text
    assert list(served) == ["/hooks/ci", "/hooks/other"]
    request = sent("github", "workflow_run", github_run())
    assert [(await served[path](request)).status for path in served] == [202, 404]
    assert own.outcomes() == {("ci", "accepted"): 1, ("other", "off"): 1}


# ---------------------------------------------------------------- doctor


def checked(toml: str) -> list[Check]:
    return list(hooks.check(loaded(toml), {"TUGBOT_HOOK_SECRET_CI": SECRET}))


def remember(session: str, project: str | None) -> None:
    Path("data").mkdir(exist_ok=True)
    with closing(sqlite3.connect("data/tugbot.db")) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS sessions (session TEXT, project TEXT)")
        connection.execute("INSERT INTO sessions VALUES (?, ?)", (session, project))


MATRIX = '[transports.matrix]\nhomeserver = "https://example.org"\nuser = "@tug:example.org"\n'
IN_MATRIX = MATRIX + CI.replace("console/local", "matrix/!room:example.org")


def test_doctor_is_silent_without_hooks() -> None:
    assert checked("") == []


def test_doctor_names_the_command_for_a_secret() -> None:
    (found,) = hooks.check(loaded(), {})
    assert (found.name, found.ok, found.fix) == ("hook ci", False, "tugbot hook secret ci")


def test_doctor_finds_a_transport_that_is_not_set_up() -> None:
    (found,) = checked(CI.replace("console/local", "slack/T1/C1"))
    assert not found.ok
    assert "slack is not set up" in found.detail


def test_doctor_finds_a_conversation_that_nobody_began() -> None:
    for _ in range(2):
        (found,) = checked(IN_MATRIX)
        assert not found.ok
        assert "nobody has spoken to the bot in matrix/!room:example.org" in found.detail
        remember("matrix/!another:example.org", None)


def test_doctor_finds_words_that_would_reach_no_agent() -> None:
    remember("matrix/!room:example.org", None)
    (found,) = checked(IN_MATRIX)
    assert not found.ok
    assert "about no project" in found.detail
    assert checked(IN_MATRIX + 'role = "operator"')[0].ok


def test_doctor_is_content() -> None:
    remember("matrix/!room:example.org", "harbour")
    assert checked(IN_MATRIX) == [Check("hook ci", True, "/hooks/ci speaks in matrix/!room:example.org")]
    assert checked(CI + 'role = "operator"')[0].ok


def test_doctor_says_who_can_read_a_secret() -> None:
    settings = loaded()
    Secrets(settings.data_dir).set(hook_scope("ci"), forges.SECRET, SECRET)
    (settings.data_dir / "secrets/hook.ci.json").chmod(0o640)
    (found,) = hooks.check(settings, {})
    assert not found.ok
    assert "mode 0640" in found.detail
