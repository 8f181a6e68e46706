"""What an image is made of, and the name that follows from it: same parts, same name, no drift. Pure.

Written for the classic builder, the only one the Docker SDK speaks: no heredoc, no mount, no COPY --chmod.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shlex
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bot.projects.model import Owner, Stack

REPOSITORY = "tugbot"
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----\s.+?-----END CERTIFICATE-----", re.DOTALL)
_PACKAGE = re.compile(r"(?P<kind>npm|pip):(?P<what>[A-Za-z0-9@][A-Za-z0-9@._/\[\]=<>~^-]{0,199})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Recipe:
    """One image: a Dockerfile, the files beside it, and the values of its build arguments."""

    tag: str
    dockerfile: str
    files: Mapping[str, bytes] = field(default_factory=dict)  # by path in the context
    arguments: Mapping[str, str] = field(default_factory=dict)
    title: str = ""  # for progress lines

    def context(self) -> bytes:
        """The build context as a tar: the same bytes for the same parts, so that the builder's cache holds."""
        return _tar({"Dockerfile": self.dockerfile.encode(), **self.files})


@dataclass(frozen=True, slots=True)
class Base:
    """What comes with Tugbot and what this machine adds to it."""

    image: str  # the rootfs: an image's name
    image_id: str  # its content; a new one makes new tags
    fragment: str  # docker/base/Dockerfile.fragment
    user_fragment: str
    files: Mapping[str, bytes]  # docker/base/lib, by name
    certificates: tuple[str, ...] = ()  # PEM, one each
    arguments: Mapping[str, str] = field(default_factory=dict)  # [docker] build_args


def certificates(bundle: str) -> tuple[str, ...]:
    """The certificates of a PEM bundle, each once, in a fixed order.

    A bundle as one file gets no hash link, so programs that look a certificate up by its name do not find it.
    """
    return tuple(sorted({found.replace("\r\n", "\n").strip() + "\n" for found in _PEM.findall(bundle)}))


def base(parts: Base) -> Recipe:
    files = {f"lib/{name}": content for name, content in parts.files.items()}
    files |= {f"ca/{number:03}.crt": text.encode() for number, text in enumerate(parts.certificates)}
    if not parts.certificates:
        files["ca/README"] = b"Certificates of this place, none so far.\n"
    return _recipe("base", f"FROM {parts.image}\n{parts.fragment}", files, {}, parts.image_id, "base")


def agents(below: str, packages: Sequence[str]) -> Recipe:
    """Agent programs with a Node of their own. `packages`: `npm:<package>` or `pip:<package>`."""
    kinds: dict[str, list[str]] = {"npm": [], "pip": []}
    for package in sorted(set(packages)):
        found = _PACKAGE.fullmatch(package)
        assert found is not None, "the settings check it"
        kinds[found["kind"]].append(found["what"])
    return _recipe("agents", f"FROM {below}\n{_agents(kinds['npm'], kinds['pip'])}", {}, {}, "", "agent programs")


def proxy(below: str) -> Recipe:
    """What `egress = "allow-list"` puts between agents and the world."""
    install = "DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends tinyproxy-bin"
    dockerfile = f"FROM {below}\nRUN apt-get update && {install} && rm -rf /var/lib/apt/lists/*\n"
    return _recipe("proxy", dockerfile, {}, {}, "", "proxy")


def is_package(text: str) -> bool:
    return _PACKAGE.fullmatch(text) is not None


def project(below: str, stacks: Sequence[Stack], owner: Owner, parts: Base) -> Recipe:
    """Stack fragments in their order, then the user."""
    fragments = "".join(f"\n# ---- {stack.name}\n{stack.fragment.rstrip()}\n" for stack in stacks)
    dockerfile = f"FROM {below}\n{fragments}\n{parts.user_fragment}"
    arguments = {**_known(parts.arguments, dockerfile), "DEV_UID": str(owner.uid), "DEV_GID": str(owner.gid)}
    return _recipe("project", dockerfile, {}, arguments, "", " + ".join(stack.name for stack in stacks) or "base")


def _known(arguments: Mapping[str, str], dockerfile: str) -> dict[str, str]:
    """The engine warns of arguments that nothing takes, and another stack's need not rebuild this one."""
    names = set(re.findall(r"^ARG[ \t]+(\w+)", dockerfile, re.MULTILINE))
    return {name: value for name, value in arguments.items() if name in names}


def _recipe(
    kind: str, dockerfile: str, files: Mapping[str, bytes], arguments: Mapping[str, str], below: str, title: str
) -> Recipe:
    """`below`: the content of what FROM names, where the name itself does not tell it."""
    digest = hashlib.sha256(json.dumps([dockerfile, sorted(arguments.items()), below]).encode())
    for path, content in sorted(files.items()):
        digest.update(f"\0{path}\0{len(content)}\0".encode() + content)
    return Recipe(f"{REPOSITORY}/{kind}:{digest.hexdigest()[:16]}", dockerfile, files, arguments, title)


def _agents(npm: Sequence[str], pip: Sequence[str]) -> str:
    """/opt/agents holds everything; in /usr/local/bin stands one starter for each program.

    Node is searched behind the project's own, so a project's `node` is never replaced by the agents'.
    """
    needs = "npm" if npm else ""
    needs += " python3-venv" if pip else ""
    steps = [
        "apt-get update",
        f"DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends {needs.strip()}",
    ]
    if npm:
        words = " ".join(shlex.quote(package) for package in npm)
        steps += [
            "npm install --global --no-fund --no-audit --loglevel=error --prefix /opt/agents/node node@24 npm@11",
            f"PATH=/opt/agents/node/bin:$PATH npm install --global --no-fund --no-audit --loglevel=error "
            f"--prefix /opt/agents/npm {words}",
            "DEBIAN_FRONTEND=noninteractive apt-get purge -y --auto-remove npm",
            "rm -f /opt/agents/node/lib/node_modules/npm/npmrc",
        ]
    if pip:
        words = " ".join(shlex.quote(package) for package in pip)
        steps += [
            "python3 -m venv /opt/agents/pip",
            f"/opt/agents/pip/bin/pip install --no-cache-dir --disable-pip-version-check -q {words}",
        ]
    steps.append("rm -rf /var/lib/apt/lists/* /root/.npm")
    return "RUN " + " \\\n && ".join(steps) + "\nRUN /usr/local/lib/tugbot/starters\n"


def _tar(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, content in _with_directories(files):
            info = tarfile.TarInfo(path)
            info.mode = 0o755 if content is None else 0o644
            info.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            info.size = len(content or b"")
            tar.addfile(info, None if content is None else io.BytesIO(content))
    return buffer.getvalue()


def _with_directories(files: Mapping[str, bytes]) -> Iterable[tuple[str, bytes | None]]:
    seen: set[str] = set()
    for path in sorted(files):
        directory = path.rpartition("/")[0]
        if directory and directory not in seen:
            seen.add(directory)
            yield directory, None
        yield path, files[path]
