"""Nothing is lost: two writers, a full disk, a killed writer, an old schema, a newer one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from refused.incidents.record import KINDS
from refused.incidents.store import NoSuchIncident, Store, StoreFailed
from tests.incidents.stores import postgresql, programs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TARGET = "rediss://:kX9vQm2LpR7sT4wZ@cache.example:6380"


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """Run one PostgreSQL for all tests that want it."""
    if programs() is None:
        if os.environ.get("REFUSED_NO_SKIP"):
            pytest.fail("PostgreSQL is not installed, and nothing may be skipped here")
        pytest.skip("PostgreSQL is not installed")
    with postgresql() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Name an empty store of either kind."""
    if request.param == "sqlite":
        yield str(tmp_path / "folder" / "incidents.db")
        return
    url: str = request.getfixturevalue("database")
    yield url
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")


@pytest.fixture
def store(where: str) -> Iterator[Store]:
    """Open an empty store."""
    opened = Store(where)
    yield opened
    opened.close()


def test_what_is_kept_is_found_again(store: Store) -> None:
    """Letter for letter, in order of time, without secrets."""
    made = store.open("It fails", TARGET, severity=2, began_at=100.0)
    late = store.add(made.id, "note", "later", at=200.0)
    early = store.add(
        made.id, "error", "first line", at=100.0, data="first line\n  second: äöü ✓\t|"
    )

    found = store.find(made.id[:8])

    assert found.target == "rediss://:***@cache.example:6380"
    assert found.entries == (early, late)
    assert found.entries[0].data == "first line\n  second: äöü ✓\t|"
    assert (found.severity, found.began_at, found.is_open) == (2, 100.0, True)


def test_a_secret_reaches_no_column(store: Store) -> None:
    """Neither text nor JSON."""
    made = store.open("password=kX9vQm2LpR7sT4wZ", TARGET, impact="all")
    for kind in KINDS:
        store.add(
            made.id,
            kind,
            "rediss://:kX9vQm2LpR7sT4wZ@h",
            data=json.dumps({"password": "kX9vQm2LpR7sT4wZ"}),
        )
    store.change(made.id, impact="key kX9vQm2LpR7sT4wZ in rediss://:kX9vQm2LpR7sT4wZ@h")

    assert "kX9vQm2LpR7sT4wZ@" not in repr(store.find(made.id))
    assert '"kX9vQm2LpR7sT4wZ"' not in repr(store.find(made.id))


def test_who_is_not_there_is_said_in_one_line(store: Store) -> None:
    """With what to do."""
    with pytest.raises(NoSuchIncident, match="incident list"):
        store.find("2020")
    with pytest.raises(NoSuchIncident):
        store.find("")
    with pytest.raises(NoSuchIncident):
        store.add("2020", "note", "x")


def test_fields_are_changed_and_nothing_else(store: Store) -> None:
    """An incident is closed."""
    made, other = store.open("one", "a"), store.open("two", "b")

    store.change(made.id, closed_at=5.0, cause="auth-missing", bucket="configuration")

    assert not store.find(made.id).is_open
    assert store.find(other.id).is_open
    assert [each.title for each in store.all()] == ["one", "two"]


WRITER = """
import sys
from refused.incidents.store import Store
store = Store(sys.argv[1])
for number in range(int(sys.argv[4])):
    store.add(sys.argv[2], "note", f"{sys.argv[3]} {number}")
"""


def test_two_writers_at_once_lose_nothing(where: str) -> None:
    """Four processes, each with its own connections."""
    store = Store(where)
    made = store.open("It fails", "target")
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, where, made.id, name, "25"])
        for name in "abcd"
    ]

    assert [writer.wait(timeout=60) for writer in writers] == [0] * 4

    titles = [entry.title for entry in store.find(made.id).entries]
    assert sorted(titles) == sorted(f"{name} {number}" for name in "abcd" for number in range(25))
    store.close()


KILLED = """
import os, signal, sys
from refused.incidents.store import Store
store = Store(sys.argv[1])
for number in range(10_000):
    store.add(sys.argv[2], "note", f"note {number}", data="x" * 5000)
    print(number, flush=True)
"""


