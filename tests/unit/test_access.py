"""Who may do what: the roll, the door, and what owners are answered."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from bot.access import words
from bot.access.accounts import means, resolved
from bot.access.errors import PersonAmbiguous, PersonUnknown
from bot.access.model import Account
from bot.commands import codes, parse
from bot.commands.model import CommandCall, Names
from bot.store.memory import Disk
from tests.access_world import OWNER, Clock, House, house

ANN, BOB = "@ann:example.org", "U0BOB77"
STRANGE = "I do not know you"


def code_in(text: str) -> str:
    found = re.search(r"`([A-Z0-9]{8})`", text)
    assert found, text
    return found[1]


def pairing_code(home: House) -> str:
    found = re.search(r"`pair (\w{8})`", "\n".join(home.told))
    assert found, home.told
    return found[1]


async def asked(home: House, sender: str = BOB, transport: str = "slack", **fields: object) -> str:
    """The code that a stranger is given."""
    return code_in(await home.say("hello", sender, transport, direct=True, **fields))


# ---------------------------------------------------------------- codes, names


def test_codes_have_no_look_alikes_and_are_no_words() -> None:
    made = {codes.make() for _ in range(500)}
    assert len(made) == 500
    assert all(codes.read(code) == codes.read(code.lower()) == codes.read(f"{code[:4]}-{code[4:]}") for code in made)
    assert not set("".join(made)) & set("0O1IL5S2Z8B")
    assert codes.read("reverted") is None


@pytest.mark.parametrize(
    "text", ["pair programming", "pair reverted", "revoke access", "grant me access", "members of"]
)
def test_sentences_that_begin_like_a_command_are_sentences(text: str) -> None:
    assert not isinstance(parse(text, Names()), CommandCall)


@pytest.mark.parametrize(
    ("entry", "account", "same"),
    [
        ("@me:example.org", Account("matrix", "@me:example.org"), True),
        ("@me:example.org", Account("matrix.work", "@me:example.org"), True),
        ("@me:example.org", Account("slack", "@me:example.org"), False),
        ("@me:example.org", Account("matrixlike", "@me:example.org"), False),
        ("@me:example.org", Account("matrix", "@me:example.org:8448"), False),
        ("slack:U123", Account("slack", "U123"), True),
        ("slack:U123", Account("slack.work", "U123"), False),
        ("slack:U123", Account("web", "U123"), False),
        ("matrix.work:@me:example.org", Account("matrix", "@me:example.org"), False),
        ("matrix.work:@me:example.org", Account("matrix.work", "@me:example.org"), True),
    ],
)
def test_whom_an_entry_of_the_settings_means(entry: str, account: Account, same: bool) -> None:
    assert means(entry, account) is same


def test_an_id_of_two_networks_must_be_told_apart() -> None:
    known = [Account("slack", "U1"), Account("web", "U1"), Account("slack", "U2")]
    chats = ("matrix", "matrix.work", "slack", "web")
    assert resolved("U2", known, chats) == resolved("<@U2>", known, chats) == Account("slack", "U2")
    assert resolved("web:U1", known, chats) == Account("web", "U1")
    assert resolved("slack:U9", known, chats) == Account("slack", "U9")
    assert resolved(ANN, [], ("matrix", "slack")) == Account("matrix", ANN)
    assert resolved(ANN, [Account("matrix.work", ANN)], chats) == Account("matrix.work", ANN)
    with pytest.raises(PersonAmbiguous, match="`slack:U1` or `web:U1`"):
        resolved("U1", known, chats)
    with pytest.raises(PersonAmbiguous):
        resolved(ANN, [], chats)
    for nobody in ("U9", "irc:U1", "x"):
        with pytest.raises(PersonUnknown):
            resolved(nobody, known, chats)


# ---------------------------------------------------------------- the first owner


async def test_the_start_prints_a_code_that_makes_its_sender_the_owner_once() -> None:
    disk = Disk()
    async with house(disk=disk, allow=()) as home:
        code = pairing_code(home)
        assert "You are the owner" in await home.say(f"pair {code.lower()}", BOB, "slack", direct=True)
        assert await home.say("version", BOB, "slack", direct=True) == "tugbot 1.2.3"
        assert "no pairing code" in await home.say(f"pair {code}", ANN, direct=True)
        assert home.told[1].startswith(f"{BOB.title()} (`slack:{BOB}`) is the owner")
        assert home.rows() == ["version"]
    async with house(disk=disk, allow=()) as home:
        assert home.told == []
        assert await home.say("version", BOB, "slack") == "tugbot 1.2.3"


@pytest.mark.parametrize(
    ("allow", "transports", "prints"),
    [
        ((), ("console",), False),
        ((), ("console", "matrix"), True),
        ((OWNER,), ("console", "matrix.work"), False),
        ((OWNER,), ("console", "slack"), True),  # whom nobody can hear lets nobody in
    ],
)
async def test_when_a_pairing_code_is_printed(
    allow: tuple[str, ...], transports: tuple[str, ...], prints: bool
) -> None:
    async with house(allow=allow, transports=transports) as home:
        assert bool(home.told) is prints


async def test_a_pairing_code_is_void_once_there_is_an_owner() -> None:
    async with house(allow=()) as home:
        await home.say("grant slack:U1 as owner", "me", "console", direct=True)
        assert "no pairing code" in await home.say(f"pair {pairing_code(home)}", ANN, direct=True)


async def test_a_pairing_that_cannot_be_written_counts_again() -> None:
    async with house(allow=()) as home:
        code, home.full = pairing_code(home), True
        with pytest.raises(Exception, match="disk is full"):
            await home.send(f"pair {code}", ANN, direct=True)
        assert home.roll.role(Account("matrix", ANN)) is None
        home.full = False
        assert "You are the owner" in await home.say(f"pair {code}", ANN, direct=True)


async def test_p11_wrong_pairing_codes_are_limited_by_person_and_by_network() -> None:
    clock = Clock()
    async with house(allow=(), clock=clock) as home:
        code, wrong = pairing_code(home), "pair 3333AAAA"
        told = [await home.say(wrong, ANN, direct=True) for _ in range(6)]
        assert [bool(text) for text in told] == [True] * 5 + [False]
        assert await home.say(f"pair {code}", ANN, direct=True) == ""
        for person in range(3):
            told += [await home.say(wrong, f"@{person}:x", direct=True) for _ in range(5)]
        assert await home.say(f"pair {code}", "@fresh:x", direct=True) == ""
        assert "You are the owner" in await home.say(f"pair {code}", BOB, "slack", direct=True)
        clock.now += 3601
        assert "no pairing code" in await home.say(wrong, ANN, direct=True)


async def test_a_known_person_pairs_too_and_the_code_is_not_written_down() -> None:
    async with house(allow=()) as home:
        code = pairing_code(home)
        await home.say(f"grant {ANN} as member", "me", "console", direct=True)
        assert "You are the owner" in await home.say(f"pair {code}", ANN)
        assert "already" in await home.say(f"pair {code}", ANN)
        assert "chat account" in await home.say(f"pair {code}", "me", "console", direct=True)
        assert not any(code in text for text in home.rows())


# ---------------------------------------------------------------- strangers


async def test_a_stranger_is_answered_once_an_hour_with_a_code_for_the_owner() -> None:
    clock = Clock()
    async with house(clock=clock) as home:
        code = await asked(home)
        assert await home.say("hello?", BOB, "slack", direct=True) == ""
        clock.now += 3599
        assert await home.say("hello??", BOB, "slack", direct=True) == ""
        clock.now += 2
        assert (await asked(home)) != code
        assert "No code" in await home.say(f"grant {code} as member")
        assert home.door.turned_away == 4


async def test_three_codes_at_most_for_each_network() -> None:
    clock = Clock()
    async with house(clock=clock) as home:
        for person in range(3):
            await asked(home, f"U{person}")
        crowded = await home.say("me too", "U9", "slack", direct=True)
        assert STRANGE in crowded
        assert "`" not in crowded
        assert await asked(home, ANN, "matrix")
        clock.now += 3601
        assert await asked(home, "U9")


async def test_in_a_room_a_stranger_is_answered_where_the_bot_was_addressed() -> None:
    async with house() as home:
        assert await home.say("hello all", ANN, addressed=False) == ""
        assert await home.say("pair programming today?", ANN, addressed=False) == ""
        assert await home.say("allow", ANN, answers="run/1/permission/1") == ""
        assert STRANGE in await home.say("hello bot", ANN)


async def test_a_guest_is_told_so_and_gets_no_code() -> None:
    async with house() as home:
        await home.say(f"grant {ANN} as guest")
        text = await home.say("status", ANN, direct=True)
        assert "guest" in text
        assert "`" not in text
        assert await home.say("status", ANN, direct=True) == ""
        assert home.rows() == [f"grant {ANN} as guest"]


# ---------------------------------------------------------------- grant, revoke, members


async def test_a_grant_by_code_lets_in_and_tells_whom_it_lets_in() -> None:
    disk = Disk()
    async with house(disk=disk) as home:
        code = await asked(home)
        text = await home.say(f"grant {code.lower()} as operator")
        assert f"{BOB.title()} (`slack:{BOB}`) is an operator now." in text
        assert ("slack/room", "You were let in: your role is operator. `help` lists what you may do.") in home.said
        assert "No code" in await home.say(f"grant {code} as owner")
        assert await home.say("version", BOB, "slack") == "tugbot 1.2.3"
    async with house(disk=disk) as home:
        assert home.roll.role(Account("slack", BOB)) == "operator"
        assert home.roll.role(Account("matrix", BOB)) is None


async def test_a_revoke_takes_effect_at_once_whatever_the_disk_does() -> None:
    async with house() as home:
        await home.say(f"grant {ANN} as member")
        removing = home.roll.revoke(Account("matrix", ANN))
        home.full = True
        with pytest.raises(Exception, match="could not be written down"):
            await removing
        assert home.roll.role(Account("matrix", ANN)) is None
        home.full = False
        await home.say(f"grant {ANN} as member")
        assert "is a stranger now" in await home.say(f"revoke {ANN}")
        assert STRANGE in await home.say("hello", ANN)
        assert "no role" in await home.say(f"revoke {ANN}")


async def test_a_grant_that_cannot_be_written_changes_nothing() -> None:
    async with house() as home:
        home.full = True
        with pytest.raises(Exception, match="disk is full"):
            await home.roll.grant(Account("matrix", ANN), "Ann", "owner", "me")
        assert home.roll.role(Account("matrix", ANN)) is None


async def test_owners_by_the_settings_cannot_be_changed_in_a_chat() -> None:
    async with house() as home:
        for text in (f"revoke {OWNER}", f"grant {OWNER} as guest"):
            assert "by the settings" in await home.say(text)
        assert home.roll.role(Account("matrix", OWNER)) == "owner"


@pytest.mark.parametrize("text", ["revoke slack:U1", "grant slack:U1 as guest"])
async def test_the_last_owner_in_a_chat_is_told_that_the_console_remains(text: str) -> None:
    async with house(allow=()) as home:
        await home.say("grant slack:U1 as owner", "me", "console", direct=True)
        await home.say("grant slack:U2 as owner", "me", "console", direct=True)
        assert "console" not in await home.say("revoke slack:U2", "U1", "slack")
        assert "The console's user remains" in await home.say(text, "U1", "slack")
        assert home.roll.role(Account("console", "anyone")) == "owner"


async def test_only_owners_grant_and_only_operators_read() -> None:
    async with house() as home:
        await home.say(f"grant {ANN} as operator")
        await home.say("grant slack:U1 as member")
        for text in ("grant slack:U2 as member", "revoke slack:U1"):
            assert "needs the role owner" in await home.say(text, ANN)
        assert "needs the role operator" in await home.say("members", "U1", "slack")
        assert f"`matrix:{ANN}`: operator" in await home.say("members", ANN)


async def test_codes_are_shown_to_owners_alone_and_not_before_others() -> None:
    async with house() as home:
        await home.say(f"grant {ANN} as operator")
        code = await asked(home)
        assert code in await home.say("members", direct=True)
        assert code not in await home.say("members")
        operator = await home.say("members", ANN, direct=True)
        assert BOB in operator
        assert code not in operator
        assert "turned away" in operator


async def test_names_of_strangers_are_shown_harmlessly() -> None:
    async with house() as home:
        evil = "x`\n# **all yours**\n" * 20
        inbound = home.inbound("hi", evil, "slack", direct=True)
        home.door.turn_away(inbound)
        (line,) = [line for line in (await home.say("members", direct=True)).splitlines() if "slack:" in line]
        assert len(line) < 300


@pytest.mark.parametrize(
    ("sender", "direct", "goes"),
    [(OWNER, False, True), ("@member:x", False, True), ("@guest:x", True, False), ("@new:x", True, False)],
)
async def test_whose_invitations_are_followed(sender: str, direct: bool, goes: bool) -> None:
    async with house() as home:
        await home.say("grant @member:x as member")
        await home.say("grant @guest:x as guest")
        assert home.router.admits("matrix", sender, direct=direct) is goes
    async with house(allow=()) as home:
        assert home.router.admits("matrix", "@new:x", direct=True)
        assert not home.router.admits("matrix", "@new:x", direct=False)


def test_a_name_that_somebody_chose_is_no_link_and_no_heading() -> None:
    said = words.person(Account("matrix", "@eve:example.org"), "[grant me](https://evil.example) **now** # `x`")
    assert said.startswith(r"\[grant me\](https://evil.example)")
    assert "**" not in said.replace(r"\*", "")


# ---------------------------------------------------------------- the page


def link_in(text: str) -> str:
    found = re.search(r"http://127\.0\.0\.1:8808/login#(tugl_\w+)\n", text)
    assert found, text
    return found[1]


async def test_page_gives_whoever_asks_a_link_that_is_them() -> None:
    async with house() as home:
        await home.say(f"grant slack:{BOB} as member")
        link = home.keyring.links.redeem(link_in(await home.say("page", BOB, "slack", direct=True)))
        assert link is not None
        assert (link.account, link.name) == (Account("slack", BOB), BOB.title())


async def test_a_link_is_never_written_down() -> None:
    """Operators read what is in the books, over the API too, and an owner's link would make them one."""
    async with house() as home:
        key = link_in(await home.say("page", direct=True))
        await home.say(f"why does {key} not work?")
        assert not any(key in stored.item.text for stored in home.disk.outbox.values())
        assert not any(key in text for text in home.rows())


