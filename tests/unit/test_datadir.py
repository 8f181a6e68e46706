import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bot.datadir import AlreadyRunning, DataExposed, DataUnusable, InstanceLock, prepare, running_pid


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_it_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    assert mode(prepare(tmp_path / "a/b")) == 0o700


def test_making_it_twice_changes_nothing(tmp_path: Path) -> None:
    prepare(prepare(tmp_path / "a"))
    assert list((tmp_path / "a").iterdir()) == []


@pytest.mark.parametrize("content", [[], ["lock", "tugbot.db"]])
def test_an_empty_one_or_one_of_ours_is_closed_to_others(tmp_path: Path, content: list[str]) -> None:
    tmp_path.chmod(0o755)
    for name in content:
        (tmp_path / name).touch()
    assert mode(prepare(tmp_path)) == 0o700


def test_a_directory_of_something_else_is_not_shut_by_a_mistyped_option(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(DataExposed, match="mode 0755"):
        prepare(tmp_path)
    assert mode(tmp_path) == 0o755


def test_a_shared_sticky_directory_is_not_shut_even_when_empty(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    with pytest.raises(DataExposed):
        prepare(tmp_path)


def test_a_file_in_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    for path in (tmp_path / "a", tmp_path / "a/b"):
        with pytest.raises(DataUnusable, match="there is a file where a directory must be"):
            prepare(path)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc, which nobody can write to")
def test_a_place_that_cannot_be_written_is_told() -> None:
    with pytest.raises(DataUnusable, match=r"cannot be used: (no such file|permission denied)"):
        prepare(Path("/proc/tugbot"))


def test_the_second_instance_is_refused_with_the_firsts_pid(tmp_path: Path) -> None:
    with InstanceLock(tmp_path):
        assert running_pid(tmp_path) == os.getpid()
        with pytest.raises(AlreadyRunning, match=rf"Another Tugbot \(process {os.getpid()}\)"):
            InstanceLock(tmp_path).acquire()
    assert running_pid(tmp_path) is None
    with InstanceLock(tmp_path):
        pass


def test_the_lock_file_is_private_and_no_link_is_followed(tmp_path: Path) -> None:
    with InstanceLock(tmp_path):
        assert mode(tmp_path / "lock") == 0o600
    (tmp_path / "lock").unlink()
    (tmp_path / "elsewhere").write_text("precious")
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataUnusable):
        InstanceLock(tmp_path).acquire()
    assert (tmp_path / "elsewhere").read_text() == "precious"


def test_the_kernel_lets_go_when_the_holder_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from bot.datadir import InstanceLock; InstanceLock(pathlib.Path(sys.argv[1])).acquire(); "
        "print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert running_pid(tmp_path) == holder.pid
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with InstanceLock(tmp_path):
        assert running_pid(tmp_path) == os.getpid()


def test_looking_at_nothing_finds_nothing(tmp_path: Path) -> None:
    assert running_pid(tmp_path / "none") is None
    assert not (tmp_path / "none").exists()
