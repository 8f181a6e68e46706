"""`tugbot init slack` and `tugbot doctor` against a stub of the Web API: what is verified, kept, written and said."""

from __future__ import annotations

import json
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from bot.checks import transports
from bot.checks.base import Check
from bot.cli import tugbot
from bot.cli_init import asking
from bot.cli_init.slack import AddressUnusable, checked, with_workspace
from bot.networks.slack import API_VARIABLE
from bot.secrets import Secrets
from bot.settings import load
from tests.slack_fake import SlackServer
from transports.slack import manifest

BOT = "xoxb-1-2-good"
APP = "xapp-1-A01-2-good"
SECRET = "0123456789abcdef" * 2
WHO = {"ok": True, "team_id": "T0123ABC", "team": "Acme", "user": "tugbot", "user_id": "U1", "bot_id": "B1"}


@dataclass
class Stub:
    """Answers auth.test and apps.connections.open; whoever has another token is refused."""

    url: str = ""
    who: dict[str, Any] = field(default_factory=lambda: dict(WHO))
    scopes: str | None = ",".join(manifest.SCOPES)
    opened: dict[str, Any] = field(default_factory=lambda: {"ok": True, "url": "wss://example.org"})
    app: str = ""  # id of the bot token's app; "": that is not told
    status: int = 200
    asked: list[tuple[str, str]] = field(default_factory=list)  # method, token

    def answer(self, method: str, token: str) -> dict[str, Any]:
        self.asked.append((method, token))
        if method == "auth.test":
            return self.who if token == BOT else {"ok": False, "error": "invalid_auth"}
        if method == "apps.connections.open":
            return self.opened if token == APP else {"ok": False, "error": "not_allowed_token_type"}
        if method == "bots.info" and self.app:
            return {"ok": True, "bot": {"id": "B1", "app_id": self.app}}
        return {"ok": False, "error": "missing_scope", "needed": "users:read"}


@contextmanager
def serving(stub: Stub) -> Iterator[Stub]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            body = json.dumps(stub.answer(self.path.removeprefix("/api/"), token)).encode()
            self.send_response(stub.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if stub.scopes is not None:
                self.send_header("X-OAuth-Scopes", stub.scopes)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: stderr is looked at."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    stub.url = f"http://127.0.0.1:{server.server_address[1]}/api/"
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Stub]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUGBOT_DATA_DIR", str(tmp_path / "data"))
    with serving(Stub()) as found:
        monkeypatch.setenv(API_VARIABLE, found.url)
        yield found


def init(*arguments: str, stdin: str = f"{BOT}\n{APP}\n") -> Result:
    return CliRunner().invoke(tugbot, ["init", "slack", *arguments], input=stdin, prog_name="tugbot")


def kept() -> dict[str, str]:
    return Secrets(Path("data")).read("slack")


def refused(result: Result) -> str:
    """Why; and that nothing was stored, and no token said."""
    assert result.exit_code == 2, result.output
    assert "Nothing was stored." in result.stderr
    assert not Path("data").exists()
    assert not Path("bot.toml").exists()
    _silent(result)
    return result.stderr


def _silent(result: Result) -> None:
    for secret in (BOT, APP, SECRET):
        assert secret not in result.output


# ---------------------------------------------------------------- the manifest


def test_the_manifest_alone_is_json_and_asks_nothing(stub: Stub) -> None:
    result = init("--manifest", stdin="")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == manifest.manifest()
    result = init("--manifest", "--http", "https://bot.example.org/", stdin="")
    assert json.loads(result.stdout) == manifest.manifest("https://bot.example.org")
    assert stub.asked == []


@pytest.mark.parametrize(
    "url",
    ["http://bot.example.org", "bot.example.org", "https://", "https://u:p@x.org", "https://x.org?a=b", "https://[x"],
)
def test_slack_calls_https_addresses_only(url: str) -> None:
    with pytest.raises(AddressUnusable):
        checked(url)
    result = init("--manifest", "--http", url)
    assert (result.exit_code, result.stdout) == (2, "")


def test_the_path_may_stand_behind_the_address() -> None:
    assert checked("https://x.org/bot/slack/events") == checked("https://x.org/bot/") == "https://x.org/bot"


# ---------------------------------------------------------------- tokens


