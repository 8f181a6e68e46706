from __future__ import annotations

from pathlib import Path

import pytest

from bot.agents.environment import certificate_paths, child_environment

BOT = {
    "PATH": "/bin",
    "HOME": "/home/x",
    "LC_ALL": "C",
    "https_proxy": "p",
    "NODE_EXTRA_CA_CERTS": "/ca.pem",
    "TUGBOT_DATABASE_URL": "secret",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "KEY": "from the bot",
    "EMPTY": "",
}


def test_only_what_is_allowed_and_listed_passes() -> None:
    child = child_environment(BOT, ["KEY"])
    assert child.values == {
        "PATH": "/bin",
        "HOME": "/home/x",
        "LC_ALL": "C",
        "https_proxy": "p",
        "NODE_EXTRA_CA_CERTS": "/ca.pem",
        "KEY": "from the bot",
    }
    assert child.missing == ()


def test_secrets_come_before_the_bots_environment() -> None:
    assert child_environment(BOT, ["KEY"], {"KEY": "a secret", "OTHER": "x"}).values["KEY"] == "a secret"
    assert "OTHER" not in child_environment(BOT, ["KEY"], {"OTHER": "x"}).values


def test_what_is_missing_is_told_and_absent() -> None:
    child = child_environment(BOT, ["NOPE", "EMPTY", "KEY", "NOPE"])
    assert child.missing == ("NOPE", "EMPTY")
    assert not {"NOPE", "EMPTY"} & child.values.keys()


@pytest.mark.parametrize("name", ["LD_PRELOAD", "PYTHONPATH", "NODE_OPTIONS", "SSH_AUTH_SOCK", "TUGBOT_DATA_DIR"])
def test_what_would_steer_or_betray_does_not_pass(name: str) -> None:
    assert child_environment({name: "x"}).values == {}


def test_certificates_are_to_be_readable() -> None:
    assert certificate_paths({"SSL_CERT_FILE": "/b", "SSL_CERT_DIR": "/a", "CURL_CA_BUNDLE": "relative"}) == (
        Path("/a"),
        Path("/b"),
    )
