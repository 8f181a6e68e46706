"""The composition root: settings become objects, objects live in one task group, and end in one order."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot import consoles, forges, hidden, logs, networks, restart
from bot.access import CONSOLE, AccessDesk, Account, Ambient, Door, Hearing, Keyring, Roll, barred
from bot.access import words as access_words
from bot.agents.base import Launcher
from bot.agents.containment import BubblewrapLauncher, SupervisedLauncher, become_subreaper, choose
from bot.announcing import Announcing
from bot.commands import complete
from bot.commands.model import Asker
from bot.datadir import InstanceLock, prepare
from bot.desk import FrontDesk
from bot.ending import Ending
from bot.errors import UserError
from bot.gateway.errors import AddressRefused, PortTaken
from bot.gateway.model import Address, Bounds
from bot.gateway.port import claim, is_spare, wanted
from bot.halts import Halts
from bot.happenings import Board, nobody
from bot.happenings.heard import Heard
from bot.happenings.witness import WitnessedLedger, WitnessedRegistry, WitnessedRuns, witnessed
from bot.journal import Journal, Journalled
from bot.options import RunOptions
from bot.owners import Owners
from bot.projectside import ProjectSide, Surroundings
from bot.replies.delivery import Delivery
from bot.replies.lines import Lines
from bot.replies.places import Places
from bot.replies.screened import screened
from bot.replies.typing import Typing
from bot.replies.writer import Replies
from bot.restart import clear_unborn, mark_of
from bot.rooms import Rooms
from bot.router import Router
from bot.runs import attachments
from bot.runs.asking import Asking
from bot.runs.budget import Budget
from bot.runs.chores import Chores
from bot.runs.leases import Leases
from bot.runs.live import LiveRuns
from bot.runs.turn import House, Turns
from bot.scheduling import Retries
from bot.scratch import Scratch
from bot.secrets import Secrets
from bot.sending import Sending
from bot.settings import Settings, load
from bot.showing import Showing
from bot.staffing import Roster, Staffing, staffing
from bot.store.migrations import HEAD
from bot.store.migrations import migrate as migrate_database
from bot.store.records import Scheduled
from bot.store.store import Store
from bot.talking import Talking
from bot.timings import Timings
from dispatcher.core import Dispatcher
from dispatcher.model import Binding, Event, Fenced, Message, Notice, Receipt
from transports.base import Hook, Hooked, Status, Transport

if TYPE_CHECKING:
    from bot.gateway.api.model import Backstage as Api
    from bot.gateway.parts import Parts
    from bot.gateway.server import Gateway
    from bot.gateway.vitals import Backstage as Vitals

log = logging.getLogger(__name__)

COMMANDS_PATIENCE = 10.0  # seconds that the end waits for commands under way
OUTBOX_PATIENCE = 5.0  # seconds that the end waits for what is still to be delivered
TRANSCRIPT_PATIENCE = 5.0  # seconds that the end waits for what was shown to be written down
STALL = 2.0  # seconds between looks whether anything can still go on
OUTBOX_DAYS = 30.0  # delivered messages are kept this long


class TakenOver(UserError):
    """Another Tugbot has taken over this data, so this one has ended without writing anything more."""


def run(options: RunOptions) -> int:
    """Run the bot until it is told to end or its console has nothing more. Exit code: 1 if piped work failed."""
    settings, data = _prepared(options)
    with InstanceLock(data):
        become_subreaper()
        try:
            return asyncio.run(_serve(settings, options, data))
        except* Fenced:
            raise TakenOver from None


def migrate(options: RunOptions) -> int:
    """Bring the database up to this program's schema."""
    settings, data = _prepared(options)
    with InstanceLock(data):
        migrate_database(settings.database)
    click.echo(f"The database is up to date (revision {HEAD}).")
    return 0


def _prepared(options: RunOptions) -> tuple[Settings, Path]:
    settings = load(options.config, os.environ, overrides=options.overrides())
    _hide_secrets(settings)
    logs.configure(settings.log.level, json_lines=settings.log.json_lines)
    return settings, prepare(settings.data_dir)


def _hide_secrets(settings: Settings) -> None:
    """Those that do not come out of bot/secrets.py, which hides its own."""
    agents = [settings.agent_config(name) for name in settings.agent_names()]
    hidden.note_environment(os.environ, [name for agent in agents for name in agent.env])
    for url in (settings.database_url, settings.docker.http_proxy, settings.docker.https_proxy):
        hidden.note_url(url)


