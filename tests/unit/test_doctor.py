import io
import json
import os
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot import doctor
from bot.checks import agents, containment, data, database, machine
from bot.checks.base import Check
from bot.cli import tugbot
from bot.datadir import InstanceLock
from bot.secrets import Secrets
from bot.settings import load

HELD = Check(containment.NAME, True, "held")
DISK = os.statvfs_result((4096, 4096, 10, 10, 10, 0, 0, 0, 0, 255))


class Stream(io.TextIOWrapper):
    def __init__(self, encoding: str = "utf-8", tty: bool = True) -> None:
        super().__init__(io.BytesIO(), encoding)
        self.tty = tty

    def isatty(self) -> bool:
        return self.tty


# ---------------------------------------------------------------- the whole


@pytest.fixture
def _held(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def held(_data: Path) -> Check:
        return HELD

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(containment, "check", held)
    monkeypatch.setenv("TUGBOT_DATA_DIR", str(tmp_path / "data"))


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(tugbot, ["doctor", *arguments])


@pytest.mark.usefixtures("_held")
def test_before_the_first_start_all_is_well_and_nothing_is_made(tmp_path: Path) -> None:
    result = invoke()
    assert result.exit_code == 0, result.output
    assert result.output.endswith("\n\nAll is well.\n")
    assert "✘" not in result.output
    assert not (tmp_path / "data").exists()


@pytest.mark.usefixtures("_held")
def test_a_fault_is_shown_with_what_mends_it_and_fails(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o755)
    result = invoke()
    assert result.exit_code == 1
    lines = result.output.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("✘ data directory"))
    assert lines[at + 1].strip() == f"→ chmod 700 '{tmp_path / 'data'}'"
    assert lines[-1].startswith("1 of ")


@pytest.mark.usefixtures("_held")
def test_for_programs_there_is_json() -> None:
    checks = json.loads(invoke("--json").output)
    assert {"name", "ok", "detail", "fix"} == set(checks[0])
    assert {
        "python",
        "terminal",
        "settings",
        "data directory",
        "disk",
        "file system",
        "running",
        "database",
        "agent demo",
    } <= {check["name"] for check in checks}


@pytest.mark.usefixtures("_held")
def test_settings_that_cannot_be_read_are_a_fault_not_an_end() -> None:
    Path("bot.toml").write_text("windw = 1")
    result = invoke()
    assert result.exit_code == 1
    assert "✘ settings" in result.output
    assert "✔ python" in result.output


def test_without_utf8_the_table_is_plain() -> None:
    text = doctor.table([Check("a", True, "b"), Check("cc", False, "d", "e")], False)
    assert text == "ok   a   b\nFAIL cc  d\n         -> e\n\n1 of 2 must be mended."


# ---------------------------------------------------------------- each check


def test_python() -> None:
    assert machine.python((3, 11, 0)).ok
    assert machine.python((4, 0, 0)).ok
    assert not machine.python((3, 10, 9)).ok


def test_terminal() -> None:
    assert machine.terminal(Stream(), Stream(), {"TERM": "xterm"}) == Check("terminal", True, "xterm, UTF-8")
    assert machine.terminal(Stream(tty=False), Stream(), {}).ok
    assert machine.terminal(Stream(), Stream(), {"TERM": "dumb"}).fix
    assert not machine.terminal(Stream(), Stream("ascii"), {"TERM": "xterm"}).ok


