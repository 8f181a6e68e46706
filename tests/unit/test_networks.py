"""Accounts of chat networks: what is set up, whose token, what is told before anything is begun."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from bot import networks
from bot.cli_init.matrix import with_account
from bot.networks import check, matrix, slack
from bot.networks.errors import ApiRefused, EncryptionAlone, TokenMisplaced, TokenMissing, TransportUnknown
from bot.networks.matrix import accounts as matrix_accounts
from bot.networks.matrix import token as matrix_token
from bot.secrets import Secrets
from bot.settings import Settings
from bot.settings.transports import MatrixAccountSettings, MatrixSettings, SlackSettings, TransportsSettings
from transports.matrix.model import Account

HOME = "https://matrix.example.org"
WORK = MatrixAccountSettings(homeserver="https://matrix.work.example", user="@bot:work.example")


BOT, APP, SECRET = "xoxb-1-2-abc", "xapp-1-A01-2-abc", "0123456789abcdef" * 2


def settings(**matrix: object) -> Settings:
    own = MatrixSettings(**{"homeserver": HOME, "user": "@bot:example.org", **matrix})  # type: ignore[arg-type]
    return Settings().model_copy(update={"transports": TransportsSettings(matrix=own)})


def in_slack(**slack: object) -> Settings:
    own = SlackSettings(**{"team": "T0123ABC", **slack})  # type: ignore[arg-type]
    return Settings().model_copy(update={"transports": TransportsSettings(slack=own)})


def test_accounts_are_transports() -> None:
    assert matrix_accounts(Settings()) == {}
    assert list(matrix_accounts(settings())) == ["matrix"]
    accounts = matrix_accounts(settings(accounts={"work": WORK}))
    assert [(name, account.short, account.user) for name, account in accounts.items()] == [
        ("matrix", "", "@bot:example.org"),
        ("matrix.work", "work", "@bot:work.example"),
    ]
    assert list(matrix_accounts(settings(homeserver="", user="", accounts={"work": WORK}))) == ["matrix.work"]


def test_a_token_comes_from_the_environment_else_from_the_secrets(tmp_path: Path) -> None:
    first, work = matrix_accounts(settings(accounts={"my-work": WORK})).values()
    for account, variable in ((first, "TUGBOT_MATRIX_TOKEN"), (work, "TUGBOT_MATRIX_TOKEN_MY_WORK")):
        with pytest.raises(TokenMissing, match=variable):
            matrix_token(account, tmp_path, {})
        Secrets(tmp_path).set(matrix.scope(account.short), matrix.TOKEN, f"kept for {account.user}")
        Secrets(tmp_path).set(matrix.scope(account.short), matrix.DEVICE, "DEVICE")
        assert matrix_token(account, tmp_path, {}) == (f"kept for {account.user}", "DEVICE")
        assert matrix_token(account, tmp_path, {variable: " given "}) == ("given", "")


def test_what_cannot_work_is_told_before_anything_is_begun(tmp_path: Path) -> None:
    two = settings(accounts={"work": WORK}, e2ee=True)
    tokens = {"TUGBOT_MATRIX_TOKEN": "a", "TUGBOT_MATRIX_TOKEN_WORK": "b"}
    with pytest.raises(EncryptionAlone):
        check(two, (), tmp_path, tokens)
    check(two, ("matrix",), tmp_path, tokens)
    check(two, ("console",), tmp_path, {})
    with pytest.raises(TokenMissing, match="--account work"):
        check(settings(accounts={"work": WORK}), ("console", "matrix.work"), tmp_path, {})
    with pytest.raises(TransportUnknown, match=r"console, matrix, matrix\.work"):
        check(two, ("pigeon",), tmp_path, tokens)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# mine\nwindow = 1 # kept\n",
        "[transports.matrix]\n# where\nhomeserver = ''\nuser = ''\ne2ee = true\n\n[agents.x]\nbackend = 'demo'\n",
    ],
)
@pytest.mark.parametrize("name", ["", "work"])
def test_an_account_is_written_into_the_settings_and_all_else_stays(text: str, name: str) -> None:
    written = with_account(text, Account(HOME, "@bot:example.org", "secret", "DEVICE"), name)
    assert "secret" not in written
    assert all(comment in written for comment in ("# mine", "# kept", "# where") if comment in text)
    before, after = tomllib.loads(text), tomllib.loads(written)
    own = after["transports"]["matrix"]["accounts"]["work"] if name else after["transports"]["matrix"]
    assert (own["homeserver"], own["user"]) == (HOME, "@bot:example.org")
    assert {key: value for key, value in before.items() if key != "transports"}.items() <= after.items()
    assert with_account(written, Account(HOME, "@bot:example.org", "", ""), name) == written


# ---------------------------------------------------------------- Slack


def test_a_workspace_is_a_transport() -> None:
    assert networks.names(Settings()) == ()
    assert networks.names(in_slack()) == ("slack",)
    assert networks.hosting(in_slack()) == frozenset()


def test_only_the_http_mode_needs_the_gateway() -> None:
    assert networks.called(in_slack(), ()) == networks.called(Settings(), ()) == ()
    assert networks.called(in_slack(mode="http"), ()) == ("slack",)
    assert networks.called(in_slack(mode="http"), ("console",)) == ()


def test_the_page_needs_the_gateway_where_it_is_named(tmp_path: Path) -> None:
    assert networks.called(Settings(), ("console", "web")) == ("web",)
    assert networks.called(in_slack(mode="http"), ("slack", "web")) == ("slack", "web")
    check(Settings(), ("web",), tmp_path, {})
    assert networks.names(Settings()) == ()


def test_who_may_want_to_look_at_the_page() -> None:
    assert not networks.watched(Settings(), (), at_console=False)
    assert networks.watched(Settings(), (), at_console=True)
    assert networks.watched(in_slack(), (), at_console=False)
    assert networks.watched(Settings(), ("web",), at_console=False)
    assert not networks.watched(in_slack(), ("console",), at_console=False)
    assert networks.watched(in_slack(), ("slack",), at_console=False)


@pytest.mark.parametrize(("mode", "second"), [("socket", slack.APP), ("http", slack.SIGNING)])
def test_tokens_of_an_app_come_from_the_environment_else_from_the_secrets(
    tmp_path: Path, mode: str, second: slack.Place
) -> None:
    good = {slack.BOT: BOT, slack.APP: APP, slack.SIGNING: SECRET}
    (account,) = slack.accounts(in_slack(mode=mode)).values()
    with pytest.raises(TokenMissing, match=f"no bot token and no {second.kind.name} for Slack"):
        slack.signed_in(account, tmp_path, {})
    Secrets(tmp_path).set("slack", "BOT_TOKEN", BOT)
    with pytest.raises(TokenMissing, match=second.variable):
        slack.signed_in(account, tmp_path, {})
    Secrets(tmp_path).set("slack", second.secret, good[second])
    kept = slack.signed_in(account, tmp_path, {})
    assert (kept.token, kept.app_token or kept.signing_secret) == (BOT, good[second])
    given = slack.signed_in(account, tmp_path, {"TUGBOT_SLACK_BOT_TOKEN": " xoxb-given\n"})
    assert (given.token, given.app_token or given.signing_secret) == ("xoxb-given", good[second])


def test_tokens_in_the_wrong_place_are_told_before_anything_is_begun(tmp_path: Path) -> None:
    swapped = {"TUGBOT_SLACK_BOT_TOKEN": APP, "TUGBOT_SLACK_APP_TOKEN": BOT}
    with pytest.raises(TokenMisplaced, match=r"TUGBOT_SLACK_BOT_TOKEN.*this is the app-level token") as caught:
        check(in_slack(), (), tmp_path, swapped)
    assert APP not in str(caught.value)
    check(in_slack(), ("console",), tmp_path, swapped)
    check(in_slack(), ("slack",), tmp_path, {"TUGBOT_SLACK_BOT_TOKEN": BOT, "TUGBOT_SLACK_APP_TOKEN": APP})
    with pytest.raises(TransportUnknown, match="console, slack"):
        check(in_slack(), ("matrix",), tmp_path, {})


@pytest.mark.parametrize(
    "url", ["https://slack.example/api", "http://127.0.0.1:1/api/", "http://[::1]:1/api", "http://localhost:1/api/"]
)
def test_tests_may_have_another_slack(url: str) -> None:
    assert slack.api({"TUGBOT_SLACK_API": url}) == url.rstrip("/") + "/"
    assert slack.api({}) == slack.api({"TUGBOT_SLACK_API": " "}) == "https://slack.com/api/"


@pytest.mark.parametrize(
    "url",
    ["http://slack.com/api/", "http://10.0.0.1/", "http://localhost.evil.example/", "http://127.0.0.1@evil.example/",
     "slack.com", "file:///etc", "https://", "http://[::1"],
)  # fmt: skip
def test_tokens_are_sent_nowhere_unencrypted(url: str) -> None:
    with pytest.raises(ApiRefused):
        slack.api({"TUGBOT_SLACK_API": url})


@pytest.mark.parametrize("team", ["t0123abc", "U0123ABC", "T0123ABC\n", "T", "acme.slack.com"])
def test_a_workspace_is_named_by_its_id(team: str) -> None:
    with pytest.raises(ValueError, match="team"):
        SlackSettings(team=team)
