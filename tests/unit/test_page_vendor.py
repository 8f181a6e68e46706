"""The page's libraries, as they lie in the repository: those that were locked, whole, and free to be passed on."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import sys
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "bot/gateway/page/vendor"
LOCK = json.loads((ROOT / "requirements/page.lock.json").read_text())
FREE = {
    "MIT",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "0BSD",
    "Apache-2.0",
}  # a choice between licences takes one of them


@pytest.fixture(scope="module")
def vendor() -> ModuleType:
    spec = importlib.util.spec_from_file_location("page_vendor", ROOT / "requirements/vendor.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclasses look for themselves
    spec.loader.exec_module(module)
    return module


def test_every_file_is_the_one_that_was_locked_and_there_are_no_others() -> None:
    locked = {file["target"]: file["sha256"] for package in LOCK.values() for file in package["files"]}
    there = {
        path.relative_to(PLACE).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in PLACE.rglob("*")
        if not path.is_dir()
    }
    assert there == locked


def test_they_are_small() -> None:
    assert sum(path.stat().st_size for path in PLACE.rglob("*") if path.is_file()) < 400_000


@pytest.mark.parametrize("name", LOCK)
def test_each_may_be_passed_on_and_says_so(name: str) -> None:
    assert FREE & set(LOCK[name]["licence"].strip("()").split(" OR "))
    licence = (PLACE / name / "LICENSE").read_text()
    assert (
        "Permission is hereby granted" in licence or "Redistribution and use" in licence or "Apache License" in licence
    )


@pytest.mark.parametrize("name", LOCK)
def test_each_lies_in_its_own_folder_and_is_pinned(name: str) -> None:
    assert LOCK[name]["integrity"].startswith("sha512-")
    assert LOCK[name]["version"][0].isdigit()
    assert all(file["target"].startswith(f"{name}/") and ".." not in file["target"] for file in LOCK[name]["files"])


# ---------------------------------------------------------------- script/vendor


def archive(files: dict[str, str]) -> bytes:
    """A package as npm has it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return stream.getvalue()


ONE = archive({"package.json": '{"license": "MIT"}', "LICENSE": "Take it.", "lib/it.js": "export default 1"})


def test_nothing_differs_here(vendor: ModuleType) -> None:
    assert list(vendor.differences(vendor.locked())) == []


def test_what_differs_is_named(vendor: ModuleType, tmp_path: Path) -> None:
    package = vendor.renewed(_empty(vendor), "1.0.0", ONE)
    for target, content in vendor.taken(package, ONE).items():
        (tmp_path / target).parent.mkdir(exist_ok=True)
        (tmp_path / target).write_bytes(content)
    assert list(vendor.differences([package], tmp_path)) == []
    (tmp_path / "it/it.js").write_text("export default 2")
    (tmp_path / "it/LICENSE").unlink()
    (tmp_path / "it/more.js").write_text("")
    assert list(vendor.differences([package], tmp_path)) == [
        "it/LICENSE: missing",
        "it/more.js: not in the lock",
        "it/it.js: other than locked",
    ]


def test_another_package_under_the_same_name_is_not_taken(vendor: ModuleType) -> None:
    package = vendor.renewed(_empty(vendor), "1.0.0", ONE)
    assert package.licence == "MIT"
    other = archive({"LICENSE": "Take it.", "lib/it.js": "steal()"})
    with pytest.raises(vendor.Differs, match=r"it@1\.0\.0 is not the package that was locked"):
        vendor.taken(package, other)
    with pytest.raises(vendor.Differs, match=r"has no LICENSE: correct page\.lock\.json"):
        vendor.renewed(package, "2.0.0", archive({"package.json": "{}", "lib/it.js": ""}))


def _empty(vendor: ModuleType) -> object:
    files = (vendor.File("LICENSE", "it/LICENSE", ""), vendor.File("lib/it.js", "it/it.js", ""))
    return vendor.Package("it", "", "", "", files)