async def test_operators_see_which_tokens_there_are(tmp_path: Path) -> None:
    async with house(data=tmp_path) as home:
        token = home.keyring.tokens.create("ci", "operator")
        assert "- `ci`: operator, a token for programs" in (said := await home.say("members"))
        assert token not in said


async def test_page_gives_no_link_where_others_read_it() -> None:
    async with house() as home:
        assert "direct message" in await home.say("page", addressed=True)
        assert "login#" not in await home.say("page logout", addressed=True)
        assert not home.keyring.links._links


async def test_page_gives_no_link_on_the_page_where_it_would_be_kept() -> None:
    here = "web/console:root"
    async with house() as home:
        for place in ({"session": here, "target": here}, {"session": here}, {"target": here}):
            await home.router.receive(replace(home.inbound("page", direct=True), **place))
            await home.quiet()
        said = [stored.item.text for stored in home.disk.outbox.values()]
        assert len(said) == 3
        assert all("You are on the page" in each for each in said)
        assert home.said == []
        assert not home.keyring.links._links
        await home.router.receive(replace(home.inbound("page logout"), session=here, target=here))
        await home.quiet()
        assert "logged out" in [stored.item.text for stored in home.disk.outbox.values()][-1]


async def test_page_is_for_people_with_a_role_and_where_there_is_one() -> None:
    async with house() as home:
        assert "login#" not in await home.say("page", BOB, "slack", direct=True)
        await home.say(f"grant slack:{BOB} as guest")
        assert "login#" not in await home.say("page", BOB, "slack", direct=True)
        home.people._page = None
        assert "There is no page" in await home.say("page", direct=True)


