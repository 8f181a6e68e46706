"""What script/vendor does. The lock says of each package what is taken from it, and where below the page it goes."""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements/page.lock.json"
PLACE = ROOT / "bot/gateway/page/vendor"


@dataclass(frozen=True, slots=True)
class File:
    source: str  # in the package
    target: str  # below PLACE
    sha256: str


@dataclass(frozen=True, slots=True)
class Package:
    name: str
    version: str
    integrity: str  # of the whole package, as npm writes it
    licence: str  # an SPDX expression, as the package writes it
    files: tuple[File, ...]


class Differs(Exception):
    """What was found is not what the lock says."""


def locked(lock: Path = LOCK) -> list[Package]:
    return [
        Package(**{**entry, "name": name, "files": tuple(File(**file) for file in entry["files"])})
        for name, entry in json.loads(lock.read_text()).items()
    ]


def differences(packages: list[Package], place: Path = PLACE) -> Iterator[str]:
    """A line for each file that is missing, other than locked, or not locked at all."""
    wanted = {file.target: file.sha256 for package in packages for file in package.files}
    there = {path.relative_to(place).as_posix(): path for path in place.rglob("*") if not path.is_dir()}
    yield from (f"{name}: missing" for name in sorted(wanted.keys() - there.keys()))
    yield from (f"{name}: not in the lock" for name in sorted(there.keys() - wanted.keys()))
    for name in sorted(wanted.keys() & there.keys()):
        if _sha256(there[name].read_bytes()) != wanted[name]:
            yield f"{name}: other than locked"


def fetched(name: str, version: str) -> bytes:
    """The package as npm has it. Where it comes from is npm's business, the lock's hashes say whether it is the one."""
    with tempfile.TemporaryDirectory() as folder:
        how = ("--loglevel=error", "--ignore-scripts", "--pack-destination", folder)
        subprocess.run(["npm", "pack", *how, f"{name}@{version}"], check=True, cwd=folder, stdout=subprocess.DEVNULL)
        (archive,) = Path(folder).glob("*.tgz")
        return archive.read_bytes()


def contents(archive: bytes) -> dict[str, bytes]:
    """Of every plain file in a package, by its path there."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {
            member.name.partition("/")[2]: stream.read()
            for member in tar
            if member.isfile() and (stream := tar.extractfile(member)) is not None
        }


def taken(package: Package, archive: bytes) -> dict[str, bytes]:
    """target → content. Raises Differs."""
    if integrity(archive) != package.integrity:
        raise Differs(f"{package.name}@{package.version} is not the package that was locked")
    inside = contents(archive)
    for file in package.files:
        if _sha256(inside[file.source]) != file.sha256:
            raise Differs(f"{file.source} of {package.name}@{package.version} is not the file that was locked")
    return {file.target: inside[file.source] for file in package.files}


def renewed(package: Package, version: str, archive: bytes) -> Package:
    """The same files of another version. Raises Differs where one of them is no more."""
    inside = contents(archive)
    if gone := [file.source for file in package.files if file.source not in inside]:
        raise Differs(f"{package.name}@{version} has no {', '.join(gone)}: correct {LOCK.name}, then run this again")
    files = tuple(File(file.source, file.target, _sha256(inside[file.source])) for file in package.files)
    licence = str(json.loads(inside["package.json"])["license"])
    return Package(package.name, version, integrity(archive), licence, files)


def integrity(archive: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _fetch(packages: list[Package]) -> None:
    """Everything is verified before anything is replaced."""
    files: dict[str, bytes] = {}
    for package in packages:
        files |= taken(package, fetched(package.name, package.version))
    shutil.rmtree(PLACE, ignore_errors=True)
    _write(files)


def _update(packages: list[Package], wanted: str) -> None:
    name, _, version = wanted.rpartition("@")
    old = next((package for package in packages if package.name == name), None)
    if old is None or not version:
        raise Differs(f"{wanted}: what is locked is {', '.join(f'{package.name}@…' for package in packages)}")
    archive = fetched(name, version)
    new = renewed(old, version, archive)
    files = taken(new, archive)
    entries = {package.name: asdict(new if package is old else package) for package in packages}
    for entry in entries.values():
        del entry["name"]
    LOCK.write_text(json.dumps(entries, indent=2) + "\n")
    shutil.rmtree(PLACE / name, ignore_errors=True)
    _write(files)


def _write(files: dict[str, bytes]) -> None:
    for target, content in files.items():
        (PLACE / target).parent.mkdir(parents=True, exist_ok=True)
        (PLACE / target).write_bytes(content)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="script/vendor", description="The page's libraries; see requirements/.")
    parser.add_argument("--check", action="store_true", help="only compare what is there with the lock")
    parser.add_argument("--update", metavar="NAME@VERSION", help="take another version, and lock it")
    options = parser.parse_args(argv)
    packages = locked()
    try:
        if options.update:
            _update(packages, options.update)
        elif not options.check:
            _fetch(packages)
    except Differs as exc:
        print(f"script/vendor: {exc}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as exc:
        return exc.returncode  # npm has said why
    found = list(differences(locked()))
    print("\n".join(found) or "All files are as they were locked.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
