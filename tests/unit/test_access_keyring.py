"""Tokens, links and logins: what counts, for how long, and what lies on the disk."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bot import private
from bot.access import API, Account, Keyring, Roll
from bot.access import keys as keys_
from bot.access.errors import TokenExists, TokenMissing, TokenNameInvalid
from bot.access.invitations import Invitations
from bot.access.keyring import NOTING
from bot.access.links import AT_MOST, LIFE, OF_ONE, Links
from bot.access.logins import IDLE
from bot.access.logins import OF_ONE as LOGINS_OF_ONE
from bot.access.tokens import DAY, Tokens
from bot.redact import redact
from bot.store.memory import Disk, MemoryStore
from tests.access_world import Clock

ANN, BOB = Account("matrix", "@ann:example.org"), Account("slack", "U0BOB77")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(tmp_path: Path, clock: Clock) -> Tokens:
    return Tokens(tmp_path, clock)


def stored(data: Path, name: str = "tokens.json") -> Path:
    return data / "access" / name


# ---------------------------------------------------------------- tokens


def test_a_token_is_found_by_itself_and_kept_as_a_digest(tokens: Tokens, tmp_path: Path) -> None:
    token = tokens.create("ci", "operator")
    found = tokens.find(token)
    assert found is not None
    assert (found.name, found.role) == ("ci", "operator")
    assert token not in stored(tmp_path).read_text()
    assert token[4:] not in stored(tmp_path).read_text()
    for other in ("", token[:-1], token + "x", token.swapcase(), found.digest, "tug_", "\udcff", "\ud800"):
        assert tokens.find(other) is None


def test_files_are_ours_alone(tokens: Tokens, tmp_path: Path) -> None:
    tokens.create("ci", "member")
    assert {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "access").iterdir()} == {
        "tokens.json": 0o600,
        "lock": 0o600,
    }
    assert (tmp_path / "access").stat().st_mode & 0o777 == 0o700


def test_a_running_bot_notices_what_another_process_changes(tokens: Tokens, tmp_path: Path, clock: Clock) -> None:
    other = Tokens(tmp_path, clock)
    assert tokens.role("ci") is None
    token = other.create("ci", "member")
    assert tokens.find(token) is not None
    assert tokens.role("ci") == "member"
    other.revoke("ci")
    assert tokens.find(token) is None
    assert tokens.role("ci") is None
    again = other.create("ci", "owner")
    assert tokens.find(token) is None
    assert tokens.role("ci") == "owner"
    assert tokens.find(again) is not None


def test_a_token_is_over_at_its_time(tokens: Tokens, clock: Clock) -> None:
    token = tokens.create("ci", "member", days=2)
    clock.now += 2 * DAY - 1
    assert tokens.find(token) is not None
    clock.now += 1
    assert tokens.find(token) is None
    assert tokens.role("ci") is None
    assert [each.name for each in tokens.all()] == ["ci"]  # which `tugbot token list` shows as over
    assert tokens.find(tokens.create("ci", "owner")) is not None  # its name is free


def test_names_are_unique_and_plain(tokens: Tokens) -> None:
    tokens.create("ci", "member")
    with pytest.raises(TokenExists, match="tugbot token revoke ci"):
        tokens.create("ci", "owner")
    assert tokens.role("ci") == "member"
    for name in ("", "CI", "-x", "a b", "../x", "a" * 41, "é", "a\n", "\u202egnp"):
        with pytest.raises(TokenNameInvalid):
            tokens.create(name, "member")
    with pytest.raises(TokenMissing):
        tokens.revoke("gone")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null x",
        '"x"',
        '{"ci": 1}',
        '{"ci": {}}',
        '{"ci": {"role": "owner", "sha256": "%s", "made_at": [], "expires_at": null}}',
        '{"ci": {"role": "owner", "sha256": "%s", "made_at": 1, "expires_at": "never"}}',
    ],
)
def test_of_a_damaged_file_no_token_counts(
    tokens: Tokens, tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    token = tokens.create("ci", "owner")
    assert tokens.find(token) is not None
    stored(tmp_path).write_text(text.replace("%s", keys_.digest(token)))
    for _ in range(3):
        assert tokens.find(token) is None
        assert tokens.role("ci") is None
    assert len(caplog.records) == 1


def test_a_file_that_others_can_read_counts_no_more(tokens: Tokens, tmp_path: Path) -> None:
    token = tokens.create("ci", "owner")
    stored(tmp_path).chmod(0o644)
    os.utime(stored(tmp_path), ns=(1, 1))
    assert tokens.find(token) is None
    with pytest.raises(private.Unreadable, match="chmod 600"):
        tokens.all()


def test_an_unknown_role_gives_nothing(tokens: Tokens, tmp_path: Path) -> None:
    tokens.create("ci", "owner")
    text = stored(tmp_path).read_text().replace('"owner"', '"admiral"')
    private.replace(stored(tmp_path), json.loads(text))
    assert tokens.role("ci") == "guest"


def test_two_at_once_lose_nothing(tmp_path: Path) -> None:
    async def both() -> None:
        many = [asyncio.to_thread(Tokens(tmp_path).create, f"t{number}", "member") for number in range(20)]
        await asyncio.gather(*many)

    asyncio.run(both())
    assert len(Tokens(tmp_path).all()) == 20


async def test_the_roll_knows_tokens_and_nothing_else_gives_one_a_role(tokens: Tokens) -> None:
    roll = Roll(MemoryStore(Disk()).members, ["api:set"], token=tokens.role)
    await roll.grant(Account(API, "granted"), "x", "owner", "somebody")
    tokens.create("ci", "operator")
    assert roll.role(Account(API, "ci")) == "operator"
    assert roll.role(Account(API, "set")) is None
    assert roll.role(Account(API, "granted")) is None
    tokens.revoke("ci")
    assert roll.role(Account(API, "ci")) is None


def test_tokens_are_taken_out_of_messages(tokens: Tokens) -> None:
    token = tokens.create("ci", "member")
    assert redact(f"use {token}, please") == ("use [secret], please", 1)
    assert redact(f"Authorization: Bearer {token}\n") == ("Authorization: Bearer [secret]\n", 1)
    for prefix in (keys_.LINK, keys_.COOKIE):
        assert redact(f"/login#{keys_.make(prefix)}") == ("/login#[secret]", 1)
    assert redact("tug_harbour tug_1") == ("tug_harbour tug_1", 0)


# ---------------------------------------------------------------- links


def test_a_link_counts_once_and_for_ten_minutes(clock: Clock) -> None:
    links = Links(clock)
    first, second = links.make(ANN, "Ann"), links.make(BOB, "Bob")
    clock.now += LIFE - 1
    link = links.redeem(first)
    assert link is not None
    assert (link.account, link.name) == (ANN, "Ann")
    assert links.redeem(first) is None
    clock.now += 1
    assert links.redeem(second) is None


def test_links_are_bounded(clock: Clock) -> None:
    links = Links(clock)
    theirs = [links.make(ANN, "Ann") for _ in range(OF_ONE + 2)]
    assert [links.redeem(key) is not None for key in theirs] == [False, False, *[True] * OF_ONE]
    made = [links.make(Account("slack", f"U{number}"), "") for number in range(AT_MOST + 1)]
    assert links.redeem(made[0]) is None
    assert links.redeem(made[1]) is not None


def test_what_is_no_link_uses_none_up(clock: Clock) -> None:
    links = Links(clock)
    key = links.make(ANN, "Ann")
    for wrong in ("", key[:-1], key + "0", key.swapcase(), "\ud800", "x" * 100_000):
        assert links.redeem(wrong) is None
    assert links.redeem(key) is not None


# ---------------------------------------------------------------- logins


async def test_a_restart_logs_nobody_out(tmp_path: Path, clock: Clock) -> None:
    cookie = await Keyring(tmp_path, clock).logins.begin(ANN, "Ann")
    assert cookie not in stored(tmp_path, "logins.json").read_text()
    assert stored(tmp_path, "logins.json").stat().st_mode & 0o777 == 0o600
    found = Keyring(tmp_path, clock).logins.find(cookie)
    assert found is not None
    assert (found.account, found.name) == (ANN, "Ann")


async def test_a_login_is_over_after_thirty_days_without_use(tmp_path: Path, clock: Clock) -> None:
    keyring = Keyring(tmp_path, clock)
    cookie = await keyring.logins.begin(ANN, "Ann")
    clock.now += IDLE - 1
    login = keyring.logins.find(cookie)
    assert login is not None
    keyring.uses.note(login.digest)
    clock.now += IDLE - 1
    assert keyring.logins.find(cookie) is not None
    clock.now += 1
    assert keyring.logins.find(cookie) is None


async def test_a_clock_that_was_wrong_makes_no_login_last(tmp_path: Path, clock: Clock) -> None:
    keyring = Keyring(tmp_path, clock)
    clock.now += 1_000 * DAY
    cookie = await keyring.logins.begin(ANN, "Ann")
    clock.now -= 1_000 * DAY
    assert keyring.logins.find(cookie) is not None
    clock.now += IDLE
    assert keyring.logins.find(cookie) is None


async def test_logging_out_ends_one_or_all(tmp_path: Path, clock: Clock) -> None:
    keyring = Keyring(tmp_path, clock)
    first, second, bobs = [await keyring.logins.begin(who, "") for who in (ANN, ANN, BOB)]
    link = keyring.links.make(ANN, "Ann")
    await keyring.logins.end(first)
    assert keyring.logins.find(first) is None
    assert keyring.logins.find(second) is not None
    await keyring.log_out(ANN)
    assert keyring.links.redeem(link) is None
    for again in (keyring, Keyring(tmp_path, clock)):
        assert again.logins.find(second) is None
        assert again.logins.find(bobs) is not None


async def test_logins_are_bounded_and_who_was_away_longest_goes(tmp_path: Path, clock: Clock) -> None:
    logins = Keyring(tmp_path, clock).logins
    bobs = await logins.begin(BOB, "")
    cookies = []
    for _ in range(LOGINS_OF_ONE + 1):
        clock.now += 1
        cookies.append(await logins.begin(ANN, ""))
    assert [logins.find(cookie) is not None for cookie in cookies] == [False, *[True] * LOGINS_OF_ONE]
    assert logins.find(bobs) is not None


async def test_where_nothing_can_be_written_nobody_is_logged_in_and_whoever_leaves_is_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logins = Keyring(tmp_path).logins
    cookie = await logins.begin(ANN, "Ann")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(private, "replace", full)
    with pytest.raises(OSError, match="No space"):
        await logins.begin(ANN, "Ann")
    with pytest.raises(OSError, match="No space"):
        await logins.end_all(ANN)
    assert logins.find(cookie) is None


@pytest.mark.parametrize("text", ["", "[1]", '{"x": {}}', '{"x": 1}', '{"x": {"transport": "a", "user": "b"}}'])
async def test_of_a_damaged_file_nobody_is_logged_in_and_people_can_log_in_again(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    cookie = await Keyring(tmp_path).logins.begin(ANN, "Ann")
    stored(tmp_path, "logins.json").write_text(text)
    logins = Keyring(tmp_path).logins
    assert logins.find(cookie) is None
    assert "everybody is logged out" in caplog.text
    assert logins.find(await logins.begin(ANN, "Ann")) is not None


# ---------------------------------------------------------------- uses


async def test_uses_are_written_once_in_a_while_and_at_the_end(tmp_path: Path, clock: Clock) -> None:
    keyring = Keyring(tmp_path, clock)
    token = keyring.tokens.find(keyring.tokens.create("ci", "member"))
    assert token is not None
    for _ in range(1_000):
        keyring.uses.note(token.digest)
    keyring.uses.note("of a token that is gone")
    assert not stored(tmp_path, "uses.json").exists()
    running = asyncio.ensure_future(keyring.run())
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert json.loads(stored(tmp_path, "uses.json").read_text()) == {token.digest: clock.now}
    assert keyring.uses.due(lambda digest: True) is None
    assert NOTING >= 60


@pytest.mark.parametrize("text", ["", "[]", '{"x": "y"}', '{"x": NaN}', '{"x": 1e999}'])
def test_damaged_uses_are_none(tmp_path: Path, text: str) -> None:
    stored(tmp_path).parent.mkdir()
    stored(tmp_path, "uses.json").write_text(text)
    stored(tmp_path, "uses.json").chmod(0o600)
    assert Keyring(tmp_path).uses.last("x") is None


async def test_uses_that_cannot_be_written_are_a_line_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    keyring = Keyring(tmp_path)
    keyring.uses.note("x")
    write = keyring.uses.due(lambda digest: True)
    monkeypatch.setattr(private, "replace", _raising(OSError(28, "No space left on device")))
    assert write is not None
    with caplog.at_level(logging.WARNING):
        write()
    assert "No space" in caplog.text


def _raising(error: Exception) -> Callable[..., None]:
    def fails(*_: object, **__: object) -> None:
        raise error

    return fails


# ---------------------------------------------------------------- links of another process


def test_a_link_of_the_command_counts_once(tmp_path: Path, clock: Clock) -> None:
    key = Invitations(tmp_path, clock).make(ANN, "Ann")
    assert key not in stored(tmp_path, "links.json").read_text()
    keyring = Keyring(tmp_path, clock)
    assert keyring.redeem(key + "x") is None
    link = keyring.redeem(key)
    assert link is not None
    assert (link.account, link.name) == (ANN, "Ann")
    assert keyring.redeem(key) is None
    assert Keyring(tmp_path, clock).redeem(key) is None


def test_a_link_of_the_command_is_over_after_ten_minutes(tmp_path: Path, clock: Clock) -> None:
    key = Invitations(tmp_path, clock).make(ANN, "Ann")
    clock.now += LIFE
    assert Keyring(tmp_path, clock).redeem(key) is None


def test_only_the_newest_links_of_the_command_count(tmp_path: Path, clock: Clock) -> None:
    links = [Invitations(tmp_path, clock).make(ANN, "Ann") for _ in range(OF_ONE + 2)]
    keyring = Keyring(tmp_path, clock)
    assert [keyring.redeem(key) is not None for key in links] == [False, False, *[True] * OF_ONE]


def test_a_damaged_file_of_links_lets_nobody_in_and_is_told(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    key = Invitations(tmp_path, clock).make(ANN, "Ann")
    stored(tmp_path, "links.json").write_text("[7]")
    assert Keyring(tmp_path, clock).redeem(key) is None
    assert "damaged" in caplog.text
