"""The command `tugbot`. Nothing heavy is imported before a command needs it: `tugbot version` answers at once."""

from __future__ import annotations

import logging
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Literal, TypeVar

import click

from bot.errors import OperatorError, UserError
from bot.options import RunOptions

USER_ERROR = 2
OPERATOR_ERROR = 70  # EX_SOFTWARE of sysexits.h

_Command = TypeVar("_Command", bound=Callable[..., object])


class Refusal(click.ClickException):
    """A UserError on its way out: one line, no trace."""

    exit_code = USER_ERROR

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"tugbot: {one_line(self.message)}", file=file, err=file is None)


class Fault(click.ClickException):
    """An OperatorError on its way out: its reference is in the log, beside the trace."""

    exit_code = OPERATOR_ERROR

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"tugbot: {one_line(self.message)}", file=file, err=file is None)


def one_line(text: str) -> str:
    """`text` without line breaks and control characters, which could rewrite the terminal."""
    return "".join(char if char.isprintable() else "�" for char in " ".join(text.split()))


def _fault(error: OperatorError) -> Fault:
    reference = secrets.token_hex(4)
    logging.getLogger("tugbot").error("fault %s", reference, exc_info=error, extra={"reference": reference})
    return Fault(f"{error} This is a fault inside Tugbot or its surroundings; the log has it under {reference}.")


class Translating(click.Group):
    """Turns the bot's errors into what click knows how to end with."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as exc:
            raise Refusal(str(exc)) from exc
        except OperatorError as exc:
            raise _fault(exc) from exc


def _print_version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(version_text())
        ctx.exit()


def version_text() -> str:
    from importlib.metadata import version

    return f"tugbot {version('tugbot')} (Python {sys.version_info.major}.{sys.version_info.minor})"


@click.group(cls=Translating, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
def tugbot() -> None:
    """Steer coding agents from chat."""
    os.umask(0o077)  # everything we write is ours alone, whoever writes it
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")  # a terminal without UTF-8 shall not end us over a tick mark


def _where(command: _Command) -> _Command:
    """The options that say which settings and which data are meant."""
    config = click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Settings file instead of ./bot.toml.",
    )
    data = click.option(
        "--data",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Data directory instead of the one in the settings.",
    )
    return config(data(command))


@tugbot.command()
@_where
@click.option("--agent", metavar="NAME", help="Agent that answers where nobody chose one.")
@click.option(
    "--transport",
    "transports",
    multiple=True,
    metavar="NAME",
    help="Only this one (console, matrix, slack); repeatable.",
)
@click.option(
    "--input", "input_", type=click.Choice(["lines", "jsonl"]), default="lines",
    help="What is piped in: one message per line, or one JSON object per line.",
)  # fmt: skip
@click.option("--log-json", is_flag=True, help="One JSON object per line of the log, on standard error.")
@click.pass_context
def run(
    ctx: click.Context,
    config: Path | None,
    data: Path | None,
    agent: str | None,
    transports: tuple[str, ...],
    input_: Literal["lines", "jsonl"],
    log_json: bool,
) -> None:
    """Start the bot. Ends with Ctrl-C, Ctrl-D, or when piped input is done."""
    from bot import app

    ctx.exit(app.run(RunOptions(config, data, agent, transports, input_, log_json)))


@tugbot.command()
def version() -> None:
    """Show the version."""
    click.echo(version_text())


@tugbot.command()
@_where
@click.pass_context
def migrate(ctx: click.Context, config: Path | None, data: Path | None) -> None:
    """Bring the database up to this version. `tugbot run` does it too."""
    from bot import app

    ctx.exit(app.migrate(RunOptions(config, data)))


@tugbot.command()
@_where
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
@click.pass_context
def doctor(ctx: click.Context, config: Path | None, data: Path | None, as_json: bool) -> None:
    """Check that everything the bot needs is there, and say how to mend what is not."""
    from bot import doctor as examination

    ctx.exit(examination.run(RunOptions(config, data), as_json=as_json))


@tugbot.group("secrets")
def secrets_() -> None:
    """Values such as API keys, kept in files that only you can read.

    An agent gets those whose names its `env` lists.
    """


_scope = click.option("--agent", "scope", default="bot", metavar="NAME", help="For this agent only.")


@secrets_.command("set")
@click.argument("name")
@click.argument("surplus", nargs=-1, metavar="")
@_scope
@_where
def set_secret(name: str, surplus: tuple[str, ...], scope: str, config: Path | None, data: Path | None) -> None:
    """Store the secret NAME. Its value is asked for, or read from standard input, never from an argument.

    With a project's name before it, it is that project's: GIT_TOKEN, or GIT_SSH_KEY for another key than its own.
    """
    from bot import cli_secrets

    cli_secrets.set_secret(RunOptions(config, data), scope, name, surplus)


@secrets_.command("list")
@_where
def list_secrets(config: Path | None, data: Path | None) -> None:
    """Show the names of all secrets, never a value."""
    from bot import cli_secrets

    cli_secrets.list_secrets(RunOptions(config, data))


@secrets_.command("unset")
@click.argument("name")
@_scope
@_where
def unset_secret(name: str, scope: str, config: Path | None, data: Path | None) -> None:
    """Forget the secret NAME."""
    from bot import cli_secrets

    cli_secrets.unset_secret(RunOptions(config, data), scope, name)


def main() -> None:
    """Exit codes: 0, 1 (a run or a check failed), 2 (correct something and try again), 70 (a fault)."""
    tugbot(prog_name="tugbot")


@tugbot.group("stacks")
def stacks() -> None:
    """Images of projects, prepared ahead."""


@stacks.command("base")
@_where
def stacks_base(config: Path | None, data: Path | None) -> None:
    """Make the base image from Debian's packages, where no image registry can be reached."""
    from bot import cli_projects

    cli_projects.base(RunOptions(config, data))


