"""A real Docker engine for tests: a bot with projects, a git server in a container, and a look at what is left.

Needs an engine on this machine, a base image (`tugbot stacks base`, or the one that TUGBOT_BASE_IMAGE names), root and
ssh.
"""

from __future__ import annotations

import datetime
import ipaddress
import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from bot.projects.engine import Engine
from bot.projects.gitrun import GitRunner
from bot.projects.images import Images, ImageSettings
from bot.projects.install import install_id
from bot.projects.model import GitIdentity, Order
from bot.projects.settings import ProjectSettings
from bot.projects.workshop import Workshop
from bot.store.memory.disk import Disk
from bot.store.memory.store import MemoryStore
from tests.bot_process import BotProcess

ROOT = Path(__file__).parents[1]
ROOTFS = os.environ.get("TUGBOT_BASE_IMAGE") or "tugbot/rootfs:trixie"
# What this machine's own programs trust; containers need it as well where all traffic goes through a proxy.
MACHINE_CA = os.environ.get("SSL_CERT_FILE") or "/etc/ssl/certs/ca-certificates.crt"
TOKEN = "planted-" + secrets.token_hex(12)  # of the private repositories; looked for where it must not be
BUILD = 420.0  # seconds that an image may take to be built
SERVER = "gitserver"


def docker(*words: str, check: bool = True, env: Mapping[str, str] | None = None) -> str:
    said = subprocess.run(
        ["docker", *words], capture_output=True, text=True, timeout=120, env={**os.environ, **(env or {})}
    )
    if check and said.returncode:
        raise AssertionError(f"docker {' '.join(words)}: {said.stderr}")
    return said.stdout.strip()


def missing() -> str:
    """What these tests lack here; "" if nothing."""
    for program, package in (("docker", "docker.io"), ("ssh", "openssh-client"), ("git", "git")):
        if shutil.which(program) is None:
            return f"`{program}` is not installed (apt install {package})"
    if os.geteuid() != 0:
        return "they are run by root: the bot is tried as several users"
    if subprocess.run(["docker", "info"], capture_output=True).returncode:
        return "the Docker engine does not answer"
    if not docker("images", "-q", ROOTFS):
        return f"there is no base image {ROOTFS} (tugbot stacks base)"
    return ""


def require() -> None:
    if lack := missing():
        pytest.fail(lack) if os.environ.get("CI") == "true" else pytest.skip(lack)


# ---------------------------------------------------------------- what there is


def listing() -> dict[str, set[str]]:
    """Everything of Tugbot's on the engine, by kind. Images stay; layers are a cache."""
    return {
        "containers": set(docker("ps", "-aq", "--no-trunc", "--filter", "label=tugbot.install").split()),
        "volumes": set(docker("volume", "ls", "-q", "--filter", "label=tugbot.install").split()),
        "networks": set(docker("network", "ls", "-q", "--filter", "label=tugbot.project").split()),
        "processes": set(docker("ps", "-q", "--filter", "name=tugbot").split()),
    }