async def _serve(settings: Settings, options: RunOptions, data: Path) -> int:
    ending = Ending()
    ending.listen()
    async with AsyncExitStack() as stack:
        store = await Store.open(settings.database)
        stack.push_async_callback(store.close)
        clear_unborn(data)
        launcher = await choose((data,), mark_of(data))
        configs = {name: settings.agent_config(name) for name in settings.agent_names()}
        networks.check(settings, options.transports, data, os.environ)
        forges.check(settings)
        staff = staffing(configs, settings.default_agent, Secrets(data), os.environ)
        gateway, lacking = _gateway(settings, options)
        if gateway is not None:
            stack.push_async_callback(gateway.close)  # after the transports, which refuse what still comes
        async with asyncio.TaskGroup() as group:
            bot = Bot(settings, options, data, store, launcher, staff, gateway, ending, group, lacking)
            return await bot.live()


def _gateway(settings: Settings, options: RunOptions) -> tuple[Gateway | None, str]:
    """Its port is claimed, nothing is answered yet. Where it cannot be had and nobody needs it: why.

    Raises GatewayOff, Exposed, PortTaken, AddressRefused.
    """
    own = settings.gateway
    needed_by = (*networks.called(settings, options.transports), *forges.called(settings))
    at_console = consoles.is_interactive(options.input)
    watched = networks.watched(settings, options.transports, at_console=at_console)
    if not wanted(own.enabled, needed_by, watched=watched):
        return None, ""
    address = Address(own.listen, own.port, own.behind_proxy, own.public_host)
    try:
        claimed = claim(address)
    except (PortTaken, AddressRefused) as exc:
        if is_spare(own.enabled, needed_by):
            return None, access_words.pageless(str(exc))
        raise
    from bot.gateway.server import Gateway  # loads aiohttp

    return Gateway(address, claimed, Bounds(max_body=own.max_body)), ""


