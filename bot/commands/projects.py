"""new project, projects, use, project …, diff, rebuild, logs, set, ssh, delete, secrets, stacks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from bot.commands.model import Arg, Args, Command, Desk, Example, Handler, Invocation, Names, Option, ProjectDesk, Reply
from bot.projects import names as project_names
from bot.projects.errors import NameInvalid

GROUP = "Projects"
NONE = "none"  # the word of `use` that leaves all projects

NAME = Arg("name", "project")
AGENT = Option("agent", "agent", "the agent that works in it", "A")
CPUS = Option("cpus", "number", "processors it may use", "N")
MEMORY = Option("memory", "size", "memory it may use, such as 4g", "SIZE")
STACK = Option("stack", "word", "its tool chains, such as `rust` or `node,python`; found by its files otherwise", "S")


def _by(method: Callable[[ProjectDesk, Invocation], Awaitable[Reply]]) -> Handler:
    async def handler(invocation: Invocation, desk: Desk) -> Reply:
        return await method(desk.projects, invocation)

    return handler


def _reading(method: Callable[[ProjectDesk, Invocation], Awaitable[Reply]]) -> Handler:
    """Members read about the project of their conversation; any other may be none of their business."""

    async def handler(invocation: Invocation, desk: Desk) -> Reply:
        name, asker = invocation.args.get("name"), invocation.asker
        if name is not None and asker.role == "member" and name != (await desk.settings(asker.session)).project:
            return Reply(f"This conversation is not about `{name}`; elsewhere it takes an operator.", ok=False)
        return await method(desk.projects, invocation)

    return handler


# ---------------------------------------------------------------- new project


def _settled(args: Args, names: Names) -> Args:
    """A project without a name is called like its repository."""
    if "name" in args or "git" not in args:
        return args
    return {**args, "name": project_names.derived(str(args["git"]), names.projects)}


def _new_binds(args: Args, names: Names) -> Mapping[str, str | None]:
    """From now on this conversation is about the project; what is said meanwhile waits for it."""
    name = str(args.get("name", ""))
    try:
        project_names.check(name)
    except NameInvalid:
        return {}
    if name in names.projects:
        return {}
    agent = {"agent": str(args["agent"])} if "agent" in args else {}
    return {"project": name, **agent}


NEW = Command(
    name="new project",
    group=GROUP,
    summary="makes a project: source, container, tool chain, ssh",
    role="operator",
    args=(Arg("name", "word", optional=True),),
    options=(
        STACK,
        Option("git", "word", "the repository to clone: https or ssh", "URL"),
        Option("branch", "word", "the branch or tag to clone", "B"),
        Option("path", "word", "where its source shall lie; must not exist yet", "DIR"),
        AGENT,
        CPUS,
        MEMORY,
    ),
    details=(
        "Makes a directory, clones into it (or begins a repository), builds or reuses an image with the tool chain, "
        "starts a container that only your key can enter, and binds this conversation to it. Everything runs in "
        "containers without privileges. If a step fails, or you say `stop`, all that was made is removed. Without a "
        "name the repository's is taken."
    ),
    examples=(
        Example("new project --git https://git.example.org/me/harbour.git", "clones harbour"),
        Example("new project toy --stack rust", "an empty one for Rust"),
    ),
    handler=_by(lambda desk, invocation: desk.create(invocation)),
    binds=_new_binds,
    settles=_settled,
    holds=True,
    claims=True,
)

# ---------------------------------------------------------------- looking


PROJECTS = Command(
    name="projects",
    group=GROUP,
    summary="lists the projects",
    details="Name, stack, state, ssh name, limits, and when each was last used.",
    examples=(Example("projects", "all of them"),),
    handler=_by(lambda desk, invocation: desk.overview(invocation)),
)


def _use_binds(args: Args, names: Names) -> Mapping[str, str | None]:
    name = str(args["name"])
    if name == NONE:
        return {"project": None}
    agent = names.projects.get(name, "")
    return {"project": name, "agent": agent} if agent else {"project": name}


USE = Command(
    name="use",
    group=GROUP,
    summary="chooses the project that this conversation is about",
    role="operator",
    args=(Arg("name", "project", choices=(NONE,)),),
    details="Later messages go to its agent, in its container. `use none` goes back to the sandbox of this machine.",
    examples=(Example("use harbour", "about harbour"), Example("use none", "no project")),
    handler=_by(lambda desk, invocation: desk.use(invocation)),
    binds=_use_binds,
)

SHOW = Command(
    name="project",
    group=GROUP,
    summary="shows everything about a project",
    args=(NAME,),
    details="Where its source lies, branch, changes, unpushed commits, ssh, limits, image and its latest runs. "
    "Members see the project that their conversation is about.",
    examples=(Example("project harbour", "everything about harbour"),),
    handler=_reading(lambda desk, invocation: desk.show(invocation)),
)

DIFF = Command(
    name="diff",
    group=GROUP,
    summary="shows what changed in a project since its last commit",
    args=(Arg("name", "project", optional=True),),
    details="Without a name of the project that this conversation is about. A long patch is kept as a file.",
    examples=(Example("diff", "of this conversation's project"),),
    handler=_reading(lambda desk, invocation: desk.diff(invocation)),
)

SSH = Command(
    name="ssh",
    group=GROUP,
    summary="shows how to reach a project with ssh and editors",
    args=(NAME,),
    details="The line to type, the block of the ssh configuration, and links for editors. Never the private key.",
    examples=(Example("ssh harbour", "how to reach harbour"),),
    handler=_reading(lambda desk, invocation: desk.ssh(invocation)),
)

LOGS = Command(
    name="logs",
    group=GROUP,
    summary="shows the latest lines of a project's container",
    role="operator",
    args=(NAME, Arg("n", "count", optional=True)),
    details="What its sshd said. At most 200 lines.",
    examples=(Example("logs harbour 50", "the latest 50 lines"),),
    handler=_by(lambda desk, invocation: desk.logs(invocation)),
)

STACKS = Command(
    name="stacks",
    group=GROUP,
    summary="lists the tool chains there are",
    details="With the versions of what was built already, and what is missing on this machine.",
    examples=(Example("stacks", "all of them"),),
    handler=_by(lambda desk, invocation: desk.stacks(invocation)),
)

# ---------------------------------------------------------------- life


START = Command(
    name="project start",
    group=GROUP,
    summary="starts a project's container",
    role="operator",
    args=(NAME,),
    details="A message to its agent, too, starts it.",
    examples=(Example("project start harbour", "starts it"),),
    handler=_by(lambda desk, invocation: desk.start(invocation)),
)

STOP = Command(
    name="project stop",
    group=GROUP,
    summary="stops a project's container",
    role="operator",
    args=(NAME,),
    details="Ssh sessions end. Source, home and keys stay as they are.",
    examples=(Example("project stop harbour", "stops it"),),
    handler=_by(lambda desk, invocation: desk.stop(invocation)),
)

RESTART = Command(
    name="project restart",
    group=GROUP,
    summary="stops and starts a project's container",
    role="operator",
    args=(NAME,),
    details="Ssh sessions end.",
    examples=(Example("project restart harbour", "stops and starts it"),),
    handler=_by(lambda desk, invocation: desk.restart(invocation)),
)

REBUILD = Command(
    name="rebuild",
    group=GROUP,
    summary="makes a project's image and container anew",
    role="operator",
    args=(NAME,),
    options=(STACK,),
    details="Source, home, keys, port and host key stay. If it fails, the old container comes back.",
    examples=(Example("rebuild harbour --stack rust,node", "with two tool chains"),),
    handler=_by(lambda desk, invocation: desk.rebuild(invocation)),
    holds=True,
)

SET = Command(
    name="set",
    group=GROUP,
    summary="changes the limits or the agent of a project",
    role="operator",
    args=(NAME,),
    options=(CPUS, MEMORY, AGENT),
    details="New limits need a new container, so ssh sessions end; the rest stays.",
    examples=(Example("set harbour --memory 8g", "more memory"),),
    handler=_by(lambda desk, invocation: desk.change(invocation)),
    holds=True,
)

DELETE = Command(
    name="delete",
    group=GROUP,
    summary="removes a project, after showing what would go",
    role="operator",
    args=(NAME,),
    options=(
        Option("confirm", "word", "its name once more: do it", "NAME"),
        Option("purge-source", "flag", "move the source to a trash folder, where it stays for 7 days"),
    ),
    details=(
        "Container, image, keys and home go; the source stays. First it only tells, with what is not committed or "
        "pushed; `--confirm <name>` does it."
    ),
    examples=(Example("delete harbour", "what would go"),),
    handler=_by(lambda desk, invocation: desk.delete(invocation)),
    holds=True,
)

SECRETS = Command(
    name="secrets list",
    group=GROUP,
    summary="lists the names of a project's secrets",
    role="operator",
    args=(NAME,),
    details="Values are set with `tugbot secrets set <project> <NAME>` in a terminal, never in a chat.",
    examples=(Example("secrets list harbour", "the names"),),
    handler=_by(lambda desk, invocation: desk.secrets(invocation)),
)

UNSET = Command(
    name="secrets unset",
    group=GROUP,
    summary="forgets one secret of a project",
    role="operator",
    args=(NAME, Arg("key", "word")),
    details="Containers that have it already keep it until they are made anew.",
    examples=(Example("secrets unset harbour GIT_TOKEN", "forgets the token"),),
    handler=_by(lambda desk, invocation: desk.unset(invocation)),
)

ALL = (
    NEW,
    PROJECTS,
    USE,
    SHOW,
    DIFF,
    SSH,
    START,
    STOP,
    RESTART,
    REBUILD,
    SET,
    LOGS,
    DELETE,
    SECRETS,
    UNSET,
    STACKS,
)