def test_a_directory_of_ours(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert data.directory(tmp_path).ok
    (tmp_path / "file").touch()
    assert not data.directory(tmp_path / "file").ok
    assert data.directory(tmp_path / "new/inner").ok
    assert not data.directory(tmp_path / "file/inner").ok


def test_nobody_is_told_to_shut_a_shared_directory(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    check = data.directory(tmp_path)
    assert not check.ok
    assert "chmod" not in check.fix


def test_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.os.statvfs", lambda _path: DISK)
    full = data.space(tmp_path / "new")
    assert (full.ok, full.detail) == (False, "0.0 GB free")
    assert full.fix


MOUNTS = """overlay / overlay rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sda /home/me ext4 rw 0 0
share /mnt/my\\040share cifs rw 0 0
sshfs /mnt/s fuse.sshfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var", "overlay"), ("/home/you", "nfs4"), ("/home/me/x", "ext4"), ("/homes", "overlay"),
        ("/mnt/my share/x", "cifs"), ("/mnt/s", "fuse.sshfs"),
    ],
)  # fmt: skip
def test_the_mount_that_a_path_lies_on(path: str, kind: str) -> None:
    assert data.file_system_type(Path(path), MOUNTS) == kind


def test_network_file_systems_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(data, "_mounts", lambda: "server:/ / nfs4 rw 0 0\n")
    assert not data.file_system(tmp_path).ok
    monkeypatch.setattr(data, "_mounts", lambda: "/dev/sda / ext4 rw 0 0\n")
    assert data.file_system(tmp_path).ok


def test_a_running_bot_is_named(tmp_path: Path) -> None:
    with InstanceLock(tmp_path):
        assert data.instance(tmp_path).detail == f"a bot is running (process {os.getpid()})"
    assert data.instance(tmp_path).detail == "no bot uses this data directory now"


def file_with(tmp_path: Path, revision: str) -> str:
    with sqlite3.connect(tmp_path / "a b.db") as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES (?)", [revision])
    connection.close()
    return f"sqlite:///{tmp_path / 'a b.db'}"


def test_the_databases_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = file_with(tmp_path, "0007")
    monkeypatch.setattr(database, "_head", lambda: "0007")
    assert database.revision(url).ok
    monkeypatch.setattr(database, "_head", lambda: "0008")
    assert database.revision(url) == Check(
        "database", False, f"{tmp_path / 'a b.db'} has revision 0007, this program 0008", "tugbot migrate"
    )


def test_a_url_that_is_none() -> None:
    assert not database.revision("oracle").ok


def test_a_server_that_is_not_there() -> None:
    check = database.revision("postgresql+psycopg://me:hunter2@127.0.0.1:1/none")
    assert not check.ok
    assert "hunter2" not in check.detail


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("not a database at all")
    assert not database.revision(f"sqlite:///{tmp_path / 'x.db'}").ok


def test_agents_need_their_programs_and_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my-agent").write_text("#!/bin/sh\n")
    (tmp_path / "my-agent").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    Path("bot.toml").write_text(
        '[agents.a]\nbackend = "command"\ncommand = ["my-agent"]\nenv = ["KEY"]\n'
        '[agents.b]\nbackend = "command"\ncommand = ["nowhere"]\n'
    )
    environ = {"PATH": str(tmp_path)}
    settings = load(None, environ, overrides={"data_dir": tmp_path / "data"})
    default, bare, gone, demo = agents.check(settings, environ)
    assert (default.name, default.ok) == ("default agent", True)
    assert (bare.name, bare.ok, bare.fix) == ("agent a", False, "tugbot secrets set --agent a KEY")
    assert (gone.ok, gone.detail) == (False, "there is no program nowhere on PATH")
    assert demo.ok
    assert list(agents.check(settings, {**environ, "KEY": "x"}))[1].ok
    Secrets(tmp_path / "data").set("a", "KEY", "x")
    assert list(agents.check(settings, environ))[1].ok


def test_each_agent_is_started_and_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, script in (("dumb", "exit 3"), ("chatty", "echo hello; exit 0")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.chdir(tmp_path)
    Path("bot.toml").write_text(
        '[agents.dumb]\nbackend = "acp"\ncommand = ["dumb"]\n'
        '[agents.chatty]\nbackend = "claude"\ncommand = ["chatty"]\n'
    )
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    settings = load(None, environ, overrides={"data_dir": tmp_path / "data"})
    found = {check.name: check for check in agents.check(settings, environ)}
    assert not found["agent dumb"].ok
    assert "exited with code 3" in found["agent dumb"].detail
    assert found["agent dumb"].fix == "start `dumb` in a terminal and see what it says"
    assert not found["agent chatty"].ok
    assert "does not answer" in found["agent chatty"].detail
    assert found["agent demo"].detail.startswith("version ")
    assert "answers after" in found["agent demo"].detail
    assert not list(tmp_path.glob("data/*"))
