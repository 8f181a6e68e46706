"""`send`: who may, what is a path, and what is answered."""

from __future__ import annotations

from typing import cast

import pytest

from bot.commands import parse
from bot.commands.model import Asker, CommandCall, Desk, Invocation, Names, PlainText, Reply, Role, SentFile, Usage
from bot.commands.phrases import size
from bot.store.records import SessionSettings


class FakeDesk:
    def __init__(self, project: str | None, sent: SentFile) -> None:
        self.project = project
        self.sent = sent
        self.asked: list[str] = []

    async def settings(self, session: str) -> SessionSettings:
        return SessionSettings(project=self.project)

    async def send(self, asker: Asker, path: str) -> SentFile:
        self.asked.append(path)
        return self.sent


async def say(text: str, role: Role, project: str | None, sent: SentFile | None = None) -> tuple[Reply, list[str]]:
    call = parse(text, Names())
    assert isinstance(call, CommandCall)
    desk = FakeDesk(project, sent or SentFile("a.txt", 1234))
    asker = Asker("chat/room", "@ann", "Ann", role, "chat/room", "chat", "e1")
    reply = await call.command.handler(Invocation(call.command, call.args, asker, 1), cast("Desk", desk))
    return reply, desk.asked


@pytest.mark.parametrize(
    ("role", "project", "may"),
    [("member", "harbour", True), ("member", None, False), ("operator", None, True), ("owner", "harbour", True)],
)
async def test_who_may_send(role: Role, project: str | None, may: bool) -> None:
    reply, asked = await say("send out/a.txt", role, project)
    assert (reply.ok, asked) == (may, ["out/a.txt"] if may else [])


async def test_the_answer_names_the_file_and_its_size() -> None:
    reply, _ = await say('send "out/my a.txt"', "owner", "harbour")
    assert reply.text == "Sent `a.txt` (1.2 kB)."
    reply, _ = await say("send ./a.txt", "owner", None, SentFile("a.txt", 1, "/home/me/a.txt"))
    assert reply.text == "`a.txt` (1 byte) lies at `/home/me/a.txt`."


@pytest.mark.parametrize("text", ["send it", "send it.", "send me the file a.txt", "send Makefile", "send"])
def test_sentences_go_to_the_agent(text: str) -> None:
    assert isinstance(parse(text, Names()), PlainText)


def test_a_prefixed_word_is_told_how_it_becomes_a_path() -> None:
    found = parse("/send Makefile", Names())
    assert isinstance(found, Usage)
    assert "`./Makefile`" in found.text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (14_230, "14.2 kB"), (52_428_800, "52.4 MB"), (50_000_000, "50 MB")],
)
def test_sizes(number: int, text: str) -> None:
    assert size(number) == text
