"""Whether a project's sshd lets its own key in, and proves itself with the pinned one: tried as an editor would."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Awaitable, Callable

from bot.projects.errors import SshSilent
from bot.projects.keys import KeyDirectory
from bot.projects.model import USER

PATIENCE = 20.0  # seconds from the container's start to a login
STDERR = 4096  # bytes of it that are looked at
STEP = 0.02


async def answers(port: int, keys: KeyDirectory, alive: Callable[[], Awaitable[str]]) -> float:
    """Seconds it took. `alive` says why nothing is to be expected any more, else "". Raises SshSilent."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout(PATIENCE):
            await _greets(port, alive)
            if trouble := await _logs_in(port, keys):
                raise SshSilent(seconds=PATIENCE, reason=trouble)
    except TimeoutError:
        raise SshSilent(seconds=PATIENCE, reason=await alive() or "no greeting came") from None
    return loop.time() - began


async def _greets(port: int, alive: Callable[[], Awaitable[str]]) -> None:
    looked = 0
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                if (await reader.readuntil(b"\n")).startswith(b"SSH-2.0-"):
                    return
            finally:
                writer.close()
        looked += 1
        if looked % 25 == 0 and (trouble := await alive()):
            raise SshSilent(seconds=PATIENCE, reason=trouble)
        await asyncio.sleep(STEP)


async def _logs_in(port: int, keys: KeyDirectory) -> str:
    """What is wrong; "" if nothing."""
    ssh = shutil.which("ssh")
    if ssh is None:
        return "there is no `ssh` on the bot's machine to try it with (`apt install openssh-client`)"
    options = (
        *("-F", "/dev/null", "-i", str(keys.client), "-p", str(port)),
        *("-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=yes"),
        *("-o", f"UserKnownHostsFile={_quoted(str(keys.known_hosts))}", "-o", "GlobalKnownHostsFile=/dev/null"),
        *("-o", "ConnectTimeout=10", "-o", "HostKeyAlgorithms=ssh-ed25519", "-o", "LogLevel=ERROR"),
    )
    process = await asyncio.create_subprocess_exec(
        ssh,
        *options,
        f"{USER}@127.0.0.1",
        "true",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        errors = await process.stderr.read(STDERR)  # what greets people there is anyone's, and may never end
        await process.wait()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
    return "" if process.returncode == 0 else errors.decode(errors="replace").strip()[-300:] or "it refused the login"


def _quoted(path: str) -> str:
    return f'"{path}"' if " " in path else path
