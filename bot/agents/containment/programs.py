"""Finding a program, and which paths make it readable in a sandbox that hides home."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bot.agents.base import ProgramMissing

HINT = "Install it, or give its full path as `command` of this agent in bot.toml."
# Below these a tool keeps everything it needs, and nothing else lives there. Relative to home.
TOOL_HOMES = (".pyenv", ".asdf", ".volta", ".bun", ".local/share/mise")
VERSIONED = (".nvm/versions", ".local/share/fnm", ".fnm", ".local/share/uv/python")  # one prefix per version
# Shared places: showing them as a whole would show other programs' files. Relative to home.
SHARED = (".local/bin", ".local/lib", ".local/share", ".local/state")


def find(argv: Sequence[str], env: Mapping[str, str], cwd: Path) -> str:
    """Absolute path of the program `argv[0]`, links unresolved. Raises ProgramMissing."""
    name = argv[0] if argv else ""
    if "/" in name:
        name = os.path.join(cwd, name)
    found = shutil.which(name, path=env.get("PATH", os.defpath)) if name else None
    if found is None:
        raise ProgramMissing(agent=Path(name).name, program=argv[0] if argv else "", hint=HINT)
    return os.path.abspath(found)


def program_paths(argv: Sequence[str], path_env: str, home: Path) -> tuple[Path, ...]:
    """What must be readable for `argv` to run. Give it the configured command only, never a person's words:
    each absolute file named in it becomes visible. Empty when the program cannot be found."""
    found = shutil.which(argv[0], path=path_env) if argv else None
    if found is None:
        return ()
    program = Path(os.path.abspath(found))
    paths = [program, program.resolve(), *_surroundings(program, home), *_surroundings(program.resolve(), home)]
    if program == Path(sys.executable):
        paths += [Path(sys.prefix), Path(sys.base_prefix)]
    paths += [Path(word) for word in argv[1:] if os.path.isabs(word) and os.path.isfile(word)]
    paths += program_paths(_behind_env(program, argv[1:]), path_env, home)
    return tuple(dict.fromkeys(paths))


def _behind_env(program: Path, arguments: Sequence[str]) -> Sequence[str]:
    """`env NAME=value codex-acp` runs codex-acp; nothing where there is no such thing."""
    if program.name != "env":
        return ()
    named = [number for number, word in enumerate(arguments) if "=" not in word and not word.startswith("-")]
    return arguments[named[0] :] if named else ()


def _surroundings(program: Path, home: Path) -> tuple[Path, ...]:
    """The tool's prefix where it has one of its own, else the program's directory where that is harmless."""
    if not program.is_relative_to(home):
        return _venv(program)
    prefix = _tool_prefix(program, home)
    if prefix is not None:
        return (prefix,)
    return _venv(program) or _directory(program, home)


def _venv(program: Path) -> tuple[Path, ...]:
    """The virtual environment around a program, and the prefix of the interpreter that it borrows."""
    prefix = program.parent.parent
    try:
        lines = (prefix / "pyvenv.cfg").read_text(errors="replace").splitlines()
    except OSError:  # no virtual environment, or none that this user may use
        return ()
    bases = [Path(line.partition("=")[2].strip()).parent for line in lines if line.partition("=")[0].strip() == "home"]
    return (prefix, *(base for base in bases if base.is_absolute() and len(base.parts) > 2))


def _tool_prefix(program: Path, home: Path) -> Path | None:
    for tool in TOOL_HOMES:
        if program.is_relative_to(home / tool):
            return home / tool
    if any(program.is_relative_to(home / tool) for tool in VERSIONED) and program.parent.name == "bin":
        return program.parent.parent
    return None


def _directory(program: Path, home: Path) -> tuple[Path, ...]:
    """Beside the program lie its libraries; nothing is shown where other things lie beside it too, or for a link."""
    directory = _package_root(program.parent)
    shared = directory == home or directory.parent == home or directory in {home / part for part in SHARED}
    return () if shared or program.is_symlink() else (directory,)


def _package_root(directory: Path) -> Path:
    """A script of an npm package needs the whole `node_modules` it lies in."""
    parts = directory.parts
    if "node_modules" in parts:
        return Path(*parts[: parts.index("node_modules") + 1])
    return directory
