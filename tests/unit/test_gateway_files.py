"""Files over the API: sent to go with a message, and taken as they were. On a real socket, with clients that lie."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.access import Account
from bot.gateway.api import uploads
from bot.gateway.api.uploads import AT_ONCE, SPARE, Full, Unwritable, Uploads
from bot.gateway.model import Bounds
from bot.transcript.model import Attached
from tests.api_world import Api, api, key

OWN = "web/api:operator"
ADA = Account("matrix", "@ada:example.org")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Api]:
    async with api(tmp_path, bounds=Bounds(max_body=1_000, body_patience=0.5)) as opened:
        yield opened


def left(place: Path) -> list[str]:
    """Files and directories that there are."""
    return sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file() or path.suffix == ".part")


def sole(place: Path) -> Path:
    (path,) = [path for path in place.rglob("*") if path.is_file()]
    return path


async def pieces(*these: bytes, pause: float = 0.0) -> AsyncIterator[bytes]:
    for each in these:
        yield each
        await asyncio.sleep(pause)


class TestSending:
    async def test_a_file_longer_than_any_body_goes_with_a_message(self, world: Api) -> None:
        content = os.urandom(90_000)
        status, made = await world.upload(content, name="../a\u202e b.txt")
        assert (status, made["name"], made["size"]) == (201, "a_ b.txt", 90_000)
        path = sole(world.uploads)
        assert path.read_bytes() == content
        assert path.stat().st_mode & 0o777 == 0o600
        status, _ = await world.ask(
            "POST", f"/sessions/{key(OWN)}/messages", {"text": "look", "files": [made["id"], made["id"]]}
        )
        assert status == 202
        await world.home.quiet()
        assert [stored.row.attachments for stored in world.home.disk.messages.values()] == [(str(path),)]

    async def test_an_empty_one(self, world: Api) -> None:
        assert (await world.upload(b""))[1]["size"] == 0
        assert sole(world.uploads).name == "a.txt"

    async def test_only_its_sender_can_name_it(self, world: Api) -> None:
        number = (await world.upload(b"x", by="owner"))[1]["id"]
        for mine in (number, "0" * 32):
            status, said = await world.ask("POST", f"/sessions/{key(OWN)}/messages", {"text": "look", "files": [mine]})
            assert (status, said["field"]) == (422, "files")
        assert world.home.rows() == []
        body = {"text": "look", "files": [number]}
        assert (await world.ask("POST", f"/sessions/{key('web/api:owner')}/messages", body, "owner"))[0] == 202

    @pytest.mark.parametrize("number", ["../../x", "", "a" * 31, "A" * 32, "a" * 33])
    async def test_ids_that_are_none(self, world: Api, number: str) -> None:
        status, said = await world.ask("POST", f"/sessions/{key(OWN)}/messages", {"text": "look", "files": [number]})
        assert (status, said["field"]) == (422, "files.0")

    async def test_eleven_are_too_many(self, world: Api) -> None:
        body = {"text": "look", "files": ["a" * 32] * 11}
        assert (await world.ask("POST", f"/sessions/{key(OWN)}/messages", body))[1]["field"] == "files"

    async def test_members_send_to_where_they_may_speak(self, world: Api) -> None:
        assert (await world.upload(b"x", "member"))[0] == 201
        await world.home.send("hello", room="!room")
        await world.home.send("use harbour", room="!bound")
        await world.home.quiet()
        kind = {"Content_Type": "application/octet-stream"}
        for room, status in (("matrix/!room", 404), ("matrix/!bound", 201), ("matrix/!gone", 404)):
            path = f"/sessions/{key(room)}/files?name=x"
            assert (await world.raw("POST", path, b"x", "member", **kind))[0] == status
        assert len(left(world.uploads)) == 2

    @pytest.mark.parametrize("by", ["guest", None])
    async def test_nobody_else_sends(self, world: Api, by: Any) -> None:
        kind = {"Content_Type": "application/octet-stream"}
        assert (await world.raw("POST", f"/sessions/{key('web/api:guest')}/files?name=x", b"x", by, **kind))[0] == 401
        assert left(world.uploads) == []

    @pytest.mark.parametrize(
        "headers",
        [{"Content_Type": "text/plain"}, {"Content_Type": "multipart/form-data"}, {"Content_Encoding": "gzip"}],
        ids=str,
    )
    async def test_what_is_no_plain_file(self, world: Api, headers: dict[str, str]) -> None:
        status, said = await world.upload(b"x", "operator", "a.txt", **headers)
        assert status == 415
        assert "application/octet-stream" in said["message"]

    async def test_a_name_is_needed(self, world: Api) -> None:
        path = f"/sessions/{key(OWN)}/files"
        status, said = await world.raw("POST", path, b"x", Content_Type="application/octet-stream")
        assert (status, said["field"]) == (422, "name")


class TestTrouble:
    async def test_one_that_is_too_long_and_says_so(self, world: Api) -> None:
        status, said = await world.upload(b"x" * 100_001)
        assert (status, said["error"], said["message"]) == (413, "too_large", "The file is larger than 100 kB.")
        assert left(world.uploads) == []

    async def test_one_that_is_too_long_and_does_not_say_so(self, world: Api) -> None:
        status, said = await world.upload(pieces(b"x" * 60_000, b"x" * 60_000))
        assert (status, said["message"]) == (413, "The file is larger than 100 kB.")
        assert left(world.uploads) == []

    async def test_what_is_left_of_one_that_is_too_long_is_no_request(self, world: Api) -> None:
        headers = {"Authorization": f"Bearer {world.tokens['operator']}", "Content-Type": "application/octet-stream"}
        path = f"/api/v1/sessions/{key(OWN)}/files?name=x"
        answer = await world.served.ask(path, "POST", b"x" * 100_001, headers)
        assert (answer.status, answer.headers["Connection"]) == (413, "close")

    async def test_one_that_stops_half_way(self, world: Api) -> None:
        assert (await world.upload(pieces(b"x" * 20_000, b"", pause=2.0)))[0] == 408
        assert left(world.uploads) == []

    async def test_one_that_crawls(self, world: Api) -> None:
        """Bytes now and then are no progress."""
        assert (await world.upload(pieces(*[b"x"] * 100, pause=0.02)))[0] == 408
        assert left(world.uploads) == []

    async def test_one_that_takes_long_and_goes_on(self, world: Api) -> None:
        status, made = await world.upload(pieces(*[b"x" * 10_000] * 8, pause=0.1))
        assert (status, made["size"]) == (201, 80_000)

    async def test_its_sender_hangs_up(self, world: Api) -> None:
        head = (
            f"POST /api/v1/sessions/{key(OWN)}/files?name=x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000\r\n"
            f"Authorization: Bearer {world.tokens['operator']}\r\nContent-Type: application/octet-stream\r\n\r\n"
        )
        _, writer = await asyncio.open_connection("127.0.0.1", world.served.port)
        writer.write(head.encode() + b"x" * 20_000)
        await writer.drain()
        while not left(world.uploads):
            await world.ask("GET", "/me")
        writer.transport.abort()
        while left(world.uploads):
            await world.ask("GET", "/me")

    async def test_too_many_at_the_same_time(self, world: Api) -> None:
        go = asyncio.Event()

        async def held() -> AsyncIterator[bytes]:
            yield b"x" * 20_000
            await go.wait()

        async with asyncio.TaskGroup() as group:
            sent = [group.create_task(world.upload(held())) for _ in range(AT_ONCE)]
            while len(left(world.uploads)) < AT_ONCE:
                await world.ask("GET", "/me")
            status, said = await world.upload(b"x")
            assert (status, said["error"]) == (429, "too_many_requests")
            assert f"{AT_ONCE} files" in said["message"]
            assert (await world.upload(b"x", "owner"))[0] == 201  # each has a measure of their own
            go.set()
        assert [task.result()[0] for task in sent] == [201] * AT_ONCE
        assert (await world.upload(b"x"))[0] == 201

    async def test_the_disk_is_as_good_as_full(self, tmp_path: Path) -> None:
        async with api(tmp_path, free=SPARE + 10) as world:
            status, said = await world.upload(b"x" * 11)
            assert (status, said["error"]) == (507, "insufficient_storage")
            assert said["message"]
            assert (await world.upload(pieces(b"x")))[0] == 507  # nobody says how much it will be
            assert left(world.uploads) == []
            assert (await world.upload(b"x" * 10))[0] == 201


class TestTheDisk:
    @pytest.mark.parametrize(
        ("code", "error"),
        [(errno.ENOSPC, Full), (errno.EDQUOT, Full), (errno.EIO, Unwritable), (errno.EROFS, Unwritable)],
    )
    async def test_it_refuses_half_way(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, error: type[Exception]
    ) -> None:
        written: list[object] = []

        async def in_thread(write: Any, *given: Any) -> None:
            if written:
                raise OSError(code, os.strerror(code))
            written.append(write(*given))

        monkeypatch.setattr(uploads, "in_thread", in_thread)
        store = Uploads(tmp_path, 100, lambda _: 1 << 40)
        with pytest.raises(error):
            await store.keep(ADA, "a", pieces(b"x", b"y"), None)
        assert left(tmp_path) == []

    async def test_what_a_crash_left_is_swept(self, tmp_path: Path) -> None:
        store = Uploads(tmp_path, 100)
        kept = await store.keep(ADA, "a", pieces(b"x"), 1)
        half = tmp_path / ("b" * 32) / ("c" * 32)
        half.mkdir(parents=True)
        (half / ".part").write_bytes(b"x")
        await store.sweep()
        assert not half.exists()
        found = await store.find(ADA, kept.id)
        assert found is not None
        assert found.read_bytes() == b"x"

    async def test_one_that_was_pruned(self, tmp_path: Path) -> None:
        store = Uploads(tmp_path, 100)
        kept = await store.keep(ADA, "a", pieces(b"x"), 1)
        sole(tmp_path).unlink()
        assert await store.find(ADA, kept.id) is None
        assert await store.find(Account("matrix", "@bob:example.org"), kept.id) is None


class TestTaking:
    async def said(
        self, world: Api, name: str = "a.html", content: bytes | None = b"<script>", kept: bool = True
    ) -> str:
        await world.home.send("hello", room="!room")
        await world.home.quiet()
        session = "matrix/!room"
        number = await world.speak(session, parts=(), kind="file", file=Attached(name, 8, kept=kept))
        if content is not None:
            (world.files / str(number)).mkdir(parents=True)
            (world.files / str(number) / name).write_bytes(content)
        return f"/sessions/{key(session)}/files/{number}"

    async def test_it_is_saved_and_never_shown(self, world: Api) -> None:
        answer = await world.download(await self.said(world, "ä b.html"))
        assert (answer.status, answer.body) == (200, b"<script>")
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''%C3%A4%20b.html"
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Length"] == "8"

    async def test_a_long_one(self, world: Api) -> None:
        content = os.urandom(3_000_000)
        assert (await world.download(await self.said(world, "a", content))).body == content

    async def test_it_is_gone(self, world: Api) -> None:
        for path in (await self.said(world, content=None), await self.said(world, kept=False)):
            assert (await world.ask("GET", path))[0] == 404
        plain = await world.speak("matrix/!room")
        assert (await world.ask("GET", f"/sessions/{key('matrix/!room')}/files/{plain}"))[0] == 404
        assert (await world.ask("GET", f"/sessions/{key('matrix/!room')}/files/99"))[0] == 404

    async def test_no_link_is_followed(self, world: Api, tmp_path: Path) -> None:
        path = await self.said(world, "a", content=None)
        place = world.files / path.rpartition("/")[2]
        place.mkdir(parents=True)
        (tmp_path / "secret").write_bytes(b"x")
        (place / "a").symlink_to(tmp_path / "secret")
        assert (await world.ask("GET", path))[0] == 404

    @pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
    async def test_what_is_no_plain_file_is_none(self, world: Api, make: Any) -> None:
        path = await self.said(world, "a", content=None)
        place = world.files / path.rpartition("/")[2]
        place.mkdir(parents=True)
        make(place / "a")
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(9):
            assert (await world.ask("GET", path))[0] == 404
        assert len(os.listdir("/proc/self/fd")) < before + 9

    async def test_members_take_what_is_theirs_to_see(self, world: Api) -> None:
        path = await self.said(world)
        assert (await world.download(path, "member")).status == 404
        await world.home.send("use harbour", room="!room")
        await world.home.quiet()
        assert (await world.download(path, "member")).status == 200
