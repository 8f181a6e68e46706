"""What is hidden and shown on this host, before the agent's own paths: the sandbox's policy."""

from __future__ import annotations

import contextlib
import glob
import os
import pwd
from collections.abc import Mapping
from pathlib import Path

from bot.agents.base import Spawn
from bot.agents.containment import mounts

# Sockets of the Docker engine, D-Bus, ssh-agent and databases live in these; other people's files too.
COVERS = ("/tmp", "/var/tmp", "/run", "/var/run", "/home", "/root")
SECRETS = ("/etc/shadow*", "/etc/gshadow*", "/etc/ssh/ssh_host_*_key", "/etc/ssl/private", "/etc/krb5.keytab")
# May be links into /run, and without them names do not resolve (or, on NixOS, nothing is on PATH).
NEEDED = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/localtime", "/run/current-system")
# Writable for uid 0 whatever its capabilities: /proc/sys/kernel/core_pattern alone runs programs on the host.
KERNEL = ("sys", "sysrq-trigger", "irq", "bus", "fs", "acpi", "scsi", "driver", "mtrr", "pressure")


def of_system(hidden: tuple[Path, ...], spawn: Spawn) -> tuple[mounts.Mount, ...]:
    return mounts.survey(
        covers=[*map(Path, COVERS), *homes(os.environ, os.getuid())],
        hidden=[*hidden, *secrets()],
        writable=[spawn.cwd, *spawn.writable],
        readable=[*map(Path, NEEDED), *spawn.readable],
    )


def homes(environ: Mapping[str, str], uid: int) -> list[Path]:
    """This user's home by every account, and the directory of its session's sockets."""
    named = [environ.get("HOME", ""), environ.get("XDG_RUNTIME_DIR", "")]
    with contextlib.suppress(KeyError):  # a uid without a name, as in containers
        named.append(pwd.getpwuid(uid).pw_dir)
    return [Path(name) for name in named if os.path.isabs(name)]


def secrets() -> list[Path]:
    """Only those that this user could read: the others protect themselves, and cannot always be covered."""
    return [Path(name) for pattern in SECRETS for name in glob.glob(pattern) if os.access(name, os.R_OK)]


def proc_protection() -> list[str]:
    """For root alone: anyone else cannot write there, and covering /proc forbids sandboxes within the sandbox."""
    if os.geteuid() != 0:
        return []
    paths = [f"/proc/{name}" for name in KERNEL if os.path.exists(f"/proc/{name}")]
    return [word for path in paths for word in ("--ro-bind", path, path)]
