"""The data directory, its disk, and who uses it. Looks only: nothing is created or changed."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import stat
from pathlib import Path

from bot.checks.base import Check
from bot.datadir import may_be_closed, reason, running_pid

ENOUGH = 500_000_000  # bytes free: agents' scratch directories fill faster than the database
ENOUGH_FILES = 10_000  # inodes free: one `npm install` may take that many
# Types of mount where SQLite's write-ahead log is not safe (sqlite.org/wal.html: one host, shared memory).
NETWORK = re.compile(
    r"nfs\d?|cifs|smb3?|smbfs|9p|afs|ceph|lustre|beegfs|gpfs|davfs|fuse\.(sshfs|rclone|glusterfs|ceph.*|s3fs|davfs\d?)"
)


def directory(path: Path) -> Check:
    name = "data directory"
    if not path.exists():
        return _creatable(name, path)
    if not path.is_dir():
        return Check(name, False, f"{path} is a file", f"mv '{path}' '{path}.old'")
    try:
        info = path.stat()
    except OSError as exc:
        return Check(name, False, f"{path}: {reason(exc)}", f"ls -ld '{path}'")
    mode = stat.S_IMODE(info.st_mode)
    if info.st_uid != os.geteuid():
        detail = f"{path} belongs to {_user(info.st_uid)}, not to you"
        return Check(name, False, detail, f"sudo chown -R \"$USER\" '{path}'")
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return Check(name, False, f"{path} cannot be read and written by you", f"sudo chown -R \"$USER\" '{path}'")
    if mode & 0o077:
        fix = f"chmod 700 '{path}'" if may_be_closed(path) else "tugbot run --data ~/.tugbot"
        return Check(name, False, f"{path} is open to other users (mode {mode:04o})", fix)
    return Check(name, True, f"{path}, only yours")


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"the user with the number {uid}"


def _creatable(name: str, path: Path) -> Check:
    parent = _existing(path)
    if os.access(parent, os.W_OK | os.X_OK) and parent.is_dir():
        return Check(name, True, f"{path} will be made by the first start")
    return Check(
        name, False, f"{path} cannot be made: {parent} is not writable", f"tugbot run --data {Path.home()}/.tugbot"
    )


def _existing(path: Path) -> Path:
    return next((place for place in (path, *path.parents) if place.exists()), Path("/"))


def space(path: Path) -> Check:
    free = shutil.disk_usage(_existing(path)).free
    detail = f"{free / 1e9:.1f} GB free"
    if free < ENOUGH:
        return Check("disk", False, detail, f"du -xh '{path}' | sort -h | tail")
    return _inodes(path, detail)


def _inodes(path: Path, detail: str) -> Check:
    """File systems that make them as they need them say that they have none."""
    found = os.statvfs(_existing(path))
    if not found.f_files:
        return Check("disk", True, detail)
    enough = found.f_favail >= ENOUGH_FILES
    fix = "" if enough else f"du -x --inodes '{path}' | sort -n | tail"
    return Check("disk", enough, f"{detail}, room for {found.f_favail} files", fix)


def file_system(path: Path) -> Check:
    kind = file_system_type(_existing(path).resolve(), _mounts())
    if NETWORK.fullmatch(kind):
        fix = "tugbot run --data <a directory on a local disk>"
        return Check("file system", False, f"{kind} is reached over a network, where a database file is not safe", fix)
    return Check("file system", True, kind or "unknown (this system does not say)")


def _mounts() -> str:
    try:
        return Path("/proc/self/mounts").read_text()
    except OSError:
        return ""  # macOS has no /proc; the check says "unknown"


def file_system_type(path: Path, mounts: str) -> str:
    """Type of the mount that `path` (resolved) lies on, by the text of /proc/self/mounts; "" if none fits."""
    best, kind = -1, ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) > 2 and path.is_relative_to(point := _unescaped(fields[1])) and len(point) >= best:
            best, kind = len(point), fields[2]  # of two mounts on one point the later one is seen
    return kind


def _unescaped(field: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)


def instance(path: Path) -> Check:
    pid = running_pid(path)
    if pid is None:
        return Check("running", True, "no bot uses this data directory now")
    return Check("running", True, f"a bot is running (process {pid})" if pid else "a bot is running")
