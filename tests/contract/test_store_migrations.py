"""The schema: what the revisions make is what tables.py says, on both databases."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from bot.store.engines import parsed, writer_engine
from bot.store.failures import AlreadyRunning, BadDatabaseUrl, UnknownRevision
from bot.store.migrations import HEAD, back_up, configuration, migrate
from bot.store.records import Conversation
from bot.store.store import Store
from bot.store.tables import metadata
from tests.contract.store_templates import fresh_database, postgres_template, sqlite_template
from tests.postgres import Postgres, postgres

__all__ = ["postgres", "postgres_template", "sqlite_template"]  # fixtures


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return fresh_database(request, tmp_path)[0]


def execute(url: str, statement: str) -> None:
    engine = writer_engine(parsed(url))
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_the_revisions_make_the_schema_of_the_tables(url: str) -> None:
    engine = writer_engine(parsed(url))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_the_newest_revision_is_the_one_we_take_for_it() -> None:
    assert ScriptDirectory.from_config(configuration()).get_heads() == [HEAD]


def test_migrating_again_changes_nothing(url: str) -> None:
    migrate(url)


def test_a_newer_database_is_refused_and_its_revision_named(url: str) -> None:
    execute(url, "UPDATE alembic_version SET version_num = '0999'")
    with pytest.raises(UnknownRevision, match="0999"):
        migrate(url)


def downgraded(url: str) -> None:
    """As the first release left it."""
    config = configuration()
    engine = writer_engine(parsed(url))
    with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(text(f"DROP TABLE {table.name}"))
        connection.execute(text("DROP TABLE alembic_version"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()


# What a bot of the first release would have written.
OLD = (
    "INSERT INTO incarnation (id, number, pid, boot_id, host, started_at) VALUES (1, 7, 1, '', '', 0)",
    "INSERT INTO runs (id, kind, session, requested_by, state, target, queued_at, ended_at, cost, tokens_in,"
    " tokens_out, prompt, agent)"
    " VALUES (3, 'agent', 'console/local', 'Ada', 'failed', 't', 1, 2, 0.5, 0, 0, 'precious', 'demo')",
    "INSERT INTO native_sessions (session, agent, project, native, incarnation)"
    " VALUES ('console/local', 'demo', '', 'n1', 7)",
)


async def test_data_of_the_first_release_is_taken_along(url: str) -> None:
    downgraded(url)
    for statement in OLD:
        execute(url, statement)
    store = await Store.open(url)
    (run,) = await store.runs.since_success("console/local", "demo", None)
    assert (run.prompt, run.resets_at) == ("precious", None)
    assert await store.sessions.native("console/local", "demo", None) == Conversation("n1")
    assert await store.runs.spent(2) == 0.5
    assert await store.schedule.next_due() is None
    await store.close()


async def test_an_older_database_is_copied_before_it_is_changed(tmp_path: Path, sqlite_template: Path) -> None:
    file = tmp_path / "tugbot.db"
    shutil.copy(sqlite_template, file)
    file.chmod(0o600)
    downgraded(f"sqlite:///{file}")
    for statement in OLD:
        execute(f"sqlite:///{file}", statement)
    migrate(f"sqlite:///{file}")
    copy = tmp_path / "tugbot.db.backup-0001"
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT prompt FROM runs").fetchall() == [("precious",)]
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
    assert mode(copy) == mode(file) == 0o600


def test_a_copy_replaces_an_older_one(tmp_path: Path, sqlite_template: Path) -> None:
    (tmp_path / "a.db").write_bytes(sqlite_template.read_bytes())
    (tmp_path / "a.db.backup-old").write_text("left by an attempt that was cut off")
    with closing(sqlite3.connect(back_up(tmp_path / "a.db", "old"))) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]


def test_a_new_database_is_made_with_its_directory(tmp_path: Path) -> None:
    migrate(f"sqlite:///{tmp_path}/data/tugbot.db")
    assert mode(tmp_path / "data" / "tugbot.db") == 0o600
    assert mode(tmp_path / "data") == 0o700
    assert not list(tmp_path.glob("data/*.backup*"))


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "mysql://u:hunter2@host/db", "hunter2 is no address"]
)
def test_an_address_we_cannot_use_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(BadDatabaseUrl) as caught:
        migrate(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.integration
async def test_a_running_bot_is_not_migrated_under_its_feet(postgres: Postgres, postgres_template: str) -> None:
    url = postgres.url(postgres.create(postgres_template))
    store = await Store.open(url)
    execute(url, "DELETE FROM alembic_version")
    with pytest.raises(AlreadyRunning, match="process"):
        migrate(url)
    await store.close()
