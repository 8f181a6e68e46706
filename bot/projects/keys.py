"""Keys of a project: one that lets people in, one that proves the container, one for its repository."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from bot.projects.model import Owner

CLIENT, HOST, DEPLOY = "id_ed25519", "ssh_host_ed25519_key", "deploy_ed25519"


@dataclass(frozen=True, slots=True)
class KeyPair:
    private: bytes  # OpenSSH's own format
    public: str  # one line, without a comment


def make() -> KeyPair:
    # Imported here: a start without a new project has no use for it.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    return KeyPair(private, key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode())


@dataclass(frozen=True, slots=True)
class KeyDirectory:
    """`<data>/projects/<name>/`: `client` is for people here, `container` is mounted read-only, `git` too."""

    root: Path

    @property
    def client(self) -> Path:
        return self.root / CLIENT

    @property
    def known_hosts(self) -> Path:
        return self.root / "known_hosts"

    @property
    def container(self) -> Path:
        return self.root / "container"

    @property
    def git(self) -> Path:
        return self.root / "git"

    @property
    def deploy_public(self) -> Path:
        return self.git / f"{DEPLOY}.pub"

    def write(self, port: int, owner: Owner) -> None:
        """Client and host key, unless they are there: both outlive rebuilds, so that pins and editors stay right."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        _directory(self.container, owner)
        if not self.client.exists():
            pair = make()
            put(self.container / "authorized_keys", f"{pair.public} tugbot\n".encode(), 0o644, owner)
            put(self.root / f"{CLIENT}.pub", f"{pair.public} tugbot\n".encode(), 0o644)
            put(self.client, pair.private, 0o600)  # last: its presence says that the pair is whole
        if not (self.container / HOST).exists():
            pair = make()
            put(self.container / f"{HOST}.pub", f"{pair.public}\n".encode(), 0o644, owner)
            put(self.container / HOST, pair.private, 0o600, owner)
        public = (self.container / f"{HOST}.pub").read_text().strip()
        put(self.known_hosts, f"[127.0.0.1]:{port} {public}\n".encode(), 0o600)

    def write_deploy(self, owner: Owner) -> str:
        """The key that a repository's host may be told; its public line."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        _directory(self.git, owner)
        if not (self.git / DEPLOY).exists():
            pair = make()
            put(self.deploy_public, f"{pair.public} tugbot\n".encode(), 0o644, owner)
            put(self.git / DEPLOY, pair.private, 0o600, owner)
        return self.deploy_public.read_text().strip()


def _directory(path: Path, owner: Owner) -> None:
    path.mkdir(mode=0o700, exist_ok=True)
    own(path, owner)


def put(path: Path, content: bytes, mode: int, owner: Owner | None = None) -> None:
    """Write a file in one step: it is whole, with its mode and owner, or it is not there."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with open(new, "xb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW, mode)) as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    own(new, owner)
    os.replace(new, path)


def own(path: Path, owner: Owner | None) -> None:
    """Give it to the project's user, where that is somebody else: only a bot run by root has such projects."""
    if owner is not None and os.geteuid() == 0 and owner.uid != 0:
        os.chown(path, owner.uid, owner.gid, follow_symlinks=False)
