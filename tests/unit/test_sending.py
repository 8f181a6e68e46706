"""`send`: a file of the workspace, into the conversation where it takes files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.commands.model import Asker
from bot.errors import UserError
from bot.replies.places import Places
from bot.sending import Sending
from bot.workspace import Workspace
from tests.transport_fake import FakeTransport
from transports.base import Capabilities, MessageRef, PermanentFailure, TemporaryFailure

ASKER = Asker("chat/room", "@ann", "Ann", "operator", "chat/room", "chat", "e1")


class Uploads(FakeTransport):
    def __init__(self, *, upload: bool = True, name: str = "chat") -> None:
        super().__init__(Capabilities(upload=upload), name)
        self.uploaded: list[tuple[str, str, bytes]] = []
        self.trouble: Exception | None = None

    async def upload(self, target: str, name: str, content: bytes) -> MessageRef:
        if self.trouble:
            raise self.trouble
        self.uploaded.append((target, name, content))
        return MessageRef(target, "m1")


def sending(transport: FakeTransport, root: Path) -> Sending:
    async def workspace_of(session: str) -> Workspace:
        return Workspace(root, Path("/workspace"))

    return Sending(Places({transport.name: transport}), workspace_of)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/.hidden report.pdf").write_bytes(b"pdf")
    return tmp_path


async def test_a_file_is_uploaded(root: Path) -> None:
    chat = Uploads()
    sent = await sending(chat, root).send(ASKER, "out/.hidden report.pdf")
    assert (sent.name, sent.size, sent.lies_at) == ("hidden report.pdf", 3, "")
    assert chat.uploaded == [("chat/room", "hidden report.pdf", b"pdf")]


async def test_the_console_says_where_it_lies(root: Path) -> None:
    console = Uploads(upload=False, name="console")
    asker = replace(ASKER, transport="console", target="console/local")
    sent = await sending(console, root).send(asker, "/workspace/out/.hidden report.pdf")
    assert sent.lies_at == str(root / "out/.hidden report.pdf")


async def test_another_network_without_files_says_so_and_no_path_of_this_machine(root: Path) -> None:
    with pytest.raises(UserError, match="`chat` takes no files") as refused:
        await sending(Uploads(upload=False), root).send(ASKER, "out/.hidden report.pdf")
    assert str(root) not in str(refused.value)


@pytest.mark.parametrize(
    ("trouble", "words"),
    [(TemporaryFailure("busy."), "could not be sent: busy. Try"), (PermanentFailure("too large"), "cannot be sent")],
)
async def test_what_the_network_does_not_take_is_told(root: Path, trouble: Exception, words: str) -> None:
    chat = Uploads()
    chat.trouble = trouble
    with pytest.raises(UserError, match=words):
        await sending(chat, root).send(ASKER, "out/.hidden report.pdf")


async def test_a_file_that_is_not_there_reaches_no_network(root: Path) -> None:
    chat = Uploads()
    with pytest.raises(UserError, match="no file `missing"):
        await sending(chat, root).send(ASKER, "missing.txt")
    assert chat.uploaded == []
