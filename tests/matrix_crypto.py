"""nio with one device, as a program: a JSON object a line on stdin, its answer a line on stdout.

A process of its own because nio binds its tables for the whole process while it writes: two clients in two threads,
one of them perhaps the bot's, write into each other's stores.

    python -m tests.matrix_crypto URL USER PASSWORD STORE DEVICE
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import sys
from typing import Any

import nio

Json = dict[str, Any]

PATIENCE = 30.0  # seconds; then this program ends, with the reason on stderr


class Crypto:
    def __init__(self, client: nio.AsyncClient) -> None:
        self.client = client
        self.opened: dict[str, Json] = {}  # each is decrypted once: nio takes the second time for a replay

    async def answer(self, asked: Json) -> Json:
        async with asyncio.timeout(PATIENCE):
            return dict(await getattr(self, f"do_{asked.pop('do')}")(**asked))

    async def do_nothing(self) -> Json:
        return {}

    async def do_send(self, room: str, kind: str, content: Json, txn: str) -> Json:
        while room not in self.client.rooms:
            await self.client.synced.wait()
        await self.client.joined_members(room)  # who joined a moment ago gets the key as well
        if self.client.should_query_keys:
            await self.client.keys_query()
        answer = await self.client.room_send(room, kind, content, txn, ignore_unverified_devices=True)
        assert isinstance(answer, nio.RoomSendResponse), answer
        return {"event": answer.event_id}

    async def do_put(self, name: str, content: str) -> Json:
        plain = base64.b64decode(content)
        answer, keys = await self.client.upload(
            io.BytesIO(plain), "application/octet-stream", name, encrypt=True, filesize=len(plain)
        )
        assert isinstance(answer, nio.UploadResponse), answer
        return {"file": {"url": answer.content_uri, **(keys or {})}}

    async def do_open(self, room: str, events: list[Json]) -> Json:
        return {"events": [self._opened(room, event) for event in events]}

    def _opened(self, room: str, event: Json) -> Json:
        """As it is where the key has not come."""
        if event["event_id"] not in self.opened:
            parsed = nio.Event.parse_encrypted_event({**event, "room_id": room})
            try:
                found = self.client.decrypt_event(parsed) if isinstance(parsed, nio.MegolmEvent) else parsed
            except nio.EncryptionError:
                return event
            self.opened[event["event_id"]] = {**event, **found.source}
        return self.opened[event["event_id"]]


async def main(url: str, user: str, password: str, store: str, device: str) -> None:
    config = nio.AsyncClientConfig(max_timeouts=3, max_limit_exceeded=5, pickle_key="of a test")
    client = nio.AsyncClient(url, user, device, store, config)
    answer = await client.login(password)
    assert isinstance(answer, nio.LoginResponse), answer
    reader = asyncio.StreamReader(limit=2**26)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    crypto = Crypto(client)
    syncing = asyncio.create_task(client.sync_forever(timeout=2000, full_state=True), name="sync")
    while line := await reader.readline():
        print(json.dumps(await crypto.answer(json.loads(line))), flush=True)
    syncing.cancel()
    await asyncio.gather(syncing, return_exceptions=True)
    await client.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
