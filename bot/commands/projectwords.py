"""What answers about projects say. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.commands.phrases import code, counted, first_words, lasting
from bot.projects import sshconfig
from bot.projects.images import Tool
from bot.projects.inspection import Changes, Tree
from bot.projects.model import Project, ProjectState
from bot.store.records import RunRecord
from transports.fences import fenced

SHOWN = 15  # files and commits that are listed
PATCH = 3000  # characters of a patch that are shown


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything about one project that is known at this moment."""

    project: Project
    container: str  # running | stopped | gone …, or why it is not known
    tree: Tree | None
    tree_trouble: str
    runs: Sequence[RunRecord]
    include: str  # the line for the ssh configuration
    deploy: str  # public key; "": none
    now: float


def overview(projects: Sequence[Project], containers: Mapping[str, str], trouble: str, now: float) -> str:
    if not projects:
        return "There are no projects yet. `new project <name>`, or `new project --git <url>`, makes one."
    head = ("| project | stack | state | ssh | limits | used |", "|---|---|---|---|---|---|")
    rows = [_row(project, containers.get(project.name, "unknown"), now) for project in projects]
    return "\n".join((*head, *rows, *(["", f"**Trouble:** {trouble}"] if trouble else [])))


def _row(project: Project, container: str, now: float) -> str:
    state = container if project.state is ProjectState.READY else project.state.value.replace("_", " ")
    ssh = f"`{sshconfig.host(project.name)}`"
    used = f"{lasting(now - project.used_at)} ago"
    stack = " + ".join(project.stacks) or "base"
    return f"| {project.name} | {stack} | {state} | {ssh} | {limits(project)} | {used} |"


def limits(project: Project) -> str:
    return f"{project.resources.cpus:g} CPU, {size(project.resources.memory)}"


def size(number: int) -> str:
    return f"{number / (1 << 30):.3g} GB" if number >= 1 << 30 else f"{number / (1 << 20):.3g} MB"


def ready(project: Project, seconds: float, include: str, included: bool) -> str:
    """The last words of `new project`."""
    once = "" if included else f"; add once to ~/.ssh/config: `{include}`, or run `tugbot ssh setup`"
    lines = [
        f"**{project.name}** is ready after {lasting(seconds)}. This conversation now talks to it.",
        f"- source: `{project.source}`",
        f"- editor: `ssh {sshconfig.host(project.name)}` (VS Code, Zed, JetBrains: the same name{once})",
    ]
    if project.push and project.push != "works":
        lines.append(f"- push: {project.push}")
    return "\n".join((*lines, f"- try: `project {project.name}`"))


def show(shown: Shown) -> str:
    project, name = shown.project, shown.project.name
    state = shown.container if project.state is ProjectState.READY else project.state.value.replace("_", " ")
    lines = [
        f"**{name}** · {' + '.join(project.stacks) or 'base'} · {state}",
        f"- source: `{project.source}`",
        *([f"- repository: {code(project.git_url)}"] if project.git_url else []),
        *_tree(shown),
        *([f"- push: {project.push}"] if project.push else []),
        f"- ssh: `ssh {sshconfig.host(name)}` (port {project.port} of this machine alone)",
        f"- limits: {limits(project)}",
        f"- image: `{project.image}`",
        f"- made {lasting(shown.now - project.created_at)} ago by {first_words(project.created_by, 40)}",
    ]
    if project.agent:
        lines.append(f"- agent: `{project.agent}`")
    if shown.runs:
        runs = ", ".join(f"{run.id} ({run.state.value.replace('_', ' ')})" for run in shown.runs)
        lines.append(f"- latest runs: {runs}")
    if shown.deploy:
        lines.append(f"- deploy key: `{shown.deploy}`")
    if project.state is ProjectState.AWAITING:
        how = credentials(project, shown.deploy)
        lines.append(f"- it waits for a login to its repository: {how}, then say `retry {project.run}`")
    return "\n".join(lines)


def _tree(shown: Shown) -> list[str]:
    tree = shown.tree
    if tree is None:
        return [f"- work tree: {shown.tree_trouble}"] if shown.tree_trouble else []
    lines = [f"- branch: {code(tree.branch)}" + (f" @ {first_words(tree.commit, 80)}" if tree.commit else "")]
    lines.append(f"- changes: {counted(len(tree.changed), 'file')} not committed" if tree.changed else "- no changes")
    if tree.unpushed:
        lines.append(f"- {counted(len(tree.unpushed), 'commit')} not pushed")
    if tree.foreign:
        lines.append(
            f"- `node_modules` was built on another platform ({code(tree.foreign[0])}). To mend it: "
            f"`ssh {sshconfig.host(shown.project.name)} npm rebuild`"
        )
    return lines