def test_tokens_are_verified_kept_and_the_settings_written(stub: Stub) -> None:
    result = init("--yes")
    assert result.exit_code == 0, result.output
    assert stub.asked == [("auth.test", BOT), ("bots.info", BOT), ("apps.connections.open", APP)]
    assert kept() == {"BOT_TOKEN": BOT, "APP_TOKEN": APP}
    assert Path("data/secrets/slack.json").stat().st_mode & 0o777 == 0o600
    assert tomllib.loads(Path("bot.toml").read_text()) == {
        "transports": {"slack": {"team": "T0123ABC", "mode": "socket"}}
    }
    assert load(None, {}).transports.slack.team == "T0123ABC"
    assert "tugbot in Acme (T0123ABC)" in result.stdout
    assert "pair <code>" in result.stdout
    assert "/invite @tugbot" in result.stdout
    assert result.stderr == ""
    _silent(result)


def test_over_http_the_signing_secret_is_asked_for(stub: Stub) -> None:
    result = init("--http", "https://bot.example.org", "--yes", stdin=f"{BOT}\n{SECRET}\n")
    assert result.exit_code == 0, result.output
    assert ("apps.connections.open", SECRET) not in stub.asked
    assert kept() == {"BOT_TOKEN": BOT, "SIGNING_SECRET": SECRET}
    assert load(None, {}).transports.slack.mode == "http"
    assert "https://bot.example.org/slack/events on to http://127.0.0.1:8808/slack/events" in result.stdout
    _silent(result)


def test_without_agreement_nothing_is_written_but_shown(stub: Stub) -> None:
    result = init()
    assert result.exit_code == 0
    assert 'team = "T0123ABC"' in result.stdout
    assert not Path("bot.toml").exists()
    assert kept()


@pytest.mark.parametrize(
    ("stdin", "words"),
    [
        (f"{APP}\n{BOT}\n", "this is the app-level token"),
        (f"{BOT}\n{BOT}\n", "this is the bot token"),
        (f"{SECRET}\n", "this is the signing secret"),
        ("", "nothing was given"),
        (f"{BOT}\n", "nothing was given"),
        ("xoxb-revoked\n" + APP, "does not know our token"),
        (f"{BOT}\nxapp-of-nobody\n", "not_allowed_token_type"),
    ],
)
def test_a_token_that_is_wrong_is_refused_in_words(stub: Stub, stdin: str, words: str) -> None:
    assert words in refused(init("--yes", stdin=stdin))


def test_an_app_token_without_its_scope_is_told(stub: Stub) -> None:
    stub.opened = {"ok": False, "error": "missing_scope", "needed": "connections:write"}
    assert "lacks the scope `connections:write`" in refused(init())


def test_two_apps_that_are_mixed_up_are_told(stub: Stub) -> None:
    stub.app = "A02"
    assert "of the app A01, but the bot token is of the app A02" in refused(init())
    stub.app = "A01"
    assert init().exit_code == 0


def test_a_token_of_nobodys_bot_is_refused(stub: Stub) -> None:
    del stub.who["bot_id"]
    assert "no token of a bot" in refused(init())