@stacks.command("build")
@click.argument("names", nargs=-1, metavar="[STACK]...")
@_where
def stacks_build(names: tuple[str, ...], config: Path | None, data: Path | None) -> None:
    """Build the images of these stacks, or of all."""
    from bot import cli_projects

    cli_projects.build(RunOptions(config, data), names)


@tugbot.command("page")
@_where
def page(config: Path | None, data: Path | None) -> None:
    """Print a link to the page of the bot that runs here; it logs one browser in, once, as its owner."""
    from bot import cli_page

    cli_page.show(RunOptions(config, data))


@tugbot.group("token")
def token() -> None:
    """Tokens, with which scripts and editors call the API."""


@token.command("create")
@click.argument("name")
@click.option(
    "--role", type=click.Choice(["member", "operator", "owner"]), required=True, help="What it may do, as a person's."
)
@click.option("--days", type=click.IntRange(1, 3650), metavar="N", help="How long it counts; else until it is revoked.")
@_where
def create_token(
    name: str,
    role: Literal["member", "operator", "owner"],
    days: int | None,
    config: Path | None,
    data: Path | None,
) -> None:
    """Make the token NAME and print it, this once, on standard output."""
    from bot import cli_tokens

    cli_tokens.create(RunOptions(config, data), name, role, days)


@token.command("list")
@_where
def list_tokens(config: Path | None, data: Path | None) -> None:
    """Show names, roles and last uses of all tokens, never a token."""
    from bot import cli_tokens

    cli_tokens.show(RunOptions(config, data))


@token.command("revoke")
@click.argument("name")
@_where
def revoke_token(name: str, config: Path | None, data: Path | None) -> None:
    """Make the token NAME count no more, at once."""
    from bot import cli_tokens

    cli_tokens.revoke(RunOptions(config, data), name)


@tugbot.group("hook")
def hook() -> None:
    """Webhooks, by which GitHub, Gitea, Forgejo and GitLab call."""


@hook.command("secret")
@click.argument("name")
@click.option("--replace", is_flag=True, help="Make another one, though there is one.")
@click.option(
    "--given", is_flag=True, help="Store one that the forge made: it is asked for, or read from standard input."
)
@_where
def hook_secret(name: str, replace: bool, given: bool, config: Path | None, data: Path | None) -> None:
    """Make the secret of the hook NAME of bot.toml, and print it, this once, with what to enter at the forge."""
    from bot import cli_hooks

    cli_hooks.secret(RunOptions(config, data), name, replace=replace, given=given)