def credentials(project: Project, deploy: str) -> str:
    """How to give a project its login."""
    if project.git_url.startswith(("https://", "http://")):
        how = f"in a terminal on the bot's machine: `tugbot secrets set {project.name} GIT_TOKEN`"
    else:
        how = f"let its host accept this key (with the right to push, if it shall): `{deploy}`"
    return f"{how}. It is undone if nobody does"


def diff(project: Project, changes: Changes, file: str) -> str:
    if not changes.summary and not changes.new:
        return f"Nothing has changed in `{project.name}` since its last commit."
    parts = []
    if changes.summary:
        parts.append(fenced(changes.summary))
    if changes.new:
        more = f" and {len(changes.new) - SHOWN} more" if len(changes.new) > SHOWN else ""
        parts.append("New: " + ", ".join(code(path) for path in changes.new[:SHOWN]) + more)
    if file:
        cut = ", cut at 4 MB" if changes.cut else ""
        parts.append(f"The patch is long; it is in `{file}` on the bot's machine{cut}.")
    elif changes.patch:
        parts.append(fenced(changes.patch))
    return "\n\n".join(parts)


def ssh(access: sshconfig.Access) -> str:
    links = " · ".join(f"[{editor}]({url})" for editor, url in access.links)
    once = f"\n\n{ssh_setup(access)}" if access.include else ""
    return f"`ssh {access.host}`\n\n{fenced(access.block.strip())}\n\n{links}{once}"


def ssh_setup(access: sshconfig.Access) -> str:
    """What is missing until the name is known; "": nothing."""
    if not access.include:
        return ""
    return f"Once, so that `ssh` and editors know the name: `tugbot ssh setup` (adds `{access.include}`)."


def no_container(name: str) -> str:
    return f"Project `{name}` has no container; `project start {name}` makes one."


def would_delete(project: Project, tree: Tree | None, trouble: str, shared: bool) -> str:
    """What `delete` says before it is confirmed."""
    image = "its image stays, other projects use it" if shared else f"image `{project.image}`"
    lines = [
        f"Deleting **{project.name}** would remove: its container, {image}, its keys, and its home (`/home/dev`).",
        f"It would keep the source: `{project.source}` (`--purge-source` moves it to a trash folder for 7 days).",
    ]
    if tree is None:
        lines.append(f"Whether something is not committed or pushed is not known: {trouble}")
    elif tree.clean:
        lines.append("Everything in it is committed and pushed.")
    else:
        lines += _unsaved(tree)
    return "\n".join((*lines, "", f"To do it: `delete {project.name} --confirm {project.name}`"))


def _unsaved(tree: Tree) -> list[str]:
    lines = []
    if tree.changed:
        lines += ["**Not committed:**", *(f"- {code(line)}" for line in tree.changed[:SHOWN])]
        lines += [f"- and {len(tree.changed) - SHOWN} more"] if len(tree.changed) > SHOWN else []
    if tree.unpushed:
        lines += ["**Not pushed:**", *(f"- {code(line)}" for line in tree.unpushed[:SHOWN])]
        lines += [f"- and {len(tree.unpushed) - SHOWN} more"] if len(tree.unpushed) > SHOWN else []
    return lines


def stacks(names: Mapping[str, Sequence[str]], tools: Mapping[str, Sequence[Tool]]) -> str:
    """`names`: stack → markers; `tools`: of those that were built already."""
    lines = []
    for name, markers in names.items():
        found = ", ".join(f"`{marker}`" for marker in markers)
        mine = tools.get(name)
        lines.append(f"- **{name}** ({found}): {'not built yet' if mine is None else tools_line(mine)}")
    return "\n".join((*lines, "", "`tugbot stacks build` on the bot's machine prepares images ahead."))


def tools_line(tools: Sequence[Tool]) -> str:
    """What is there in which version, and what is missing and why."""
    there = ", ".join(first_words(_version(tool), 60) for tool in tools if tool.version)
    gaps = "; ".join(f"{tool.name} ({tool.missing})" for tool in tools if not tool.version)
    return f"{there}. **Missing:** {gaps}" if gaps else there


def _version(tool: Tool) -> str:
    """`rustc 1.85.1` of "rustc 1.85.1 (4eb16125 …)"; the tool's name where the version does not begin with it."""
    text = tool.version.partition(" (")[0]
    return text if text.lower().startswith(tool.name.lower()) else f"{tool.name} {text}"
