"""A real Matrix homeserver for tests: Synapse, as a process of its own on loopback, and people on it.

`script/synapse` installs it; TUGBOT_SYNAPSE names the directory. It is AGPL and started, never imported.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import itertools
import json
import os
import random
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.matrix_person import Person
from tests.matrix_wire import Json, Refused, Wire, part

ROOT = Path(__file__).parents[1]
PLACE = Path(os.environ.get("TUGBOT_SYNAPSE") or ROOT / ".cache" / "synapse").absolute()
HOST = "matrix.test"
START = 60.0  # seconds a server may take to answer
# Below the range that outgoing connections get theirs from, so that a port can be had again after a restart.
PORTS = range(20_000, 30_000)
UNLIMITED = {"per_second": 1_000_000, "burst_count": 1_000_000}
SHARED_SECRET = secrets.token_hex(16)


def missing() -> str:
    """What these tests lack here; "" if nothing."""
    return "" if (PLACE / "installed").exists() else "Synapse is not installed: run script/synapse"


def require() -> None:
    if lack := missing():
        pytest.fail(lack) if os.environ.get("CI") == "true" else pytest.skip(lack)


@pytest.fixture(scope="session")
def synapse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synapse]:
    """One server for many tests: use people and rooms of your own."""
    require()
    with Synapse(tmp_path_factory.mktemp("synapse")) as server:
        yield server


class Synapse:
    """`place` holds its database; another Synapse of the same place and port goes on where the first ended.

    `sync_cache` is how long an answer to /sync is given again to whoever asks the same again. Synapse's own default is
    "2m"; with that, a client that asks again with an old token gets the old answer.
    `messages` limits sending, as `{"per_second": 1, "burst_count": 2}`; `exempt` lifts it for a person.
    """

    def __init__(
        self,
        place: Path,
        *,
        sync_cache: str = "0s",
        messages: Mapping[str, float] | None = None,
        port: int | None = None,
        more: Mapping[str, object] | None = None,
    ) -> None:
        self.place = place
        self.port = port or _free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._admin: Person | None = None
        place.mkdir(parents=True, exist_ok=True)
        (place / "log.json").write_text(json.dumps(_logging()))
        settings = {**_settings(place, self.port, sync_cache, messages or UNLIMITED), **(more or {})}
        (place / "homeserver.json").write_text(json.dumps(settings))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Synapse:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # ------------------------------------------------------------ its life

    def start(self) -> None:
        program = [str(PLACE / "bin" / "python"), "-m", "synapse.app.homeserver"]
        with (self.place / "output").open("ab") as output:
            self.process = subprocess.Popen(
                [*program, "-c", "homeserver.json"], cwd=self.place, stdout=output, stderr=output
            )
        try:
            self._await_answer()
        except BaseException:
            self.stop(signal.SIGKILL)
            raise

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """SIGKILL: as if the power went."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.send_signal(signal.SIGCONT)
            self.process.wait(START)
            self.process = None

    def restart(self, how: signal.Signals = signal.SIGTERM) -> None:
        self.stop(how)
        self.start()

    def pause(self) -> None:
        """It takes connections and answers nothing, as a server or a network does that hangs."""
        self._running().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._running().send_signal(signal.SIGCONT)

    def _running(self) -> subprocess.Popen[bytes]:
        assert self.process is not None, "Synapse was not started"
        return self.process

    def _await_answer(self) -> None:
        deadline = time.monotonic() + START
        while not self._answers():
            alive = self._running().poll() is None and time.monotonic() < deadline
            assert alive, (self.place / "output").read_text()[-3000:]
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            return "versions" in Wire(self.port).call("GET", "/_matrix/client/versions", patience=2)
        except (OSError, http.client.HTTPException):
            return False

    # ------------------------------------------------------------ people

    def user(self, name: str, *, admin: bool = False) -> Person:
        """A new account. Where the name is taken, with a number behind it: a server is shared by many tests."""
        for number in itertools.count(1):
            try:
                return self._register(name if number == 1 else f"{name}{number}", admin)
            except Refused as refused:
                if refused.code != "M_USER_IN_USE":
                    raise
        raise AssertionError

    def exempt(self, person: Person) -> None:
        """No limit on sending holds for them."""
        if self._admin is None:
            self._admin = self.user("admin", admin=True)
        path = f"/_synapse/admin/v1/users/{part(person.id)}/override_ratelimit"
        self._admin.wire.call("POST", path, {"messages_per_second": 0, "burst_count": 0})

    def _register(self, name: str, admin: bool) -> Person:
        """By the secret that the configuration and we share: one call, and registration stays closed."""
        wire, path = Wire(self.port), "/_synapse/admin/v1/register"
        nonce, password = wire.call("GET", path)["nonce"], secrets.token_hex(8)
        signed = "\0".join((nonce, name, password, "admin" if admin else "notadmin"))
        mac = hmac.new(SHARED_SECRET.encode(), signed.encode(), hashlib.sha1).hexdigest()
        wanted = {"nonce": nonce, "username": name, "password": password, "admin": admin, "mac": mac}
        said = wire.call("POST", path, wanted)
        return Person(Wire(self.port, said["access_token"]), said["user_id"], said["device_id"], password)


def _free_port() -> int:
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _settings(place: Path, port: int, sync_cache: str, messages: Mapping[str, float]) -> Json:
    """JSON is YAML too. The key stands in it since having one generated would be a second start of Synapse."""
    listener = {
        "port": port,
        "type": "http",
        "bind_addresses": ["127.0.0.1"],
        "resources": [{"names": ["client"]}],
    }
    return {
        "server_name": HOST,
        "public_baseurl": f"http://127.0.0.1:{port}/",
        "signing_key": f"ed25519 a_test {_signing_key(place)}",
        "listeners": [listener],
        "database": {"name": "sqlite3", "args": {"database": str(place / "homeserver.db")}},
        "media_store_path": str(place / "media"),
        "log_config": str(place / "log.json"),
        "registration_shared_secret": SHARED_SECRET,
        "macaroon_secret_key": SHARED_SECRET,
        "bcrypt_rounds": 4,
        "report_stats": False,
        "presence": {"enabled": False},
        "push": {"enabled": False},  # a third more messages a second
        "user_directory": {"enabled": False},
        "trusted_key_servers": [],
        "federation_domain_whitelist": [],
        "caches": {"sync_response_cache_duration": sync_cache},
        "rc_message": dict(messages),
        **dict.fromkeys(("rc_registration", "rc_admin_redaction", "rc_joins_per_room"), UNLIMITED),
        **dict.fromkeys(("rc_room_creation", "rc_media_create", "rc_reports", "rc_presence"), UNLIMITED),
        "rc_login": dict.fromkeys(("address", "account", "failed_attempts"), UNLIMITED),
        "rc_joins": dict.fromkeys(("local", "remote"), UNLIMITED),
        "rc_invites": dict.fromkeys(("per_room", "per_user", "per_issuer"), UNLIMITED),
    }


def _signing_key(place: Path) -> str:
    """Kept beside the database, which it belongs to. 32 bytes in base64 without padding."""
    kept = place / "key"
    if not kept.exists():
        kept.write_text(base64.b64encode(secrets.token_bytes(32)).decode().rstrip("="))
    return kept.read_text()


def _logging() -> Json:
    handler = {"class": "logging.StreamHandler", "formatter": "plain"}
    return {
        "version": 1,
        "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
        "handlers": {"output": handler},
        "root": {"level": "WARNING", "handlers": ["output"]},
        "disable_existing_loggers": False,
    }
