"""Every setting: its type, its default, and what it does. The reference page is made from this module."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.agents.config import AgentConfig, Permissions, Policy
from bot.projects import giturl
from bot.projects.identity import identity
from bot.projects.imageplan import is_package
from bot.projects.images import ImageSettings
from bot.projects.model import Resources
from bot.projects.settings import ProjectSettings as PlainProjects
from bot.settings.gateway import GatewaySettings
from bot.settings.hooks import HookSettings
from bot.settings.kinds import (
    AccountName,
    AgentName,
    Argument,
    Count,
    Duration,
    Expected,
    Flag,
    Money,
    OptionalDuration,
    OptionalMoney,
    OptionalSize,
    PathText,
    Private,
    Section,
    Size,
    Text,
    VariableName,
)
from bot.settings.projects import DockerSettings, ProjectsSettings
from bot.settings.transports import TransportsSettings
from dispatcher.model import Limits

BRIEF = (
    "You are talking with {people} through a chat ({place}); you work in {project}. Keep answers short. Do not merge "
    "or push unless you are asked to."
)
_HERE = Path(__file__).parents[1]
# docker/ of the source tree; in an installed package it travels with the settings' template.
DOCKER_DATA = _HERE / "_data" / "docker" if (_HERE / "_data" / "docker").is_dir() else _HERE.parent / "docker"
BUILT_IN_AGENTS = ("demo",)  # usable without an [agents.<name>] table


POLICY = Expected('"ask", "allow" or "deny"')


def _package(text: str | None) -> str | None:
    if text is not None and not is_package(text):
        raise ValueError("is no package")
    return text


def _template(text: str) -> str:
    try:
        text.format(people="", place="", project="")
    except (KeyError, IndexError, ValueError, AttributeError):
        raise ValueError("names something else than {people}, {place} and {project} in braces") from None
    return text


class DispatcherSettings(Section):
    """How messages are collected into batches, and how much may be under way or waiting."""

    window: Duration = Field(
        default=1.5, ge=0, description="Quiet time after the last message before a batch starts. 0 starts at once."
    )
    max_wait: Duration = Field(
        default=10.0,
        ge=0,
        description="Longest wait of a batch from its first message, however steadily others follow.",
    )
    max_batch_messages: Count = Field(default=50, ge=1, description="Messages that make a batch start at once.")
    max_batch_bytes: Size = Field(default=100_000, ge=1, description="Bytes of text that make a batch start at once.")
    max_waiting: Count = Field(
        default=200, ge=1, description="Messages that may wait in one conversation; further ones are refused."
    )
    max_message_bytes: Size = Field(default=32_000, ge=1, description="Longest message accepted, in bytes.")
    max_runs: Count = Field(
        default=4, ge=1, description="Runs that may be under way at the same time, in all conversations."
    )
    told_after: Duration = Field(
        default=1.0, ge=0, description="A batch that waits longer than this for a free place is told its place in line."
    )

    def limits(self) -> Limits:
        """The same bounds as the dispatcher takes them."""
        return Limits(**self.model_dump())


class RunsSettings(Section):
    """When runs end by themselves, and how much time a stop gives them. An agent's own table can differ."""

    shutdown_grace: Duration = Field(
        default=20.0, ge=0, description="Time that runs under way get to finish when the bot is told to end."
    )
    interrupt_grace: Duration = Field(
        default=0.5,
        ge=0,
        le=0.5,  # a stop must act at once; a longer politeness is not offered
        description="Time an agent gets to end its turn by itself on `stop`, before it is killed.",
    )
    timeout: Duration = Field(default=3600.0, ge=0, description="Longest run. 0 sets no limit.")
    idle_timeout: Duration = Field(
        default=900.0,
        ge=0,
        description="Longest time without output and without activity of the run's processes. 0: no limit.",
    )
    max_output: Size = Field(
        default=1_000_000,
        ge=0,
        description="Bytes of answer text kept of one run; the rest is only counted. 0: no limit.",
    )
    max_cost: Money = Field(
        default=0.0,
        ge=0,
        description="US dollars after which a run is ended, where its agent reports its cost while it works. "
        "0: no limit.",
    )
    max_cost_per_day: Money = Field(
        default=0.0,
        ge=0,
        description="US dollars of all runs of one day, from midnight to midnight, as the agents report them. When "
        "they are spent, runs under way are ended and none is begun. 0: no limit.",
    )
    permission_timeout: Duration = Field(
        default=120.0,
        ge=0,
        description="Time people have to answer an agent's permission request; then it is denied. 0: no limit.",
    )
    warm_for: Duration = Field(
        default=600.0,
        ge=0,
        description="How long an agent may rest between two turns of a conversation instead of being started again. "
        "It rests only if nothing but itself is left of its turn. 0: every turn starts it anew.",
    )
    max_warm: Count = Field(
        default=3, ge=0, description="Agents that may rest at the same time; the longest resting is ended for another."
    )