class Bot:
    """Everything that lives while the bot does. Built in the order in which parts need each other."""

    def __init__(
        self,
        settings: Settings,
        options: RunOptions,
        data: Path,
        store: Store,
        launcher: Launcher,
        staff: Staffing,
        gateway: Gateway | None,
        ending: Ending,
        group: asyncio.TaskGroup,
        lacking: str = "",
    ) -> None:
        """`lacking`: what this start has to do without, and why."""
        self._lacking = lacking
        self._settings = settings
        self._data = data
        self._store = store
        self._launcher = launcher
        self._staff = staff
        self._gateway = gateway
        self._ending = ending
        self._group = group
        self._interactive = consoles.is_interactive(options.input)
        self._live = LiveRuns(working=self._working)
        self._board = Board(store.incarnation)
        self._happened = self._board.tell if gateway is not None else nobody  # what nobody can follow is not told
        self._heard = Heard(self._happened)
        self._asking = Asking(self._ask, settings.runs.permission_timeout, self._happened)
        self._budget = Budget(settings.runs.max_cost_per_day)
        self._leases = Leases(group, warm_for=settings.runs.warm_for, at_most=settings.runs.max_warm)
        self._stalled = False
        self._timings = Timings()
        self._journal = Journal(self._timings.provision)
        self._book = WitnessedRuns(Journalled(store.runs, self._journal), self._happened)
        self._projects = self._build_projects()
        self._files = data / "files" / networks.WEB  # of the page
        self._showing = Showing(store, self._heard, self._happened, self._files, group)
        self._transports = self._build_transports(options)
        # The page is there as long as the bot is, and no reason for it to be, unless it was asked for by name.
        self._staying = [name for name in self._transports if name != networks.WEB or name in options.transports]
        # What nobody can look at is not written down.
        self._places = Places(self._transports if gateway is None else self._showing.recorded(self._transports))
        self._lines = Lines(self._places, group)
        self._typing = Typing(self._places, group)
        self._rooms = Rooms(self._places, networks.hosting(settings), store.sessions, group, tell=self._tell)
        owners = Owners(store.inbox, self._is_owner, self._lines.say, group)
        self._talking = Talking(owners.tell, happened=self._happened)
        self._replies = Replies(
            self._places,
            group,
            stream=settings.replies.stream,
            edit_interval=settings.replies.edit_interval,
        )
        self._reply = screened(witnessed(self._replies.writer, self._happened))
        self._delivery = Delivery(store.outbox, self._places, group, clock=time.time, choices=self._asking.choices)
        self._ledger = Announcing(store.ledger, self._delivery.poke, self._journal)
        self._dispatcher = self._build_dispatcher()
        self._chores = self._build_chores()
        self._keyring = Keyring(data)
        self._forges = forges.Forges(settings, data, os.environ)
        tokens = self._keyring.tokens.role
        self._roll = Roll(store.members, settings.access.allow, token=tokens, hook=self._forges.role)
        # On the page, people are who they are elsewhere: nobody has an account of its own there.
        chats = tuple(name for name in self._transports if name != networks.WEB)
        self._door = Door(self._roll, lambda: chats, self._tell_operator)
        self._retries = Retries(store.schedule, self._resubmit, Binding(agent=staff.default), self._barred)

    # ------------------------------------------------------------ parts

    def _build_transports(self, options: RunOptions) -> Mapping[str, Transport]:
        wanted = options.transports or (consoles.NAME, *networks.names(self._settings))
        pages = (networks.WEB,) if self._gateway is not None else ()
        return {
            name: self._build_console(options) if name == consoles.NAME else self._build_network(name)
            for name in (*wanted, *pages)
        }

    def _build_network(self, name: str) -> Transport:
        if name == networks.WEB:
            return self._showing.web
        return networks.build(name, self._settings, self._data, os.environ, self._store.keepsakes(name))

    def _build_console(self, options: RunOptions) -> Transport:
        return consoles.build(
            options.input,
            status=self._status,
            complete=lambda text: complete(text, self._projects.names),
            history=self._data / "history" if self._settings.console.history else None,
            banner=self._banner(),
        )

    def _build_projects(self) -> ProjectSide:
        around = Surroundings(
            data=self._data,
            store=self._store,
            registry=WitnessedRegistry(self._store.projects, self._happened),
            secrets=Secrets(self._data),
            live=self._live,
            leases=self._leases,
            host=self._launcher,
            scratch=Scratch(self._data),
            announced=lambda: self._delivery.poke(),
            made=self._made,
        )
        settings, images = self._settings.project_settings(), self._settings.image_settings()
        return ProjectSide(settings, images, around, tuple(self._staff.staff))

    def _build_chores(self) -> Chores:
        return Chores(
            self._book,
            self._reply,
            self._group,
            hold=self._dispatcher.hold,
            release=self._dispatcher.release,
            occupy=self._dispatcher.occupy,
            vacate=self._dispatcher.vacate,
            announced=self._delivery.poke,
            failed=self._ledger.failed,
            working=self._working,
            tell=self._happened,
        )

    def _build_dispatcher(self) -> Dispatcher:
        house = House(
            workplaces=self._projects,
            book=self._book,
            conversations=self._store.sessions,
            live=self._live,
            leases=self._leases,
            asking=self._asking,
            budget=self._budget,
            reply=self._reply,
            interrupt_grace=self._settings.runs.interrupt_grace,
            brief=self._settings.brief,
            group=self._group,
        )
        turns = Turns(self._staff.staff, house)
        return Dispatcher(
            self._store.inbox,
            WitnessedLedger(self._ledger, self._happened),
            turns,
            self._heard.observer(self._lines),
            limits=self._settings.dispatcher.limits(),
            group=self._group,
            launched=self._timings.lateness.observe,
        )

    async def _build_router(self) -> Router:
        default = Binding(agent=self._staff.default)
        halts = Halts(
            self._dispatcher,
            self._live,
            self._leases,
            self._chores,
            await self._store.inbox.recent_events("command", 1000),
            took=self._timings.stop.observe,
        )
        desk = FrontDesk(
            self._store,
            self._dispatcher,
            halts,
            self._live,
            self._launcher,
            Roster(self._staff, self._launcher, self._data / "scratch" / "probe").infos,
            self._leases,
            self._asking,
            self._retries,
            self._projects.desk(self._chores),
            self._chores,
            Sending(self._places, self._projects.workspace),
            AccessDesk(
                self._roll,
                self._door,
                self._lines.confide,
                self._keyring,
                self._gateway.login if self._gateway is not None else None,
            ),
            self._roll,
            default=default,
            max_waiting=self._settings.dispatcher.max_waiting,
            announced=self._delivery.poke,
            trouble=self._trouble,
            strangers=lambda: self._door.turned_away,
            edits=self._places.edits,
            repeated=self._heard.repeated,
        )
        hearing = Hearing(
            Ambient(await self._store.sessions.all()), lambda session: bool(self._asking.open(session)), self._busy
        )
        return Router(
            self._dispatcher,
            self._store.inbox,
            desk,
            halts,
            self._roll,
            self._door,
            hearing,
            names=lambda: self._projects.names,
            expects=self._projects.expect,
            default=default,
            answered=self._answered,
            announced=self._delivery.poke,
            say=self._lines.say,
            max_message_bytes=self._settings.dispatcher.max_message_bytes,
            group=self._group,
            heard=self._heard,
        )

    async def _answered(self, number: int, notices: tuple[Notice, ...], ok: bool) -> None:
        await self._store.inbox.command_done(number, notices, ok=ok)
        self._delivery.poke()

    def _busy(self, session: str) -> bool:
        chores = (chore.job.session for chore in self._chores.live.values())
        return session in self._dispatcher.live_sessions() or session in chores

    async def _resubmit(self, message: Message) -> Receipt:
        receipt = await self._dispatcher.submit(message)
        self._heard.repeated(message, receipt)
        return receipt

    def _barred(self, item: Scheduled) -> Notice | None:
        event = Event(item.session, item.transport, item.account, item.event_id)
        return barred(self._roll.role(Account(item.transport, item.sender)), event, item.target)

    def _tell_operator(self, text: str) -> None:
        """On the console's screen where somebody looks at it, else in the log."""
        if self._interactive:
            self._lines.say(f"{CONSOLE}/local", text)
        else:
            log.warning("%s", text)

    def _is_owner(self, transport: str, user: str) -> bool:
        return self._roll.role(Account(transport, user)) == "owner"

    def _working(self, run: int, target: str, on: bool) -> None:
        self._typing.show(run, target, on)

    def _made(self, project: str, asker: Asker) -> None:
        """A project is ready, and who asked for it."""
        self._rooms.open(project, asker, self._projects.names.projects.get(project, ""))

    async def _tell(self, notices: Sequence[Notice]) -> None:
        await self._store.outbox.add(notices)
        self._delivery.poke()

    async def _ask(self, notice: Notice, run: int) -> None:
        """A question of a run, into the outbox."""
        await self._store.outbox.add([notice], run=run)
        self._delivery.poke()

    # ------------------------------------------------------------ life

    async def live(self) -> int:
        """From recovery to the last delivery. Exit code."""
        sandbox = BubblewrapLauncher((self._data,), mark_of(self._data))
        known = (self._launcher, SupervisedLauncher(), sandbox, self._projects.killer())
        await self._projects.refresh()
        launchers = {launcher.name: launcher for launcher in known}
        self._journal.cut_off((await restart.recover(self._store, launchers, self._projects.names)).runs)
        await restart.quarantine(self._store, self._dispatcher)
        await self._store.outbox.prune(OUTBOX_DAYS)
        await asyncio.to_thread(attachments.prune, self._data / "files", time.time())
        await self._budget.load(self._store.runs.spent)
        await self._roll.load()
        router = await self._build_router()
        self._door.open()
        self._delivery.start()
        await self._dispatcher.start()
        retrying = self._group.create_task(self._retries.run(), name="retries")
        looking = self._group.create_task(self._projects.truth.run(), name="projects")
        noting = self._group.create_task(self._keyring.run(), name="keyring")
        if self._gateway is not None:
            await self._gateway.serve(self._hooks(router), self._parts(router))
            self._show_page(self._gateway)
        self._tell_lacking()
        await self._converse(router)
        retrying.cancel()
        looking.cancel()
        noting.cancel()
        self._stalled = self._dispatcher.stalled()
        await self._close(router)
        failed = self._ledger.failures or self._stalled
        return 1 if failed and not self._interactive else 0

    def _hooks(self, router: Router) -> Mapping[str, Hook]:
        """By path; those of every transport that has some, and of forges."""
        called = [transport for transport in self._transports.values() if isinstance(transport, Hooked)]
        hooks = {path: hook for transport in called for path, hook in transport.hooks.items()}
        around = forges.Surroundings(self._showing.noting(router).receive, self._lines.say)
        return {**hooks, **self._forges.serve(around)}

    def _parts(self, router: Router) -> Parts:
        from bot.gateway import entrance, events  # load aiohttp
        from bot.gateway.parts import Parts

        return Parts(
            entrance=entrance.Backstage(self._keyring, self._roll.role),
            vitals=self._vitals(),
            api=self._api(router),
            events=events.Backstage(self._board),
        )

    def _api(self, router: Router) -> Api:
        from bot.gateway.api.model import Backstage
        from bot.gateway.api.uploads import Uploads

        receiver = self._showing.noting(router)
        return Backstage(
            history=self._store.history,
            transcript=self._store.transcript,
            uploads=Uploads(self._files, self._settings.gateway.max_file),
            files=self._showing.sent,
            run=self._store.runs.get,
            project=self._store.projects.get,
            projects=self._store.projects.all,
            containers=self._projects.containers,
            stacks=self._projects.stacks,
            insight=self._projects,
            questions=self._asking.open,
            receive=self._showing.web.take,
            amend=receiver.amend,
            perform=receiver.perform,
        )

    def _vitals(self) -> Vitals:
        from bot.gateway.vitals import Backstage

        return Backstage(
            books=self._store.books,
            under_way=self._store.runs.under_way,
            ended=lambda: self._journal.ended_by,
            queues=self._queues,
            transports=lambda: {name: name not in self._talking.failing() for name in self._transports},
            trouble=self._trouble,
            timings=self._timings,
            listeners=lambda: self._board.readers,
            hooks=self._forges.outcomes,
        )

    def _trouble(self) -> tuple[str, ...]:
        """What is wrong at this moment, a line each."""
        lacking = (self._lacking,) if self._lacking else ()
        unwritten = (f"Nothing could be written the last time: {why}",) if (why := self._store.trouble) else ()
        return (*unwritten, *self._talking.trouble(), *self._projects.trouble(), *lacking)

    def _queues(self) -> Mapping[str, int]:
        in_line = sum(each.place is not None for each in self._dispatcher.glance())
        return {"admission": in_line, "store": self._store.depth}

    def _show_page(self, gateway: Gateway) -> None:
        """On a screen alone: a log is read by more people, and for longer."""
        if self._interactive:
            name = consoles.user_name()
            address = gateway.login(self._keyring.links.make(Account(CONSOLE, name), name))
            self._lines.confide(f"{CONSOLE}/local", access_words.page_at_start(address))

    def _tell_lacking(self) -> None:
        if self._lacking:
            log.warning("%s", self._lacking)
            if self._interactive:
                self._lines.say(f"{CONSOLE}/local", self._lacking)

    async def _converse(self, router: Router) -> None:
        """Until a signal comes, or every transport has ended that keeps the bot alive, and nothing is left to do."""
        receiver = self._showing.noting(router)
        talking = {
            name: self._group.create_task(self._talking.run(transport, receiver), name=f"transport {name}")
            for name, transport in self._transports.items()
        }
        staying = [talking[name] for name in self._staying]
        done = self._group.create_task(self._done(staying, router), name="all done")
        asked = self._group.create_task(self._ending.requested.wait(), name="asked to end")
        await asyncio.wait({done, asked}, return_when=asyncio.FIRST_COMPLETED)
        for task in (*talking.values(), done, asked):
            task.cancel()
        await asyncio.wait({*talking.values(), done, asked})

    async def _done(self, talking: list[asyncio.Task[None]], router: Router) -> None:
        await asyncio.wait(talking)
        if not self._interactive:
            await router.settled()
            await self._idle_or_stalled()
            await router.settled()

    async def _idle_or_stalled(self) -> None:
        """Nobody is left to say `stop <id>`: what waits behind unkillable processes waits for a later start."""
        idle = self._group.create_task(self._dispatcher.idle(), name="idle")
        while not (idle.done() or self._dispatcher.stalled()):
            await asyncio.wait({idle}, timeout=STALL)
        idle.cancel()

    async def _close(self, router: Router) -> None:
        self._announce_end()
        await self._dispatcher.close(self._settings.runs.shutdown_grace, self._ending.hurry)
        await self._chores.close()
        await self._rooms.close()
        await self._leases.close()
        await router.close(COMMANDS_PATIENCE, self._ending.hurry)
        await self._projects.close()
        await self._delivery.close(OUTBOX_PATIENCE)
        await self._showing.close(TRANSCRIPT_PATIENCE)
        for transport in reversed(list(self._transports.values())):
            await transport.close()

    def _announce_end(self) -> None:
        grace = self._settings.runs.shutdown_grace
        for number, run in self._live.running.items():
            if not self._ending.hurry.is_set() and grace:
                text = f"The bot is ending. Run {number} has {grace:.0f} s to finish, then it is stopped."
                self._lines.say(run.batch.target, text)

    # ------------------------------------------------------------ what the console shows

    def _status(self) -> Status:
        loop = asyncio.get_running_loop()
        running = tuple(
            f"run {number} · {run.agent} · {loop.time() - run.began:.0f} s"
            for number, run in self._live.running.items()
        ) + tuple(
            f"run {number} · {chore.job.title} · {loop.time() - chore.began:.0f} s"
            for number, chore in self._chores.live.items()
        )
        glance = self._dispatcher.glance()
        queued = sum(each.place is not None for each in glance)
        return Status(running, self._dispatcher.waiting(), queued)

    def _banner(self) -> str:
        return (
            f"**Tugbot {version('tugbot')}** · agent `{self._staff.default}` · {self._staff.why}\n\n"
            "Type a message, or `help`. `stop` or Ctrl-C ends a run, Ctrl-D leaves."
        )
