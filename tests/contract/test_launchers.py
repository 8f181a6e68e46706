"""One suite for the three launchers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from pathlib import Path
from typing import Any

import pytest

from bot.agents.base import Identity, Launcher, LaunchFailed, PrivateFile, Process, ProgramMissing, Spawn
from bot.agents.containment import (
    BubblewrapLauncher,
    GroupLauncher,
    SupervisedLauncher,
    copies,
    probe,
    procfs,
    program_paths,
)
from tests import victims

VICTIMS = Path(victims.__file__)
PATH = os.environ["PATH"]
Start = Callable[..., Awaitable[Process]]


@pytest.fixture(params=["bubblewrap", "supervisor", "process-group"])
async def launcher(request: pytest.FixtureRequest) -> Launcher:
    kinds: dict[str, Launcher] = {
        "bubblewrap": BubblewrapLauncher(()),
        "supervisor": SupervisedLauncher(),
        "process-group": GroupLauncher(),
    }
    chosen = kinds[request.param]
    if request.param != "process-group":
        result = await probe(chosen)
        if not result.works and os.environ.get("CI") == "true":
            pytest.fail(f"{result.detail}. {result.install_hint}")
        if not result.works:
            pytest.skip(f"{result.detail}. {result.install_hint}")
    return chosen


@pytest.fixture
async def start(launcher: Launcher, tmp_path: Path) -> AsyncIterator[Start]:
    started: list[Process] = []

    async def one(*argv: str, **more: object) -> Process:
        python = program_paths([sys.executable], PATH, Path.home())
        spawn = Spawn(argv, {"PATH": PATH}, tmp_path, readable=(*python, VICTIMS), **more)  # type: ignore[arg-type]
        started.append(await launcher.spawn(spawn))
        return started[-1]

    yield one
    for process in started:
        await process.kill()


async def silent(heartbeat: Path) -> bool:
    before = beats(heartbeat)
    await asyncio.sleep(0.15)
    return beats(heartbeat) == before


def beats(heartbeat: Path) -> int:
    return heartbeat.stat().st_size


def command_lines() -> list[bytes]:
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            lines.append(path.read_bytes())
    return lines


async def test_input_reaches_the_program_and_output_comes_back(start: Start) -> None:
    process = await start("cat")
    process.stdin.write("grüße\n".encode())
    process.stdin.close()
    assert (await process.stdout.read()).decode() == "grüße\n"
    assert await process.wait() == 0


async def test_exit_code_and_stderr_are_the_programs_own(start: Start) -> None:
    process = await start("sh", "-c", "echo ouch >&2; exit 3")
    assert await process.wait() == 3
    await process.kill()
    assert process.returncode == 3
    assert process.stderr_tail == "ouch\n"


async def test_the_environment_is_exactly_what_was_given(
    launcher: Launcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOT_SECRET", "hush")
    env = {"PATH": PATH, "TOKEN": "line one\nline zwei ü"}
    process = await launcher.spawn(Spawn(("env", "-0"), env, tmp_path))
    pairs = dict(pair.split("=", 1) for pair in (await process.stdout.read()).decode().split("\0") if pair)
    await process.kill()
    pairs.pop("PWD", None)  # bubblewrap sets it to the working directory
    assert pairs == env


async def test_no_secret_stands_in_any_command_line(launcher: Launcher, tmp_path: Path) -> None:
    env = {"PATH": PATH, "TOKEN": "a-very-secret-word"}
    process = await launcher.spawn(Spawn(("sleep", "20"), env, tmp_path))
    try:
        lines = command_lines()
    finally:
        await process.kill()
    assert lines
    assert not any(b"a-very-secret-word" in line for line in lines)


async def test_fifty_megabytes_pass_through(start: Start) -> None:
    process = await start("head", "-c", "50000000", "/dev/zero")
    size = 0
    while piece := await process.stdout.read(1 << 20):
        size += len(piece)
    assert size == 50_000_000
    assert await process.wait() == 0


async def test_endless_stderr_does_not_block_and_keeps_its_end(start: Start) -> None:
    process = await start("sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x >&2; printf end >&2")
    assert await process.wait() == 0
    await process.kill()
    assert len(process.stderr_tail) == 4096
    assert process.stderr_tail.endswith("xend")


async def test_a_missing_program_is_named(start: Start) -> None:
    with pytest.raises(ProgramMissing, match="no-such-program-here"):
        await start("no-such-program-here")


async def test_a_missing_directory_is_a_failed_launch(launcher: Launcher, tmp_path: Path) -> None:
    with pytest.raises(LaunchFailed):
        await launcher.spawn(Spawn(("true",), {"PATH": PATH}, tmp_path / "nowhere"))


async def test_the_program_waits_for_its_record(start: Start, tmp_path: Path) -> None:
    mark, seen = tmp_path / "mark", []

    async def contained(identity: Identity) -> None:
        await asyncio.sleep(0.1)
        seen.append((identity, mark.exists(), procfs.is_alive(identity)))

    process = await start("touch", str(mark), contained=contained)
    assert await process.wait() == 0
    assert seen == [(process.identity, False, True)]
    assert mark.exists()


async def test_a_record_that_fails_means_that_nothing_runs(start: Start, tmp_path: Path) -> None:
    mark, identities = tmp_path / "mark", []

    async def contained(identity: Identity) -> None:
        identities.append(identity)
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="disk"):
        await start("touch", str(mark), contained=contained)
    await asyncio.sleep(0.1)
    assert not mark.exists()
    assert not procfs.is_alive(identities[0])


async def test_kill_twice_gives_one_answer(start: Start) -> None:
    process = await start("sh", "-c", "echo up; exec sleep 20")
    await process.stdout.readline()
    first, second = await asyncio.gather(process.kill(), process.kill())
    assert first is second
    assert first.found >= 1
    assert first.survivors == ()
    assert await process.wait() == process.returncode == -9


async def test_a_kill_that_was_cancelled_can_be_asked_again(start: Start, launcher: Launcher) -> None:
    process = await start("sh", "-c", "echo up; exec sleep 20")
    await process.stdout.readline()
    for _ in range(3):
        killing = asyncio.create_task(process.kill(), name="kill")
        await asyncio.sleep(0)
        killing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await killing
    report = await process.kill()
    assert report.survivors == ()
    assert report.verified is (launcher.name != "process-group")


async def test_no_descriptor_and_no_child_is_left(start: Start) -> None:
    await (await start("true")).kill()
    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        await (await start("sleep", "20")).kill()
    assert os.listdir("/proc/self/fd") == before
    assert procfs.children(os.getpid()) == []


async def test_kill_after_the_end_finds_nothing(start: Start) -> None:
    process = await start("true")
    assert await process.wait() == 0
    assert (await process.kill()).found == 0
    assert process.returncode == 0


async def test_a_daemon_left_behind_holds_output_but_not_wait_and_dies_by_kill(
    start: Start, launcher: Launcher, tmp_path: Path
) -> None:
    heartbeat = tmp_path / "beat"
    process = await start(sys.executable, str(VICTIMS), "orphan", str(heartbeat))
    assert await process.stdout.readline() == b"up\n"
    async with asyncio.timeout(3):
        assert await process.wait() == 7
    report = await process.kill()
    if launcher.name == "process-group":
        pytest.skip("a re-sessioned orphan cannot be found there; that is why it never claims proof")
    assert report.verified
    assert not heartbeat.exists() or await silent(heartbeat)
    if launcher.name == "supervisor":  # in the sandbox the kernel has ended it with the program already
        assert report.found == 1


async def test_activity_changes_while_a_child_works(start: Start, tmp_path: Path) -> None:
    process = await start("sh", "-c", "echo up; while :; do :; done")
    await process.stdout.readline()
    before = process.activity()
    async with asyncio.timeout(5):  # `ps` counts CPU time in seconds
        while process.activity() == before:  # noqa: ASYNC110 - asked, as the idle limit does
            await asyncio.sleep(0.05)


async def test_members_are_what_lives_in_it(start: Start, launcher: Launcher, tmp_path: Path) -> None:
    script = "echo up; read line; setsid sleep 30 & echo $!; read line"
    process = await start("sh", "-c", script)
    await process.stdout.readline()
    alone = process.members()
    if launcher.name == "process-group":
        assert alone is None  # re-sessioned ones cannot be found there
        return
    assert alone is not None
    assert len(alone) == 1
    process.stdin.write(b"\n")
    await process.stdout.readline()
    more = process.members()
    assert more is not None
    assert alone < more
    await process.kill()
    assert process.members() == frozenset()


async def test_a_slow_reader_slows_the_program_down(start: Start) -> None:
    process = await start("sh", "-c", "yes | head -c 20000000; echo over >&2", stdout_limit=64 * 1024)
    await process.stdout.readexactly(1)
    await asyncio.sleep(0.3)
    assert "over" not in process.stderr_tail  # it waits for its reader, and not in our memory
    while await process.stdout.read(1 << 20):
        pass
    assert await process.wait() == 0


async def test_a_login_is_a_private_copy(tmp_path: Path) -> None:
    launcher = BubblewrapLauncher(())
    result = await probe(launcher)
    if not result.works:
        pytest.fail(result.detail) if os.environ.get("CI") == "true" else pytest.skip(result.detail)
    home, work = tmp_path / "home", tmp_path / "work"
    (home / ".tool").mkdir(parents=True)
    work.mkdir()
    login = home / ".tool" / "auth.json"
    login.write_text("precious")
    login.chmod(0o644)
    private = (PrivateFile(login, login), PrivateFile(home / "missing", home / "missing"))
    script = f"stat -c %a {login}; cat {login}; echo changed > {login}; ls -A {home} {home}/.tool"
    spawn = Spawn(("sh", "-c", script), {"PATH": PATH}, work, private=private)
    process = await launcher.spawn(spawn)
    said = (await process.stdout.read()).decode()
    await process.kill()
    assert said.startswith("600\nprecious")
    assert "missing" not in said
    assert login.read_text() == "precious"


async def test_a_login_that_is_shown_anyway_stays_the_original(tmp_path: Path) -> None:
    login = tmp_path / "auth.json"
    login.write_text("precious")
    spawn = Spawn(("sh",), {}, tmp_path, writable=(tmp_path,), private=(PrivateFile(login, login),))
    with copies.copies(spawn) as made:
        assert made == ()


async def test_a_leftover_is_killed_by_its_full_name_only(start: Start, launcher: Launcher) -> None:
    process = await start("sh", "-c", "echo up; exec sleep 20")
    await process.stdout.readline()
    right = process.identity
    for wrong in (
        Identity("another-boot", right.pid, right.start_time),
        Identity(right.boot_id, right.pid, right.start_time + 1),
    ):
        report = await launcher.kill_leftover(wrong)
        assert (report.found, report.verified) == (0, True)
    assert procfs.is_alive(right)
    report = await launcher.kill_leftover(right)
    assert report.found >= 1
    assert report.verified is (launcher.name != "process-group")
    assert not procfs.is_alive(right)


async def test_group_never_claims_proof(tmp_path: Path) -> None:
    process = await GroupLauncher().spawn(Spawn(("sleep", "20"), {"PATH": PATH}, tmp_path))
    report = await process.kill()
    assert not report.verified
    assert "cannot prove" in report.note


async def test_cancelling_at_any_await_leaves_nothing(launcher: Launcher, tmp_path: Path) -> None:
    """Cancels at the first, second, third … suspension until a spawn gets through."""
    mark, points = tmp_path / "mark", 0
    while not await _cancelled_at(points, launcher, tmp_path, mark):
        assert procfs.living(os.getpid()) == []
        # The supervisor says that the program has started, and that is waited for: there the kill may follow the start.
        assert launcher.name == "supervisor" or not mark.exists()
        mark.unlink(missing_ok=True)
        points += 1
    assert points > 3


async def _cancelled_at(point: int, launcher: Launcher, cwd: Path, mark: Path) -> bool:
    """True when the spawn was through before that many suspensions."""

    async def contained(_: Identity) -> None:
        await asyncio.sleep(0)

    spawn = Spawn(("sh", "-c", f"touch {mark}; exec sleep 20"), {"PATH": PATH}, cwd, contained=contained)
    task = asyncio.create_task(_interrupted(launcher.spawn(spawn), point), name=f"spawn-{point}")
    try:
        process = await task
    except asyncio.CancelledError:
        return False
    await process.kill()
    return True


async def _interrupted(work: Coroutine[Any, Any, Process], point: int) -> Process:
    return await _stepped(work, point)


@types.coroutine
def _stepped(work: Coroutine[Any, Any, Process], point: int) -> Generator[Any, Any, Process]:
    """Runs `work`, and has the task cancelled when it suspends for the `point`th time (from 0)."""
    while True:
        try:
            waiting = work.send(None)
        except StopIteration as end:
            result: Process = end.value
            return result
        if point == 0:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        point -= 1
        try:
            yield waiting
        except asyncio.CancelledError as exc:
            work.throw(exc)
            raise AssertionError("a cancelled spawn went on") from exc