class RepliesSettings(Section):
    """How answers appear while they are being written."""

    stream: Annotated[Literal["edit", "paragraphs", "final"], Expected('"edit", "paragraphs" or "final"')] = Field(
        default="edit",
        description="`edit` updates one message as the answer grows (paragraphs where nothing can be edited), "
        "`paragraphs` sends each paragraph when it is finished, `final` sends the finished answer only.",
    )
    edit_interval: Duration = Field(
        default=0,
        ge=0,
        description="Least time between two edits of a message; a network that asks for more gets more. "
        "0: as each network takes them.",
    )


class ConsoleSettings(Section):
    """Talking in the terminal."""

    history: Flag = Field(default=True, description="Keep the lines typed at the console in the data directory.")


class AccessSettings(Section):
    """Who owns the bot. Owners let others in, in a chat: [security](../explanation/security.md)."""

    allow: Annotated[
        tuple[AccountName, ...], Expected('a list of accounts such as ["@me:example.org", "slack:U123"]')
    ] = Field(
        default=(),
        description="Accounts that are owners, whatever is said in a chat: `@name:server` is one of Matrix, "
        "`<transport>:<id>` any other. Empty: the start prints a code that makes its sender the owner.",
    )


class LogSettings(Section):
    """The log, written to standard error."""

    model_config = ConfigDict(protected_namespaces=())

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Expected('"debug", "info", "warning" or "error"')
    ] = Field(
        default="warning",
        description="The least important messages that are logged. `info` has a line for each step of a run.",
    )
    json_lines: Flag = Field(
        default=False, alias="json", description="Log one JSON object per line, for machines to read."
    )


class PermissionSettings(Section):
    """What becomes of an agent's permission requests."""

    host: Annotated[Policy, POLICY] = "ask"
    container: Annotated[Policy, POLICY] = "allow"


class AgentSettings(Section):
    """One coding agent, in a table of its own: `[agents.<name>]`."""

    backend: Annotated[
        Literal["demo", "command", "acp", "claude"], Expected('"claude", "acp", "command" or "demo"')
    ] = Field(
        description="How to talk to the program: `claude` drives Claude Code; `acp` speaks the Agent Client Protocol; "
        "`command` gives a program the prompt on standard input and takes what it prints as the answer; `demo` is the "
        "agent that ships with Tugbot."
    )
    command: Annotated[
        tuple[Argument, ...], Expected("a list of texts: the program, then its arguments"), Private()
    ] = Field(
        default=(),
        description="The program and its arguments, no shell involved. `{prompt_file}` as an argument is replaced by "
        "the path of a file that holds the prompt.",
    )
    env: Annotated[tuple[VariableName, ...], Expected("a list of names of environment variables"), Private()] = Field(
        default=(),
        description="Names of variables the agent gets, taken from the bot's environment or from `tugbot secrets`. "
        "Nothing else of the bot's environment reaches it, except a few harmless ones such as PATH and LANG.",
    )
    paths: Annotated[tuple[PathText, ...], Expected("a list of paths")] = Field(
        default=(),
        description="Files and directories of yours that the agent may see and change; the rest of home is hidden.",
    )
    credentials: Annotated[tuple[PathText, ...], Expected("a list of paths")] = Field(
        default=(),
        description="Login files of yours that the agent gets as copies of its own, readable for it alone; what it "
        "changes in them is not kept.",
    )
    install: Annotated[
        str | None,
        AfterValidator(_package),
        Expected('"npm:" or "pip:" and the name of a package, such as "npm:opencode-ai"'),
    ] = Field(
        default=None,
        description="The package that puts the program into projects' containers: `npm:<package>` or `pip:<package>`.",
    )
    permissions: Annotated[PermissionSettings, Expected('a table such as { host = "ask", container = "allow" }')] = (
        Field(
            default=PermissionSettings(),
            description="What becomes of its permission requests, in the sandbox on this machine (`host`) and inside a "
            'project\'s container: `"ask"` the people in the chat, `"allow"` or `"deny"` all.',
        )
    )
    model: Annotated[str | None, Expected("text in quotes")] = Field(
        default=None,
        description="The model to use: replaces `{model}` in the command, or is chosen through the agent's protocol.",
    )
    tools: Annotated[tuple[Argument, ...], Expected("a list of names of tools")] = Field(
        default=(),
        description="The only tools the agent may use, by the agent's own names: Claude Code is told so, and "
        "`{tools}` in a command is replaced by them, joined by commas. Empty: all.",
    )
    timeout: OptionalDuration = Field(default=None, ge=0, description="Like `runs.timeout`, for this agent.")
    idle_timeout: OptionalDuration = Field(default=None, ge=0, description="Like `runs.idle_timeout`, for this agent.")
    max_output: OptionalSize = Field(default=None, ge=0, description="Like `runs.max_output`, for this agent.")
    max_cost: OptionalMoney = Field(default=None, ge=0, description="Like `runs.max_cost`, for this agent.")

    @model_validator(mode="after")
    def _has_what_the_backend_needs(self) -> Self:
        if self.backend != "demo" and not (self.command and self.command[0]):
            raise ValueError('needs command = ["program", "argument", …]')
        if self.model is not None and not self._uses("{model}", "acp", "claude"):
            raise ValueError("sets model, but nothing would use it: a command needs {model} among its arguments")
        if self.tools and not self._uses("{tools}", "claude"):
            raise ValueError("sets tools, but nothing would use them: a command needs {tools} among its arguments")
        return self

    def _uses(self, placeholder: str, *backends: str) -> bool:
        return self.backend in backends or any(placeholder in part for part in self.command)


