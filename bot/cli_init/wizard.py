"""`tugbot init`: from nothing to settings that work, by a few questions, each with a default and an option."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import tomlkit
from tomlkit.exceptions import TOMLKitError

from bot import networks
from bot.agents.build import BACKENDS
from bot.agents.config import AgentConfig
from bot.agents.detect import DEMO, KNOWN, Detected, detect
from bot.cli_init import asking, matrix, slack, writing
from bot.errors import UserError
from bot.networks.table import CONSOLE
from bot.options import RunOptions
from bot.secrets import BOT, Secrets
from bot.settings import Settings, load
from bot.settings.reading import DEFAULT_FILE

AUTO = "auto"
NETWORKS = ("matrix", "slack")
OPTIONS = "--yes, and what shall be other than the defaults: --agent, --projects, --transport"
HEAD = """\
# Tugbot's settings, as `tugbot init` wrote them. What is not here has its default: docs/reference/settings.md

"""


class AgentNotHere(UserError):
    """There is no agent {name} here. There are: {names}. Another program needs a table [agents.<name>] in bot.toml."""


class NetworkUnknown(UserError):
    """{name} is no chat network that Tugbot knows. Give matrix, slack, both separated by a comma, or none."""


@dataclass(frozen=True, slots=True)
class Given:
    """Answers from the command line. None: to be asked for."""

    agent: str | None = None
    projects: str | None = None  # directory
    networks: tuple[str, ...] | None = None
    homeserver: str = ""  # these two of Matrix
    user: str = ""
    http: str = ""  # of Slack


@dataclass(frozen=True, slots=True)
class Choices:
    agent: str
    table: AgentConfig | None  # that the agent needs and that the settings lack
    projects: str


def set_up(options: RunOptions, given: Given, *, yes: bool) -> bool:
    """Ask, show, write, sign in. False: the person did not want the file. Raises NobodyToAsk and other UserErrors."""
    if not (yes or asking.somebody()):
        raise asking.NobodyToAsk(options=OPTIONS)
    path = options.config or DEFAULT_FILE
    known = RunOptions(path if path.exists() else None, options.data)
    settings = load(known.config, os.environ, overrides=known.overrides())
    choices = _chosen(settings, given, yes)
    chosen = _networks(settings, given.networks, yes)
    if "matrix" in chosen and not asking.somebody() and not (given.homeserver and given.user):
        raise asking.NobodyToAsk(options=matrix.OPTIONS)  # now, before anything is written
    if not _written(path, choices, yes):
        return False
    for network in chosen:
        click.echo(f"\n{network.capitalize()}:\n")
        _sign_in(RunOptions(path, options.data), network, given, yes)
    return True


def _sign_in(options: RunOptions, network: str, given: Given, yes: bool) -> None:
    if network == "matrix":
        matrix.set_up(options, given.homeserver, given.user, "", by_token=False, yes=yes)
    else:
        slack.set_up(options, given.http, yes=yes)


def next_step(path: Path | None) -> str:
    option = f" --config {path}" if path is not None and path != DEFAULT_FILE else ""
    return (
        f"\nNext: `tugbot run{option}`, then write to it. `tugbot doctor{option}` tries agents and networks as well.\n"
        "`tugbot init matrix` and `tugbot init slack` add a network later."
    )


# ---------------------------------------------------------------- questions


def _chosen(settings: Settings, given: Given, yes: bool) -> Choices:
    home = Path(os.environ.get("HOME") or Path.home())
    secrets = Secrets(settings.data_dir)
    held = {**secrets.read(BOT), **os.environ}
    detected = detect(BACKENDS, held, home, held=secrets.read)
    agent = given.agent or _agent(settings, detected, yes)
    table = _table(agent, settings.agent_names(), detected, {**held, **_own(secrets, agent)})
    default = _short(settings.projects.root, home)
    projects = given.projects or _asked("Where the sources of your projects lie", default, yes)
    return Choices(agent, table, projects)


def _agent(settings: Settings, detected: Detected, yes: bool) -> str:
    if not yes:
        click.echo("Agents on this machine:", err=True)
        for found in detected.found:
            click.echo(f"  {found.name}: {found.obstacle or found.path}", err=True)
        click.echo(f"  {DEMO}: comes with Tugbot, for trying out", err=True)
        click.echo(f"  {AUTO}: the first one usable, now {detected.name}", err=True)
    return _asked("Which one answers", settings.default_agent, yes)


def _own(secrets: Secrets, agent: str) -> Mapping[str, str]:
    return secrets.read(agent) if any(known.name == agent for known in KNOWN) else {}


def _table(agent: str, tables: Collection[str], detected: Detected, held: Mapping[str, str]) -> AgentConfig | None:
    """What the settings lack for this agent. Raises AgentNotHere."""
    if agent in (AUTO, DEMO, *tables):
        return None
    installed = [found.name for found in detected.found]
    if agent not in installed:
        names = dict.fromkeys((*installed, *tables, DEMO, AUTO))
        raise AgentNotHere(name=agent, names=", ".join(names))
    config = next(known.config() for known in KNOWN if known.name == agent)
    # Of its variables each is a login of its own; a table asks for all that it lists.
    present = tuple(name for name in config.env if held.get(name))
    return AgentConfig(agent, config.backend, config.command, env=present, paths=config.paths)


def _networks(settings: Settings, given: tuple[str, ...] | None, yes: bool) -> tuple[str, ...]:
    """Those to sign in to now. Raises NetworkUnknown."""
    if given is None:
        done = networks.names(settings)
        known = f"; set up already: {', '.join(done)}" if done else ""
        said = _asked(f"Chat networks beside this console ({', '.join(NETWORKS)}, or none{known})", "none", yes)
        given = tuple(part.strip().lower() for part in said.split(","))
    wanted = [name for name in dict.fromkeys(given) if name not in ("", "none", CONSOLE)]
    if unknown := [name for name in wanted if name not in NETWORKS]:
        raise NetworkUnknown(name=unknown[0])
    return tuple(wanted)


def _asked(question: str, default: str, yes: bool) -> str:
    return default if yes else asking.asked(question, default, OPTIONS)


def _short(path: Path, home: Path) -> str:
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) and path != home else str(path)


# ---------------------------------------------------------------- bot.toml


def _written(path: Path, choices: Choices, yes: bool) -> bool:
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        after = with_choices(before or HEAD, choices)
    except (OSError, UnicodeDecodeError, TOMLKitError) as exc:
        raise writing.FileUnwritable(file=path, reason=str(exc)) from exc
    if after == before:
        click.echo(f"{path} holds that already.")
        return True
    click.echo(f"\n{path} {'will change so' if before else 'shall hold'}:\n\n{_shown(before, after)}\n")
    if not yes and not asking.agreed(f"Write that into {path}?"):
        click.echo("Nothing was written.")
        return False
    try:
        path.write_text(after, encoding="utf-8")
    except OSError as exc:
        raise writing.FileUnwritable(file=path, reason=str(exc)) from exc
    click.echo(f"Written to {path}.")
    return True


def _shown(before: str, after: str) -> str:
    if not before:
        return after.rstrip()
    changes = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1)
    return "\n".join(line for line in changes if not line.startswith(("---", "+++", "@@")))


def with_choices(text: str, choices: Choices) -> str:
    """The settings file with what was chosen; all else, comments too, stays."""
    document = tomlkit.parse(text)
    if document.get("default_agent") != choices.agent:
        document["default_agent"] = choices.agent
    projects = document.setdefault("projects", tomlkit.table())
    if projects.get("root") != choices.projects:
        projects["root"] = choices.projects
    if choices.table is not None:
        agents = document.setdefault("agents", tomlkit.table(is_super_table=True))
        agents[choices.table.name] = _as_toml(choices.table)
    return tomlkit.dumps(document)


def _as_toml(config: AgentConfig) -> tomlkit.items.Table:
    table = tomlkit.table()
    table["backend"], table["command"] = config.backend, list(config.command)
    for key, values in (("env", config.env), ("paths", config.paths)):
        if values:
            table[key] = list(values)
    return table