def inspect(container: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(docker("inspect", container))
    return found[0]


# ---------------------------------------------------------------- certificates


@dataclass(frozen=True)
class Authority:
    """A certificate authority of the test's own, and a certificate for the git server."""

    ca: Path
    certificate: Path
    key: Path


def authority(place: Path) -> Authority:
    """Kept in `place`: images hold it, and need not be built anew for every run of the tests."""
    now = datetime.datetime.now(datetime.UTC)
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tugbot's test authority")])

    def builder(name: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder().subject_name(name).issuer_name(ca_name).public_key(public)
        made = made.serial_number(x509.random_serial_number())
        return made.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(
            now + datetime.timedelta(days=3650)
        )

    if (place / "ca.pem").exists():
        return Authority(place / "ca.pem", place / "server.pem", place / "server.key")
    place.mkdir(parents=True, exist_ok=True)
    ca = builder(ca_name, ca_key.public_key()).add_extension(x509.BasicConstraints(True, None), critical=True)
    names = x509.SubjectAlternativeName([x509.DNSName(SERVER), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SERVER)])
    leaf = builder(own, key.public_key()).add_extension(names, critical=False)
    found = Authority(place / "ca.pem", place / "server.pem", place / "server.key")
    found.ca.write_bytes(ca.sign(ca_key, hashes.SHA256()).public_bytes(Encoding.PEM))
    found.certificate.write_bytes(leaf.sign(ca_key, hashes.SHA256()).public_bytes(Encoding.PEM))
    found.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return found


# ---------------------------------------------------------------- a git server


def repository(place: Path, name: str, files: Mapping[str, str]) -> Path:
    """A bare repository with one commit."""
    work, bare = place / f"{name.replace('/', '-')}-work", place / "repos" / f"{name}.git"
    for path, text in files.items():
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_text(text)
    bare.parent.mkdir(parents=True, exist_ok=True)
    env = {"PATH": os.environ["PATH"], "HOME": str(place), "GIT_CONFIG_NOSYSTEM": "1"}
    who = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    for words in (
        ("init", "-q", "-b", "main"),
        ("add", "-A"),
        (*who, "commit", "-q", "-m", "Begin"),
        ("clone", "-q", "--bare", str(work), str(bare)),
    ):
        subprocess.run(["git", *words], cwd=work, env=env, check=True, capture_output=True)
    with (bare / "config").open("a") as config:
        config.write("[http]\n\treceivepack = true\n")
    return bare


@contextmanager
def git_server(place: Path, ca: Authority, image: str, network: str) -> Iterator[None]:
    """Serve `place`/repos at https://gitserver:8443/ and ssh://dev@gitserver:2222/repos/ to containers of `network`.

    Containers of a bot cannot reach one another, and shall not: the engine is told to let this one be reached.
    """
    repos, keys = place / "repos", place / "server-keys"
    keys.mkdir(exist_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / "host"], check=True)
    (keys / "authorized_keys").touch()
    shutil.copy(ROOT / "tests" / "git_server.py", place / "git_server.py")
    subprocess.run(["chown", "-R", "1000:1000", repos, keys, ca.key, ca.certificate], check=True)
    place.chmod(0o755)
    sshd = (
        "/usr/sbin/sshd -D -e -p 2222 -o HostKey=/keys/host -o AuthorizedKeysFile=/keys/authorized_keys -o UsePAM=no "
        "-o StrictModes=no -o PidFile=none -f /dev/null"
    )
    serve = "python3 /place/git_server.py /repos /place/server.pem /place/server.key"
    name = f"{SERVER}-{secrets.token_hex(4)}"
    docker(
        *("run", "-d", "--rm", "--name", name, "--network", network, "--network-alias", SERVER),
        *("-v", f"{place}:/place:ro", "-v", f"{repos}:/repos", "-v", f"{keys}:/keys:ro", "-e", "TOKEN"),
        *("--entrypoint", "sh", "-u", "1000:1000", "--label", "tugbot.test=server", image),
        *("-c", f"{sshd} & exec {serve}"),
        env={"TOKEN": TOKEN},
    )
    address = docker("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name)
    rules = [("-d", address), ("-s", address)]
    try:
        for rule in rules:
            subprocess.run(["iptables", "-I", "DOCKER-USER", *rule, "-j", "ACCEPT"], check=True)
        deadline = time.monotonic() + 20
        while "serving" not in docker("logs", name, check=False):
            assert time.monotonic() < deadline, docker("logs", name, check=False)
            time.sleep(0.05)
        yield
    finally:
        for rule in rules:
            subprocess.run(["iptables", "-D", "DOCKER-USER", *rule, "-j", "ACCEPT"], check=False)
        docker("rm", "-f", name, check=False)


# ---------------------------------------------------------------- a bot


@dataclass
class Projects:
    """A bot's data and settings for projects; several starts of one bot may use them."""

    place: Path
    certificates: tuple[Path, ...] = ()
    more: str = ""  # further lines of bot.toml, in tables of their own
    projects: str = ""  # further lines of [projects]
    root: Path = field(init=False)

    def __post_init__(self) -> None:
        self.place.chmod(0o755)
        self.root = self.place / "src"

    @property
    def config(self) -> str:
        bundle = json.dumps([MACHINE_CA, *map(str, self.certificates)])
        return (
            'default_agent = "demo"\n'
            "[dispatcher]\nwindow = 0.1\n"
            f'[projects]\nroot = "{self.root}"\ngit_name = "Ann"\ngit_email = "ann@example.org"\n{self.projects}'
            f'[docker]\nbase_image = "{ROOTFS}"\nextra_ca_certificates = {bundle}\n{self.more}'
        )

    def bot(self, **options: Any) -> BotProcess:
        return BotProcess(self.place, self.config, **options)

    @property
    def data(self) -> Path:
        return self.place / "data"

    @property
    def install(self) -> str:
        return (self.data / "install").read_text().strip()

    def ssh(self, name: str, *words: str, options: Sequence[str] = (), check: bool = True, **more: Any) -> str:
        """Run a command in a project as a person would."""
        command = ["ssh", "-F", str(self.data / "ssh" / "config"), *options, f"tug-{name}", *words]
        said = subprocess.run(command, capture_output=True, text=True, timeout=600, **more)
        if check and said.returncode:
            raise AssertionError(f"ssh {words}: {said.returncode} {said.stdout[-2000:]} {said.stderr[-2000:]}")
        return said.stdout

    def remove_all(self) -> None:
        """Whatever a failed test left on the engine."""
        if not (self.data / "install").exists():
            return
        ours = ("--filter", f"label=tugbot.install={self.install}")
        for container in docker("ps", "-aq", *ours, check=False).split():
            docker("rm", "-f", "-v", container, check=False)
        for volume in docker("volume", "ls", "-q", *ours, check=False).split():
            docker("volume", "rm", volume, check=False)
        for network in docker("network", "ls", "-q", *ours, check=False).split():
            docker("network", "rm", network, check=False)


def final(bot: BotProcess, run: int, patience: float = BUILD) -> str:
    """The last words of a run: its answer or its failure."""
    said = bot.wait(
        lambda said: said.get("run") == run and said.get("kind") in ("answer", "failure", "receipt"), patience
    )
    return str(said["text"])


# ---------------------------------------------------------------- without a bot


class Told:
    """Progress that is only noted."""

    def __init__(self) -> None:
        self.done_steps: list[str] = []
        self.said: list[str] = []

    def begin(self, step: str) -> None:
        """Nothing."""

    def line(self, text: str) -> None:
        """Nothing."""

    def done(self, text: str) -> None:
        self.done_steps.append(text)

    def say(self, text: str) -> None:
        self.said.append(text)


def workshop(place: Path, certificates: Sequence[Path] = (), **settings: Any) -> Workshop:
    """The tools of a bot, with a registry in memory."""
    data = place / "data"
    data.mkdir(exist_ok=True)
    engine = Engine()
    install = install_id(data)
    chosen = ProjectSettings(place / "src", identity=GitIdentity("Ann", "ann@example.org"), **settings)
    images = ImageSettings(ROOT / "docker", base_image=ROOTFS, certificates=(Path(MACHINE_CA), *certificates))
    return Workshop(
        engine,
        Images(engine, images),
        GitRunner(engine, install, chosen.protocols, {}),
        MemoryStore(Disk()).projects,
        data,
        install,
        chosen,
        lambda name: {},
        lambda name: None,
    )


def order(name: str, **fields: Any) -> Order:
    return Order(name=name, session="console/local", target="console/local", asked_by="Ann", **fields)