class Settings(BaseSettings):
    """Everything that can be set. Built by `load`; `Settings()` is the defaults, whatever the environment holds."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    data_dir: PathText = Field(
        default=Path("~/.tugbot"),
        validate_default=True,
        description="Where everything is kept: database, secrets, the agents' scratch directories. Only its owner may "
        "read it. A relative path counts from the directory the bot is started in.",
    )
    database_url: Annotated[Text, Private()] = Field(
        default="",
        repr=False,
        description="Empty: an SQLite file in the data directory. For PostgreSQL: `postgresql+psycopg://user@host/name`.",
    )
    default_agent: Text = Field(
        default="auto", description="The agent that answers where nobody chose one. `auto` takes the first one usable."
    )
    brief: Annotated[
        str,
        AfterValidator(_template),
        Expected("text in quotes that names {people}, {place} and {project} alone in braces"),
    ] = Field(
        default=BRIEF,
        description="What an agent is told once per conversation, before the first message. `{people}`, `{place}` and "
        "`{project}` are filled in. Empty: nothing. Agents of the backends `command` and `demo` are not told.",
    )
    dispatcher: DispatcherSettings = DispatcherSettings()
    runs: RunsSettings = RunsSettings()
    replies: RepliesSettings = RepliesSettings()
    console: ConsoleSettings = ConsoleSettings()
    access: AccessSettings = AccessSettings()
    log: LogSettings = LogSettings()
    projects: ProjectsSettings = Field(default_factory=ProjectsSettings)  # its paths follow HOME
    docker: DockerSettings = DockerSettings()
    gateway: GatewaySettings = GatewaySettings()
    transports: TransportsSettings = TransportsSettings()
    hooks: dict[AgentName, HookSettings] = Field(
        default={}, description="Forges that call the bot, each in `[hooks.<name>]`."
    )
    agents: dict[AgentName, AgentSettings] = Field(default={}, description="The agents, each in `[agents.<name>]`.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # The library's own environment source passes over variables it does not know; `load` brings a strict one.
        return (init_settings,)

    @property
    def database(self) -> str:
        """The database's URL for SQLAlchemy."""
        return self.database_url or f"sqlite:///{self.data_dir / 'tugbot.db'}"

    def project_settings(self) -> PlainProjects:
        """Runs `git config` where the settings name nobody."""
        own = self.projects
        limited = Resources(own.cpus, own.memory) if own.cpus and own.memory else None
        return PlainProjects(
            root=own.root,
            allowed_roots=own.allowed_roots,
            protocols=(*giturl.ALWAYS, *own.allow_git_protocols),
            identity=identity(own.git_name, own.git_email),
            push=own.push,
            egress=own.egress,
            egress_allow=own.egress_allow,
            known_hosts=own.known_hosts,
            resources=limited,
            clone_timeout=own.clone_timeout,
            credentials_wait=own.credentials_wait,
            idle_stop=own.idle_stop,
            proxy=self.docker.proxy(),
        )

    def image_settings(self) -> ImageSettings:
        installs = (agent.install for agent in self.agents.values())
        return ImageSettings(
            data=DOCKER_DATA,
            stacks_dir=Path(self.projects.stacks_dir).expanduser() if self.projects.stacks_dir else None,
            base_image=self.docker.base_image,
            certificates=self.docker.extra_ca_certificates,
            proxy=self.docker.proxy(),
            arguments=self.docker.build_args,
            packages=tuple(sorted({install for install in installs if install})),
        )

    def agent_names(self) -> tuple[str, ...]:
        """Agents that may be chosen by name: the configured ones, then those built in."""
        return (*self.agents, *(name for name in BUILT_IN_AGENTS if name not in self.agents))

    def agent_config(self, name: str) -> AgentConfig:
        """What an agent is built from; limits it does not set itself are those of [runs]. KeyError: no such agent."""
        own = (
            AgentSettings(backend="demo") if name in BUILT_IN_AGENTS and name not in self.agents else self.agents[name]
        )
        return AgentConfig(
            name=name,
            backend=own.backend,
            command=own.command,
            install=own.install,
            env=own.env,
            paths=tuple(str(path) for path in own.paths),
            credentials=tuple(str(path) for path in own.credentials),
            tools=own.tools,
            permissions=Permissions(own.permissions.host, own.permissions.container),
            briefed=own.backend in ("acp", "claude"),
            model=own.model,
            timeout=self.runs.timeout if own.timeout is None else own.timeout,
            idle_timeout=self.runs.idle_timeout if own.idle_timeout is None else own.idle_timeout,
            max_output=self.runs.max_output if own.max_output is None else own.max_output,
            max_cost=self.runs.max_cost if own.max_cost is None else own.max_cost,
        )
