"""[projects] and [docker]."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from bot.projects.model import Egress, Push
from bot.settings.kinds import Cpus, Duration, Expected, HostName, PathText, Section, Size, Text, VariableName


class ProjectsSettings(Section):
    """Source trees with a container of their own."""

    root: PathText = Field(
        default=Path("~/tugbot"),
        validate_default=True,
        description="Where sources of new projects lie, each in a directory of its name. Its owner owns them; where "
        "that is root, the user with the number 1000.",
    )
    allowed_roots: Annotated[tuple[PathText, ...], Expected("a list of paths")] = Field(
        default=(), description="Where else `new project --path` may put one."
    )
    stacks_dir: Text = Field(
        default="", description="Folder with stacks of your own, beside those that come with Tugbot. Empty: none."
    )
    git_name: Text = Field(default="", description="Who commits are by; empty: as `git config` on this machine has it.")
    git_email: Text = Field(default="", description="The address of who commits are by; empty: as `git config` has it.")
    allow_git_protocols: Annotated[tuple[Literal["http", "file"], ...], Expected('a list of "http" and "file"')] = (
        Field(default=(), description="What git may speak beside https and ssh.")
    )
    push: Annotated[Push, Expected('"ask", "allow" or "deny"')] = Field(
        default="ask",
        description="Who may push with the project's login: `ask` people through ssh alone, so an agent has to ask "
        "them; `allow` agents too; `deny` nobody.",
    )
    known_hosts: Annotated[tuple[PathText, ...], Expected("a list of paths")] = Field(
        default=(Path("~/.ssh/known_hosts"), Path("/etc/ssh/ssh_known_hosts")),
        validate_default=True,
        description="Where host keys of git servers are pinned; one that is in none of these files is not talked to.",
    )
    cpus: Cpus = Field(
        default=0.0, ge=0, description="Processors of a project's containers, each. 0: all that the machine has."
    )
    memory: Size = Field(
        default=0, ge=0, description="Memory of a project's containers, each. 0: half of what the machine has."
    )
    egress: Annotated[Egress, Expected('"open", "none" or "allow-list"')] = Field(
        default="open",
        description="What agents in a project's containers reach: `open` everything, `none` nothing, `allow-list` the "
        "hosts of `egress_allow`, over http and https, through a proxy of its own.",
    )
    egress_allow: Annotated[tuple[HostName, ...], Expected("a list of host names")] = Field(
        default=(), description="Hosts that `allow-list` allows, each with everything below it."
    )
    clone_timeout: Duration = Field(default=600.0, gt=0, description="Longest clone of a repository.")
    credentials_wait: Duration = Field(
        default=3600.0, gt=0, description="How long a project waits for a login to its repository, then it is undone."
    )
    idle_stop: Duration = Field(
        default=0.0,
        ge=0,
        description="Unused for this long, a project's container is stopped; it starts on use. 0: never.",
    )


class DockerSettings(Section):
    """The images of projects. The engine itself is the one that DOCKER_HOST names, else the local one."""

    base_image: Text = Field(
        default="",
        description="What images begin with: Debian trixie. Empty: what `tugbot stacks base` made, else "
        "`debian:trixie-slim` from its registry.",
    )
    extra_ca_certificates: Annotated[tuple[PathText, ...], Expected("a list of paths")] = Field(
        default=(), description="PEM files with certificates that containers shall trust, as behind a company's proxy."
    )
    http_proxy: Text = Field(default="", description="Proxy for http, for builds, clones and containers.")
    https_proxy: Text = Field(default="", description="Proxy for https, for builds, clones and containers.")
    no_proxy: Text = Field(default="", description="Hosts that are reached without the proxy.")

    def proxy(self) -> dict[str, str]:
        """Variables as programs read them, in both cases."""
        values = {"http_proxy": self.http_proxy, "https_proxy": self.https_proxy, "no_proxy": self.no_proxy}
        found = {name: value for name, value in values.items() if value}
        return {**found, **{name.upper(): value for name, value in found.items()}}

    build_args: Annotated[dict[VariableName, str], Expected('a table such as { RUST_SOURCE = "upstream" }')] = Field(
        default={}, description="Values for the ARG lines of stacks: sources and versions."
    )