def test_slack_out_of_reach_is_told(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(API_VARIABLE, "http://127.0.0.1:9/")
    assert "cannot be reached" in refused(init())
    monkeypatch.setenv(API_VARIABLE, stub.url)
    stub.status, stub.who = 503, {"ok": False, "error": "service_unavailable"}
    assert "Slack fails at auth.test" in refused(init())


def test_the_tokens_go_to_slack_alone(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(API_VARIABLE, "http://elsewhere.example/api/")
    result = init()
    assert result.exit_code == 2
    assert API_VARIABLE in result.stderr


def test_missing_scopes_and_events_are_told_in_words(stub: Stub) -> None:
    stub.scopes = ",".join(set(manifest.SCOPES) - {"im:history", "files:read"})
    result = init("--yes")
    assert result.exit_code == 0
    assert "lacks the scopes" in result.stderr
    assert "`im:history` (to hear direct messages: event message.im)" in result.stderr
    assert "`files:read` (to fetch files that are sent to it)" in result.stderr
    assert "Bot Token Scopes" in result.stderr
    assert "Subscribe to bot events" in result.stderr
    assert kept()


def test_where_slack_does_not_say_the_scopes_nothing_is_claimed(stub: Stub) -> None:
    stub.scopes = None
    assert init().stderr == ""


def test_a_person_may_try_again_and_nothing_typed_is_shown(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    answers = iter([APP, BOT, APP])

    def prompt(question: str, **options: object) -> str:
        assert options == {"hide_input": True, "err": True}
        asked.append(question)
        return next(answers)

    monkeypatch.setattr(asking, "somebody", lambda: True)
    monkeypatch.setattr(click, "prompt", prompt)
    monkeypatch.setattr(click, "confirm", lambda *_, **__: True)
    result = init(stdin="")
    assert result.exit_code == 0, result.output
    assert [question.split(" (")[0] for question in asked] == ["Bot token", "Bot token", "App-level token"]
    assert "This is the app-level token" in result.stderr
    assert Path("bot.toml").exists()
    _silent(result)


def test_the_strict_fake_takes_what_is_asked(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    with SlackServer() as server:
        monkeypatch.setenv(API_VARIABLE, server.api)
        result = init("--yes", stdin=f"{server.token}\n{server.app_token}\n")
        assert result.exit_code == 0, result.output
        assert "tugbot in Fake (T0FAKE)" in result.stdout
    assert load(None, {}).transports.slack.team == "T0FAKE"


# ---------------------------------------------------------------- bot.toml


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# mine\nwindow = 1 # kept\n",
        "[transports.slack]\n# where\nteam = ''\nmax_file = 5\n\n[agents.x]\nbackend = 'demo'\n",
        "[transports.matrix]\n# where\nhomeserver = ''\n\n[agents.x]\nbackend = 'demo' # kept\n",
        (Path(__file__).parents[2] / "bot.toml").read_text(encoding="utf-8"),
    ],
    ids=["empty", "other", "begun", "matrix", "shipped"],
)
def test_the_workspace_is_written_and_all_else_stays(text: str) -> None:
    written = with_workspace(text, "T0123ABC", "http")
    assert all(line in written for line in text.splitlines() if "#" in line and "team" not in line)
    before, after = tomllib.loads(text), tomllib.loads(written)
    own = after["transports"].pop("slack")
    assert (own["team"], own["mode"]) == ("T0123ABC", "http")
    old = before.get("transports", {})
    slack = old.pop("slack", {})
    assert {**slack, **own} == own
    assert {**before, "transports": old} == after
    assert with_workspace(written, "T0123ABC", "http") == written


# ---------------------------------------------------------------- doctor


async def examined(environ: dict[str, str], **own: str) -> Check:
    settings = load(None, {"TUGBOT_DATA_DIR": "data", **_variables({"team": "T0123ABC", **own})})
    (check,) = await transports.check(transports.listed(settings, environ))
    return check


def _variables(own: dict[str, str]) -> dict[str, str]:
    return {f"TUGBOT_TRANSPORTS__SLACK__{key.upper()}": value for key, value in own.items()}


def tokens(stub: Stub, **more: str) -> dict[str, str]:
    return {API_VARIABLE: stub.url, "TUGBOT_SLACK_BOT_TOKEN": BOT, "TUGBOT_SLACK_APP_TOKEN": APP, **more}


async def test_doctor_tries_the_tokens(stub: Stub) -> None:
    check = await examined(tokens(stub))
    assert (check.name, check.ok) == ("slack", True)
    assert [method for method, _ in stub.asked] == ["auth.test", "bots.info", "apps.connections.open"]


async def test_doctor_says_what_is_wrong(stub: Stub) -> None:
    assert "no bot token and no app-level token" in (await examined({API_VARIABLE: stub.url})).detail
    check = await examined(tokens(stub), team="T9")
    assert (check.ok, check.detail) == (False, "the bot token is of the workspace T0123ABC (Acme), not of T9")
    assert "[transports.slack]" in check.fix
    stub.scopes = "chat:write"
    assert "app_mentions:read" in (await examined(tokens(stub))).detail
    stub.who = {"ok": False, "error": "account_inactive"}
    assert "removed from the workspace" in (await examined(tokens(stub))).detail


async def test_doctor_needs_no_connection_over_http(stub: Stub) -> None:
    check = await examined(tokens(stub, TUGBOT_SLACK_SIGNING_SECRET=SECRET), mode="http")
    assert check.ok, check.detail
    assert [method for method, _ in stub.asked] == ["auth.test", "bots.info"]