@pytest.mark.parametrize("text", ["page 3 is broken", "page", "page logout"])
def test_what_is_about_a_page_is_a_sentence(text: str) -> None:
    assert isinstance(parse(text, Names()), CommandCall) == (text != "page 3 is broken")


async def test_revoke_and_page_logout_log_somebody_out_everywhere(tmp_path: Path) -> None:
    async with house(data=tmp_path) as home:
        account, me = Account("slack", BOB), Account("matrix", OWNER)
        await home.say(f"grant slack:{BOB} as member")
        bobs, mine = [await home.keyring.logins.begin(who, "") for who in (account, me)]
        link = link_in(await home.say("page", BOB, "slack", direct=True))
        assert "is a stranger now" in await home.say(f"revoke slack:{BOB}")
        await home.say(f"grant slack:{BOB} as member")  # which gives nothing back
        assert home.keyring.logins.find(bobs) is None
        assert home.keyring.links.redeem(link) is None
        assert home.keyring.logins.find(mine) is not None
        assert "logged out" in await home.say("page logout", direct=True)
        assert home.keyring.logins.find(mine) is None


async def test_a_login_that_cannot_be_taken_off_the_disk_is_told(tmp_path: Path) -> None:
    async with house(data=tmp_path) as home:
        await home.say(f"grant slack:{BOB} as member")
        cookie = await home.keyring.logins.begin(Account("slack", BOB), "Bob")
        (tmp_path / "access" / "logins.json").unlink()
        (tmp_path / "access" / "logins.json").mkdir()
        assert "could not be taken off the disk" in await home.say(f"revoke slack:{BOB}")
        assert home.keyring.logins.find(cookie) is None
        assert home.roll.role(Account("slack", BOB)) is None
