"""Accounts of chat networks: what is set up, whose token, what is told before anything is begun."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from bot import networks
from bot.cli_init import with_account
from bot.networks import EncryptionAlone, TokenMissing, TransportUnknown, check, matrix_accounts, matrix_token
from bot.secrets import Secrets
from bot.settings import Settings
from bot.settings.transports import MatrixAccountSettings, MatrixSettings, TransportsSettings
from transports.matrix.model import Account

HOME = "https://matrix.example.org"
WORK = MatrixAccountSettings(homeserver="https://matrix.work.example", user="@bot:work.example")


def settings(**matrix: object) -> Settings:
    own = MatrixSettings(**{"homeserver": HOME, "user": "@bot:example.org", **matrix})  # type: ignore[arg-type]
    return Settings().model_copy(update={"transports": TransportsSettings(matrix=own)})


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
        Secrets(tmp_path).set(networks.scope(account.short), networks.TOKEN, f"kept for {account.user}")
        Secrets(tmp_path).set(networks.scope(account.short), networks.DEVICE, "DEVICE")
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
