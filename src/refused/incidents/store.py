"""Where incidents are kept: SQLite in the user's data folder, or a team's PostgreSQL.

Every call is one transaction: it happened, or it did not. Two writers wait for each other; a store of
an older version is brought up to date, after a copy was made of it, and one of a newer version is left
alone.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine, create_engine, event, func, insert, select, update
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import NullPool

from refused.evidence.redaction import redact, redact_data
from refused.incidents.record import KINDS, Entry, Incident
from refused.incidents.tables import ENTRIES, INCIDENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from alembic.config import Config
    from sqlalchemy import Connection

# How long a writer waits for another, in seconds.
PATIENCE_S = 30


class StoreFailed(ValueError):
    """The store could not do it, and nothing was changed; the message is one line for people."""

    for_people = True


class NoSuchIncident(ValueError):
    """The store holds no such incident; the message is one line for people."""

    for_people = True


class Store:
    """The incidents of one user, or of a team.

    Args:
        where: A path of a SQLite file, or a database URL as SQLAlchemy reads it.

    Raises:
        StoreFailed: It cannot be opened, or is of a newer version than this program.
    """

    def __init__(self, where: str | Path) -> None:
        self.path: Path | None = None
        text = str(where)
        if "://" not in text:
            self.path = Path(where)
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            text = f"sqlite:///{self.path}"
        elif text.startswith(("postgresql://", "postgres://")):
            text = "postgresql+psycopg://" + text.partition("://")[2]
        elif not text.startswith("sqlite:///"):
            scheme = text.partition("://")[0]
            raise StoreFailed(
                f"the store cannot be {scheme[:20]}; give a file, or postgresql://user@host/database"
            )
        with self._plainly("be opened"):
            # A store is used for a moment: no connection is kept that a fork could inherit.
            self._engine = _engine(text)
            self._bring_up_to_date()
        if self.path is not None:
            self.path.chmod(0o600)

    def close(self) -> None:
        """Let the database go."""
        self._engine.dispose()

    # --- writing --------------------------------------------------------------------------------

    def open(self, title: str, target: str, **facts: Any) -> Incident:
        """Open an incident; *facts* are fields of :class:`Incident`.

        Raises:
            StoreFailed: It could not be written.
        """
        now = time.time()
        id_ = f"{time.strftime('%Y%m%d-%H%M', time.gmtime(now))}-{secrets.token_hex(2)}"
        row = {
            "opened_at": now,
            **facts,
            "id": id_,
            "title": redact(title),
            "target": redact(target),
        }
        with self._plainly("take the incident"), self._engine.begin() as connection:
            connection.execute(insert(INCIDENTS).values({**_defaults(), **row}))
        return self.find(id_)

    def add(
        self, incident: str, kind: str, title: str, *, at: float | None = None, data: str = ""
    ) -> Entry:
        """Add something to an incident. Secrets are removed, everything else stays as it is.

        Raises:
            ValueError: There is no such kind of entry.
            NoSuchIncident: There is no such incident.
            StoreFailed: It could not be written.
        """
        if kind not in KINDS:
            raise ValueError(f"there is no entry of kind {kind!r}")
        now = time.time()
        row: dict[str, Any] = {
            "incident": self.find(incident, with_entries=False).id,
            "at": now if at is None else at,
            "noted_at": now,
            "kind": kind,
            "title": redact(title),
            "data": _safe(data) if data else "",
        }
        with self._plainly("take the entry"), self._engine.begin() as connection:
            done = connection.execute(insert(ENTRIES).values(row))
            (number,) = done.inserted_primary_key or (0,)
        del row["incident"]
        return Entry(**row, id=number)

    def change(self, incident: str, **facts: Any) -> Incident:
        """Set fields of an incident.

        Raises:
            NoSuchIncident: There is no such incident.
            StoreFailed: It could not be written.
        """
        found = self.find(incident, with_entries=False)
        words = {
            name: redact(value) if isinstance(value, str) else value
            for name, value in facts.items()
        }
        with self._plainly("change the incident"), self._engine.begin() as connection:
            connection.execute(update(INCIDENTS).where(INCIDENTS.c.id == found.id).values(words))
        return self.find(found.id)

    # --- reading --------------------------------------------------------------------------------

    def find(self, id_: str, *, with_entries: bool = True) -> Incident:
        """Return an incident by its id or the beginning of it; ``latest`` is the one opened last.

        Raises:
            NoSuchIncident: There is none, or several begin so.
        """
        query = select(INCIDENTS).order_by(INCIDENTS.c.opened_at.desc(), INCIDENTS.c.id.desc())
        if id_ != "latest":
            query = query.where(func.substr(INCIDENTS.c.id, 1, len(id_)) == id_)
        with self._plainly("be read"), self._engine.connect() as connection:
            rows = connection.execute(query.limit(2)).mappings().all()
            if not rows or not id_:
                raise NoSuchIncident(
                    f"there is no incident {redact(id_)[:40]!r}; refused incident list shows them"
                )
            if len(rows) > 1 and id_ != "latest" and rows[0]["id"] != id_:
                raise NoSuchIncident(
                    f"several incidents begin with {id_[:40]!r}; give more of the id"
                )
            entries: tuple[Entry, ...] = ()
            if with_entries:
                belongs = select(ENTRIES).where(ENTRIES.c.incident == rows[0]["id"])
                found = connection.execute(belongs.order_by(ENTRIES.c.at, ENTRIES.c.id)).mappings()
                entries = tuple(_entry(row) for row in found)
        return Incident(**rows[0], entries=entries)

    def all(self, since: float = 0.0) -> tuple[Incident, ...]:
        """Return every incident opened since a moment, oldest first, without entries."""
        query = (
            select(INCIDENTS).where(INCIDENTS.c.opened_at >= since).order_by(INCIDENTS.c.opened_at)
        )
        with self._plainly("be read"), self._engine.connect() as connection:
            return tuple(Incident(**row) for row in connection.execute(query).mappings())

    # --- the schema -----------------------------------------------------------------------------

    def _bring_up_to_date(self) -> None:
        from alembic.runtime.migration import MigrationContext
        from alembic.script import ScriptDirectory

        config = _config()
        script = ScriptDirectory.from_config(config)
        head = script.get_current_head()
        known = {step.revision for step in script.walk_revisions()}
        with self._engine.connect() as connection:
            context = MigrationContext.configure(
                connection, opts={"version_table": "refused_version"}
            )
            here = context.get_current_revision()
        if here == head:
            return
        if here is not None and here not in known:
            raise StoreFailed(
                f"the store is of a newer version ({here}) than this program ({head}); upgrade refused"
            )
        if here is not None and self.path is not None:
            self._keep_a_copy(here)
        self._upgrade(config)

    def _upgrade(self, config: Config) -> None:
        from alembic import command

        with self._engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                # Two programs of a team may start at once; the second then finds nothing to do.
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7300)")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def _keep_a_copy(self, version: str) -> None:
        """Copy a SQLite store, consistent as it is, beside itself before it is changed."""
        import sqlite3

        if self.path is None:
            return
        beside = self.path.with_name(f"{self.path.name}.before-{version}")
        with (
            contextlib.closing(sqlite3.connect(self.path)) as old,
            contextlib.closing(sqlite3.connect(beside)) as copy,
        ):
            old.backup(copy)
        beside.chmod(0o600)

    @contextlib.contextmanager
    def _plainly(self, what: str) -> Iterator[None]:
        """Say in one line what a database says in a page."""
        try:
            yield
        except (OperationalError, DBAPIError) as wrong:
            said = " ".join(str(wrong.orig or wrong).split())
            place = str(self.path) if self.path is not None else "the database"
            raise StoreFailed(f"{place} could not {what}: {redact(said)[:200]}") from None


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 10})
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": PATIENCE_S})

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        # Write-ahead: readers and one writer at once; "full": what is said to be written is on the disk.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def take_the_lock(connection: Connection) -> None:
        # At once, and not at the first write: two that read first would both be turned away then.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _config() -> Config:
    from alembic.config import Config as Settings

    config = Settings()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def _defaults() -> dict[str, Any]:
    return {"service": "redis", "cause": "", "bucket": "", "impact": ""}


def _entry(row: Mapping[Any, Any]) -> Entry:
    return Entry(**{name: value for name, value in row.items() if name != "incident"})


def _safe(data: str) -> str:
    """Return what was given, secrets removed; JSON stays JSON."""
    from json import dumps, loads

    safe = redact(data)
    try:
        whole = loads(data)
    except (ValueError, RecursionError):
        return safe
    try:
        loads(safe)
    except ValueError:
        return dumps(redact_data(whole), ensure_ascii=False)
    return safe
