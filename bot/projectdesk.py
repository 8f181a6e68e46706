"""What commands may ask about projects, answered by the workshop; long work becomes a chore."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

from bot.commands import parse, projectwords, words
from bot.commands.model import Asker, Begun, CommandCall, Desk, Invocation, Names, Option, Reply
from bot.commands.phrases import code
from bot.commands.projects import NEW
from bot.commands.registry import allowed, needed
from bot.errors import UserError
from bot.projects import inspection, sshconfig
from bot.projects.errors import CredentialsNeeded, NameTaken, NotReady
from bot.projects.inspection import Tree
from bot.projects.keys import put
from bot.projects.model import Order, Project, ProjectState, Resources
from bot.projects.provisioner import Provisioner
from bot.projects.thorough import finished
from bot.projects.truth import Truth
from bot.projects.upkeep import Upkeep
from bot.projects.workshop import Progress, Workshop
from bot.runs.chores import Chores, Job
from bot.secrets import Secrets, project_scope
from bot.store.records import RunRecord
from bot.store.store import Store
from transports.fences import fenced

MOST_LINES = 200
SHORT_PATCH = 3000  # characters; a longer one becomes a file


class ProjectDesk:
    """Implements bot.commands.model.ProjectDesk."""

    def __init__(
        self,
        shop: Workshop,
        provisioner: Provisioner,
        care: Upkeep,
        truth: Truth,
        chores: Chores,
        store: Store,
        secrets: Secrets,
        *,
        busy: Callable[[str], str],  # who works in a project at this moment, in words; "": nobody
        rest: Callable[[str], Awaitable[object]],  # ends what rests in a project
        changed: Callable[[], Awaitable[None]],  # the names there are have changed
        names: Callable[[], Names],
        made: Callable[[str, Asker], None],  # a project is ready, and who asked for it
        ssh_user_config: Path,
    ) -> None:
        self._shop = shop
        self._provisioner = provisioner
        self._care = care
        self._truth = truth
        self._chores = chores
        self._store = store
        self._secrets = secrets
        self._busy = busy
        self._rest = rest
        self._changed = changed
        self._names = names
        self._made_for = made
        self._ssh_user_config = ssh_user_config

    # ------------------------------------------------------------ new project

    async def create(self, invocation: Invocation) -> Reply:
        args, asker = invocation.args, invocation.asker
        if "name" not in args:
            return Reply(
                "A project needs a name, or a repository: `new project <name>`, `new project --git <url>`.", False
            )
        name = str(args["name"])
        before = await self._store.inbox.project_of(invocation.message_id)
        order = Order(
            name=name,
            stacks=tuple(part for part in str(args.get("stack", "")).split(",") if part),
            git_url=str(args.get("git", "")),
            branch=str(args.get("branch", "")),
            path=Path(str(args["path"])) if "path" in args else None,
            agent=str(args.get("agent", "")),
            cpus=cast("float | None", args.get("cpus")),
            memory=cast("int | None", args.get("memory")),
            session=asker.session,
            target=asker.target,
            asked_by=asker.sender_name,
        )

        async def work(run: int, progress: Progress) -> str:
            began = time.monotonic()
            project = await self._made(lambda: self._provisioner.create(order, run, progress))
            return self._ready(project, time.monotonic() - began)

        job = self._job("provision", f"new project {name}", name, asker, _text(invocation), work, undoes=True)
        try:
            if await self._shop.registry.get(name) is not None:
                raise NameTaken(name=name)
            run = await self._chores.begin(replace(job, over=lambda ok: self._over(name, asker, before, ok)))
        except UserError:
            await self._store.sessions.rebind(asker.session, name, before)
            raise
        return Reply(f"Run {run} makes project `{name}`. `stop` ends it and removes what it made.", came=Begun(run))

    async def repeat(self, invocation: Invocation, record: RunRecord, desk: Desk) -> Reply:
        """`retry` of a run that was no turn: go on where it waited for credentials, else the command once more."""
        project = await self._shop.registry.get(record.project or "")
        waits = project is not None and project.state is ProjectState.AWAITING
        if waits and project is not None and record.kind == "provision" and allowed(invocation.asker.role, NEW, {}):
            return await self._resume(project, invocation.asker)
        call = parse(record.prompt, self._names())
        if not isinstance(call, CommandCall):
            return Reply(f"`{record.prompt}` is no command any more; nothing was done.", ok=False)
        role = invocation.asker.role
        if not allowed(role, call.command, call.args):
            return Reply(words.not_allowed(call.command, needed(call.command, call.args)), ok=False)
        if record.kind == "provision":
            await self._store.sessions.bind(invocation.asker.session, record.project)
        return await call.command.handler(replace(invocation, command=call.command, args=call.args), desk)

    async def _resume(self, project: Project, asker: Asker) -> Reply:
        async def work(run: int, progress: Progress) -> str:
            began = time.monotonic()
            made = await self._made(lambda: self._provisioner.resume(project, run, progress))
            return self._ready(made, time.monotonic() - began)

        text = f"new project {project.name} --git {shlex.quote(project.git_url)}"
        job = self._job("provision", f"new project {project.name}", project.name, asker, text, work, undoes=True)
        run = await self._chores.begin(replace(job, over=lambda ok: self._over(project.name, asker, None, ok)))
        return Reply(f"Run {run} goes on with project `{project.name}`.", came=Begun(run))

    async def _made(self, make: Callable[[], Awaitable[Project]]) -> Project:
        try:
            return await make()
        except CredentialsNeeded as exc:
            raise await self._with_hint(exc) from exc

    async def _with_hint(self, exc: CredentialsNeeded) -> UserError:
        waiting = [each for each in await self._shop.registry.all() if each.state is ProjectState.AWAITING]
        newest = max(waiting, key=lambda each: each.expires_at or 0)
        hint = projectwords.credentials(newest, self._deploy(newest))
        return CredentialsNeeded(host=exc.fields["host"], hint=f". {hint[:1].upper()}{hint[1:]}")

    async def _over(self, name: str, asker: Asker, before: str | None, ok: bool) -> None:
        """A conversation whose project was not made goes back to the one it had."""
        if not ok and await self._shop.registry.get(name) is None:
            await self._store.sessions.rebind(asker.session, name, before)
        await self._changed()
        if ok:
            self._made_for(name, asker)

    def _ready(self, project: Project, seconds: float) -> str:
        include = sshconfig.include_line(self._shop.ssh_config)
        return projectwords.ready(project, seconds, include, self._included())

    def _included(self) -> bool:
        return sshconfig.is_set_up(self._ssh_user_config, self._shop.ssh_config)

    # ------------------------------------------------------------ looking

    async def overview(self, invocation: Invocation) -> Reply:
        projects = await self._shop.registry.all()
        containers: Mapping[str, str] = {}
        trouble = ""
        if projects:
            try:
                containers = {each.project.name: each.container for each in await self._truth.conditions(projects)}
            except UserError as exc:
                trouble = str(exc)
        return Reply(projectwords.overview(projects, containers, trouble, self._shop.now()))

    async def use(self, invocation: Invocation) -> Reply:
        """The setting itself was committed with the command (`binds`)."""
        name = str(invocation.args["name"])
        if name == "none":
            return Reply("This conversation is about no project now; its agent works in a sandbox on this machine.")
        project = await self._shop.project(name)
        agent = f" The agent is `{project.agent}`." if project.agent else ""
        return Reply(f"This conversation is about `{name}` now.{agent}")

    async def show(self, invocation: Invocation) -> Reply:
        project = await self._project(invocation)
        container, tree, trouble = "unknown", None, ""
        try:
            seen = await self._truth.conditions([project])
            container = seen[0].container if seen else project.state.value
            tree = await inspection.tree(self._shop, project) if project.image else None
        except UserError as exc:
            trouble = str(exc)
        runs = [run for run in await self._store.runs.last(None, 50) if run.project == project.name][:3]
        include = sshconfig.include_line(self._shop.ssh_config)
        shown = projectwords.Shown(
            project, container, tree, trouble, runs, include, self._deploy(project), self._shop.now()
        )
        return Reply(projectwords.show(shown))

    async def diff(self, invocation: Invocation) -> Reply:
        name = invocation.args.get("name")
        if name is None:
            name = (await self._store.sessions.settings(invocation.asker.session)).project
        if name is None:
            return Reply("This conversation is about no project: `diff <name>`.", ok=False)
        project = await self._shop.ready(str(name))
        changes = await inspection.changes(self._shop, project)
        file = ""
        if len(changes.patch) > SHORT_PATCH:
            file = str(await asyncio.to_thread(self._keep_patch, project, changes.patch))
        return Reply(projectwords.diff(project, changes, file))

    def _keep_patch(self, project: Project, patch: str) -> Path:
        folder = self._shop.data / "patches"
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / f"{project.name}-{time.strftime('%Y%m%d-%H%M%S', time.localtime(self._shop.now()))}.patch"
        put(path, patch.encode(errors="replace") + b"\n", 0o600)
        return path

    async def ssh(self, invocation: Invocation) -> Reply:
        project = await self._shop.ready(str(invocation.args["name"]))
        return Reply(projectwords.ssh(inspection.access(self._shop, project, self._ssh_user_config)))

    async def logs(self, invocation: Invocation) -> Reply:
        project = await self._shop.ready(str(invocation.args["name"]))
        lines = max(1, min(cast("int", invocation.args.get("n", 30)), MOST_LINES))
        said = await inspection.said(self._shop, project, lines)
        if said is None:
            return Reply(projectwords.no_container(project.name), ok=False)
        return Reply(fenced(said) if said else f"The container of `{project.name}` has said nothing.")

    async def stacks(self, invocation: Invocation) -> Reply:
        known = self._shop.images.stacks()
        built = await self._shop.images.built()
        return Reply(projectwords.stacks({name: stack.markers for name, stack in known.items()}, built))

    # ------------------------------------------------------------ life

    async def start(self, invocation: Invocation) -> Reply:
        project = await self._shop.ready(str(invocation.args["name"]))
        await self._care.start(project)
        return Reply(f"Project `{project.name}` runs: `ssh {sshconfig.host(project.name)}`.")

    async def stop(self, invocation: Invocation) -> Reply:
        project = await self._idle(invocation)
        await self._care.stop(project)
        return Reply(f"Project `{project.name}` is stopped; it starts again on use.")

    async def restart(self, invocation: Invocation) -> Reply:
        project = await self._idle(invocation)
        await self._care.restart(project)
        return Reply(f"Project `{project.name}` was stopped and runs again.")

    async def rebuild(self, invocation: Invocation) -> Reply:
        project = await self._idle(invocation)
        names = tuple(part for part in str(invocation.args.get("stack", "")).split(",") if part)

        async def work(run: int, progress: Progress) -> str:
            new = await self._care.rebuild(project, names, progress)
            return f"`{new.name}` is rebuilt with {' + '.join(new.stacks) or 'the base alone'}."

        return await self._chore("rebuild", f"rebuild {project.name}", project, invocation, work)

    async def change(self, invocation: Invocation) -> Reply:
        args = invocation.args
        if not {"cpus", "memory", "agent"} & args.keys():
            return Reply("Nothing to change: `set <name> --cpus 2`, `--memory 4g`, `--agent claude`.", ok=False)
        project = await self._idle(invocation)
        cpus = cast("float", args.get("cpus", project.resources.cpus))
        memory = cast("int", args.get("memory", project.resources.memory))
        agent = str(args.get("agent", project.agent))
        await self._provisioner.check_resources(Resources(cpus, memory))

        async def work(run: int, progress: Progress) -> str:
            new = await self._care.change(project, Resources(cpus, memory), agent, progress)
            who = f", agent `{new.agent}`" if new.agent else ""
            return f"`{new.name}` has {projectwords.limits(new)}{who}."

        return await self._chore("change", f"set {project.name}", project, invocation, work)

    async def delete(self, invocation: Invocation) -> Reply:
        name, purge = str(invocation.args["name"]), bool(invocation.args.get("purge-source"))
        project = await self._shop.project(name)
        confirmed = invocation.args.get("confirm")
        if confirmed is None:
            tree, trouble = await self._tree(project)
            others = [each for each in await self._shop.registry.all() if each.id != project.id]
            shared = any(each.image == project.image for each in others)
            return Reply(projectwords.would_delete(project, tree, trouble, shared))
        if confirmed != name:
            return Reply(f"{code(str(confirmed))} is not its name; nothing was deleted.", ok=False)
        if who := self._busy(name):
            return Reply(_busy(name, who), ok=False)

        async def work(run: int, progress: Progress) -> str:
            return await self._delete(project, purge, progress)

        return await self._chore("delete", f"delete {name}", project, invocation, work)

    async def _delete(self, project: Project, purge: bool, progress: Progress) -> str:
        progress.begin("deleting")
        # From here on it is finished even if it is stopped: half a project is none.
        deleted = await finished(self._care.delete(project, purge=purge))
        progress.done("deleted")
        if deleted.left:
            raise NotReady(name=project.name, reason=f"not all of it could be removed: {'; '.join(deleted.left)}")
        where = f"is in `{deleted.trash}` for 7 days" if deleted.trash else f"stays in `{project.source}`"
        return f"`{project.name}` is deleted. Its source {where}."

    # ------------------------------------------------------------ secrets

    async def secrets(self, invocation: Invocation) -> Reply:
        name = str(invocation.args["name"])
        names = await asyncio.to_thread(self._secrets.read, project_scope(name))
        if not names:
            return Reply(f"Project `{name}` has no secrets. In a terminal: `tugbot secrets set {name} <NAME>`.")
        return Reply("\n".join(f"- `{each}`" for each in sorted(names)))

    async def unset(self, invocation: Invocation) -> Reply:
        name, key = str(invocation.args["name"]), str(invocation.args["key"])
        await asyncio.to_thread(self._secrets.unset, project_scope(name), key)
        project = await self._shop.registry.get(name)
        if project is not None and project.state is ProjectState.READY:
            await self._shop.git_directory(project)  # containers see that it is gone
        return Reply(f"`{key}` of `{name}` is forgotten.")

    # ------------------------------------------------------------ parts

    async def _project(self, invocation: Invocation) -> Project:
        return await self._shop.project(str(invocation.args["name"]))

    async def _idle(self, invocation: Invocation) -> Project:
        """A project in which nobody works at this moment. Raises NotReady."""
        project = await self._shop.ready(str(invocation.args["name"]))
        if who := self._busy(project.name):
            raise NotReady(name=project.name, reason=f"{who} works in it; `stop` it first")
        await self._rest(project.name)
        return project

    async def _tree(self, project: Project) -> tuple[Tree | None, str]:
        if not project.image:
            return None, "it was never ready"
        try:
            return await inspection.tree(self._shop, project), ""
        except UserError as exc:
            return None, str(exc)

    def _deploy(self, project: Project) -> str:
        path = self._shop.keys(project.name).deploy_public
        is_ssh = project.git_url and not project.git_url.startswith(("https://", "http://", "file://"))
        return path.read_text().strip() if is_ssh and path.exists() else ""

    async def _chore(
        self,
        kind: str,
        title: str,
        project: Project,
        invocation: Invocation,
        work: Callable[[int, Progress], Awaitable[str]],
    ) -> Reply:
        async def over(ok: bool) -> None:
            await self._changed()

        job = self._job(kind, title, project.name, invocation.asker, _text(invocation), work)
        run = await self._chores.begin(replace(job, over=over))
        return Reply(f"Run {run}: {title}.", came=Begun(run))

    def _job(
        self,
        kind: str,
        title: str,
        project: str,
        asker: Asker,
        text: str,
        work: Callable[[int, Progress], Awaitable[str]],
        *,
        undoes: bool = False,
    ) -> Job:
        async def over(ok: bool) -> None:
            """Nothing."""

        return Job(
            kind, title, project, asker.session, asker.target, asker.sender_name, text, work, over, undoes=undoes
        )


def _busy(name: str, who: str) -> str:
    return f"{who} works in `{name}`; `stop` it first. Nothing was done."


def _text(invocation: Invocation) -> str:
    """The command as a line that gives it again."""
    args, command = invocation.args, invocation.command
    words = [command.name, *(shlex.quote(str(args[arg.name])) for arg in command.args if arg.name in args)]
    for option in command.options:
        if option.name in args:
            words += [f"--{option.name}", *_written(option, args[option.name])]
    return " ".join(words)


def _written(option: Option, value: object) -> list[str]:
    if option.kind == "flag":
        return []
    if option.kind == "size":
        return [f"{cast('int', value) >> 20}m"]
    return [f"{value:g}" if isinstance(value, float) else shlex.quote(str(value))]