@tugbot.group("ssh")
def ssh() -> None:
    """Reaching projects with ssh and editors."""


@ssh.command("setup")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_where
def ssh_setup(yes: bool, config: Path | None, data: Path | None) -> None:
    """Add the projects' names to your ssh configuration, by one Include line."""
    from bot import cli_projects

    cli_projects.ssh_setup(RunOptions(config, data), yes=yes)


@tugbot.group("init", invoke_without_command=True)
@click.option("--agent", metavar="NAME", help="The agent that answers: auto, demo, or one that is installed.")
@click.option("--projects", metavar="DIR", help="Where the sources of your projects lie.")
@click.option(
    "--transport", "networks", multiple=True, metavar="NAME", help="Sign in to this one (matrix, slack); repeatable."
)
@click.option("--homeserver", default="", metavar="SERVER", help="For Matrix: example.org, or its URL.")
@click.option("--user", default="", metavar="ID", help="For Matrix: the bot's account, @tugbot:example.org.")
@click.option("--http", default="", metavar="URL", help="For Slack: your https address, instead of Socket Mode.")
@click.option("--yes", is_flag=True, help="Ask nothing: take the defaults, and write the settings.")
@_where
@click.pass_context
def init(
    ctx: click.Context,
    agent: str | None,
    projects: str | None,
    networks: tuple[str, ...],
    homeserver: str,
    user: str,
    http: str,
    yes: bool,
    config: Path | None,
    data: Path | None,
) -> None:
    """Set Tugbot up: an agent, a place for projects, chat networks. Behind it, a network's name sets up that alone.

    Each question has an option. With --yes nothing is asked; passwords and tokens are read from standard input.
    """
    if ctx.invoked_subcommand is not None:
        if any(value not in (None, "", (), False) for value in ctx.params.values()):
            raise click.UsageError(f"Options go behind the name: tugbot init {ctx.invoked_subcommand} …")
        return
    from bot import doctor as examination
    from bot.cli_init import wizard

    options = RunOptions(config, data)
    given = wizard.Given(agent, projects, networks or None, homeserver, user, http)
    if wizard.set_up(options, given, yes=yes):
        click.echo()
        code = examination.quick(options)
        click.echo(wizard.next_step(config))
        ctx.exit(code)


@init.command("matrix")
@click.option("--homeserver", default="", metavar="SERVER", help="example.org, or the URL of its client API.")
@click.option("--user", default="", metavar="ID", help="The bot's account, @tugbot:example.org.")
@click.option("--account", default="", metavar="NAME", help="A further account, under a name that you choose.")
@click.option("--token", "by_token", is_flag=True, help="Give an access token instead of a password.")
@click.option("--yes", is_flag=True, help="Write the settings without asking.")
@_where
def init_matrix(
    homeserver: str, user: str, account: str, by_token: bool, yes: bool, config: Path | None, data: Path | None
) -> None:
    """Sign the bot in to Matrix. The password or token is asked for, or read from standard input."""
    from bot.cli_init import matrix

    matrix.set_up(RunOptions(config, data), homeserver, user, account, by_token=by_token, yes=yes)


@init.command("slack")
@click.option("--manifest", "only_manifest", is_flag=True, help="Print the app's manifest, and end.")
@click.option(
    "--http", default="", metavar="URL", help="Slack calls this https address of yours, instead of Socket Mode."
)
@click.option("--yes", is_flag=True, help="Write the settings without asking.")
@_where
def init_slack(only_manifest: bool, http: str, yes: bool, config: Path | None, data: Path | None) -> None:
    """Connect the bot to Slack, as an app of your own.

    Prints the app's manifest, then asks for its tokens, or reads them from standard input, one in a line: first the bot
    token, then the app-level token (with --http: the signing secret).
    """
    from bot.cli_init import slack

    if only_manifest:
        slack.print_manifest(http)
    else:
        slack.set_up(RunOptions(config, data), http, yes=yes)