def test_a_killed_writer_leaves_whole_notes(where: str) -> None:
    """What it said to have written is there; half a note is not."""
    store = Store(where)
    made = store.open("It fails", "target")
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, where, made.id], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline() for _ in range(20)]
        writer.send_signal(signal.SIGKILL)
        said += writer.stdout.readlines()
        writer.wait()

    entries = store.find(made.id).entries
    whole = sum(line.endswith("\n") for line in said)
    assert whole <= len(entries) <= whole + 1
    assert [entry.title for entry in entries] == [f"note {n}" for n in range(len(entries))]
    assert all(len(entry.data) == 5000 for entry in entries)
    store.add(made.id, "note", "and on it goes")
    store.close()


def test_two_that_open_a_new_store_at_once_make_one(where: str) -> None:
    """Both find it made."""
    code = (
        "import sys; from refused.incidents.store import Store; Store(sys.argv[1]).open('x', 'y')"
    )
    starters = [subprocess.Popen([sys.executable, "-c", code, where]) for _ in range(4)]

    assert [starter.wait(timeout=60) for starter in starters] == [0] * 4

    store = Store(where)
    assert len(store.all()) == 4
    store.close()


FULL = """
import resource, signal, sys
from refused.incidents.store import Store, StoreFailed
store = Store(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
written = 0
try:
    for number in range(1000):
        store.add(sys.argv[2], "note", f"note {number}", data="x" * 4000)
        written += 1
except StoreFailed as full:
    print(written, full)
"""


def test_a_full_disk_loses_nothing_that_was_said_to_be_written(tmp_path: Path) -> None:
    """One clear line; and with room again it goes on."""
    path = tmp_path / "incidents.db"
    store = Store(path)
    made = store.open("It fails", "target")

    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path), made.id], capture_output=True, text=True, check=True
    )

    count, _, said = done.stdout.partition(" ")
    assert "could not take the entry" in said
    assert "\n" not in said.strip()
    assert len(store.find(made.id).entries) == int(count)
    store.add(made.id, "note", "room again")
    store.close()


def old_store(path: Path) -> str:
    """Make a store as the first version had it, with an incident in it."""
    store = Store(path)
    made = store.open("old", "target")
    store.add(made.id, "note", "kept")
    store.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE incidents DROP COLUMN service")
        connection.execute("UPDATE refused_version SET version_num = '0001'")
        connection.commit()
    return made.id


def test_an_old_store_is_brought_up_to_date_after_a_copy(tmp_path: Path) -> None:
    """Nothing of it is lost, and the copy is what it was."""
    path = tmp_path / "incidents.db"
    id_ = old_store(path)

    store = Store(path)

    found = store.find(id_)
    assert (found.title, found.service, found.entries[0].title) == ("old", "redis", "kept")
    store.close()
    with contextlib.closing(sqlite3.connect(f"{path}.before-0001")) as copy:
        assert copy.execute("SELECT title FROM incidents").fetchall() == [("old",)]
        columns = [row[1] for row in copy.execute("PRAGMA table_info(incidents)")]
        assert "service" not in columns


def test_a_newer_store_is_left_alone(tmp_path: Path) -> None:
    """One line says what to do, and the file is as it was."""
    path = tmp_path / "incidents.db"
    old_store(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE refused_version SET version_num = '9999'")
        connection.commit()

    with pytest.raises(StoreFailed, match="newer version"):
        Store(path)

    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM incidents").fetchone() == (1,)


def test_what_is_no_store_is_said_in_one_line(tmp_path: Path) -> None:
    """A text file, a folder that cannot be made, a database that is not there."""
    text = tmp_path / "text.db"
    text.write_text("this is no database, whatever its name says " * 40)

    with pytest.raises(StoreFailed, match="could not be opened"):
        Store(text)
    with pytest.raises(StoreFailed, match="could not be opened"):
        Store("postgresql://nobody@127.0.0.1:9/nothing")
    assert text.read_text().startswith("this is no database")


def test_a_store_is_its_owner_s_alone(tmp_path: Path) -> None:
    """Others of the machine do not read it."""
    Store(tmp_path / "incidents.db").close()

    assert (tmp_path / "incidents.db").stat().st_mode & 0o077 == 0
