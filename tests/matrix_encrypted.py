"""Somebody at a Matrix client that encrypts: the timeline comes over plain HTTP, the keys and the cipher are nio's.

nio has a device and a process of its own (tests/matrix_crypto.py). Two /sync on one device would take each other's
keys: the server deletes them when it sees that they were fetched.
"""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
import sys
import threading
import uuid
from pathlib import Path

from nio.crypto.attachments import decrypt_attachment

from tests.matrix_person import Person
from tests.matrix_timeline import Said
from tests.matrix_wire import Json

ROOT = Path(__file__).parents[1]


class EncryptedPerson(Person):
    """Unverified devices are given the keys as well. `store` keeps ours; with the same store, the device is the same.

    Rooms without encryption work as well. Reactions go out unencrypted, as nio does it.
    """

    def __init__(self, person: Person, store: Path) -> None:
        super().__init__(person.wire, person.id, person.device, person.password)
        store.mkdir(parents=True, exist_ok=True)
        self.crypto_device = _device(store)  # the one that others see the keys of
        url = f"http://127.0.0.1:{person.wire.port}"
        arguments = (url, person.id, person.password, str(store), self.crypto_device)
        self._complaints = store.with_suffix(".log")
        with self._complaints.open("ab") as complaints:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.matrix_crypto", *arguments],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
            )
        self._lock = threading.Lock()
        self._ask("nothing")  # it has logged in when it answers

    def __enter__(self) -> EncryptedPerson:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._process.communicate(timeout=20)

    def event(self, room: str, kind: str, content: Json, txn: str = "") -> str:
        asked = self._ask("send", room=room, kind=kind, content=content, txn=txn or uuid.uuid4().hex)
        return str(asked["event"])

    def put(self, name: str, content: bytes, mime: str) -> Json:
        return self._ask("put", name=name, content=base64.b64encode(content).decode())

    def fetch(self, said: Said) -> bytes:
        if "file" not in said.content:
            return super().fetch(said)
        about = said.content["file"]
        kept = self.download(about["url"])
        return bytes(decrypt_attachment(kept, about["key"]["k"], about["hashes"]["sha256"], about["iv"]))

    def opened(self, room: str, events: list[Json]) -> list[Json]:
        """What cannot be decrypted stays as it is, and is tried again at the next look."""
        locked = [event for event in events if event["type"] == "m.room.encrypted" and event["content"]]
        if not locked:
            return events
        found = {event["event_id"]: event for event in self._ask("open", room=room, events=locked)["events"]}
        return [found.get(event["event_id"], event) for event in events]

    def _ask(self, what: str, **arguments: object) -> Json:
        assert self._process.stdin
        assert self._process.stdout
        with self._lock:
            self._process.stdin.write(json.dumps({"do": what, **arguments}).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        assert line, self._complaints.read_text()[-3000:]
        return dict(json.loads(line))


def _device(store: Path) -> str:
    """A name of our own choice, which stays with the keys."""
    kept = store / "device"
    if not kept.exists():
        kept.write_text(secrets.token_hex(5).upper())
    return kept.read_text()
