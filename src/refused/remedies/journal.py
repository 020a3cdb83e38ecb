"""What was done, written down before and after each step, so that a crash between two loses nothing.

One file for each change, one JSON object a line, on the disk before the step goes on. A second
file holds the resource: whoever cannot make it must wait, for two changes at once teach nobody
which of them helped.

    planned → exported → writing → written → settled → looked … → kept
                                                              └→ undoing → undone
    abandoned (nothing was written) · failed (Azure would not) · changed (somebody else was faster)
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import time
from pathlib import Path

from refused.evidence.redaction import redact_data
from refused.remedies.change import Change

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# After these nothing remains to be done, unless somebody asks for an undo.
FINAL = frozenset({"kept", "undone", "abandoned", "failed", "changed"})


class Busy(ValueError):
    """Another change of the same resource is open; the message names it."""

    for_people = True


class BadJournal(ValueError):
    """A file of the journal cannot be read; the message is one line for people."""

    for_people = True


class NoSuchChange(ValueError):
    """The journal holds no such change; the message is one line for people."""

    for_people = True


class Entry:
    """One change in the journal, with every step so far.

    Attributes:
        id: Sorts by time, as ``20261126-031500-9f3a``.
    """

    def __init__(self, journal: Journal, id_: str, steps: list[dict[str, Any]]) -> None:
        self.journal = journal
        self.id = id_
        self.steps = steps

    @property
    def change(self) -> Change:
        """The change itself."""
        return Change.from_json(self.steps[0]["change"])

    @property
    def target(self) -> str:
        """The target that it is to cure, secrets removed."""
        return str(self.steps[0].get("target", ""))

    @property
    def state(self) -> str:
        """The last step."""
        return str(self.steps[-1]["step"])

    @property
    def is_open(self) -> bool:
        """Whether something remains to be done."""
        return self.state not in FINAL

    def last(self, step: str) -> dict[str, Any] | None:
        """Return what the last step of that name noted."""
        return next((each for each in reversed(self.steps) if each["step"] == step), None)

    def note(self, step: str, **facts: Any) -> None:
        """Write a step down; when this returns, it is on the disk."""
        safe: Any = redact_data(facts)
        line = {"step": step, "at": time.time(), **safe}
        path = self.journal.folder / f"{self.id}.jsonl"
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.steps.append(line)
        if step in FINAL:
            self.journal.release(self)


class Journal:
    """The changes of one user on one machine.

    Args:
        folder: Where they lie; made where it is not there, for its owner alone.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def begin(self, change: Change, target: str = "") -> Entry:
        """Open a change, and hold its resource.

        Raises:
            Busy: Another one is open on the same resource.
            OSError: The journal cannot be written; nothing may be changed then.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        entry = Entry(self, f"{made}-{secrets.token_hex(2)}", [])
        self._hold(entry.id, change.resource_id)
        try:
            entry.note("planned", change=change.to_json(), target=target)
        except BaseException:
            self._lock(change.resource_id).unlink(missing_ok=True)
            raise
        return entry

    def take_up(self, entry: Entry) -> None:
        """Hold the resource of a change that is done, in order to undo it.

        Raises:
            Busy: Another one is open on the same resource.
        """
        self._hold(entry.id, entry.change.resource_id)

    def release(self, entry: Entry) -> None:
        """Let others change the resource."""
        lock = self._lock(entry.change.resource_id)
        if self._holder(lock) == entry.id:
            lock.unlink(missing_ok=True)

    def entries(self) -> tuple[Entry, ...]:
        """Return every change, oldest first."""
        return tuple(self._read())

    def open_on(self, resource_id: str) -> Entry | None:
        """Return the change that is open on a resource."""
        for entry in self.entries():
            if entry.is_open and entry.change.resource_id.lower() == resource_id.lower():
                return entry
        return None

    def find(self, id_: str = "") -> Entry:
        """Return a change by its id or the beginning of it; the latest without one.

        Raises:
            NoSuchChange: There is none, or several begin so.
        """
        found = [each for each in self.entries() if each.id.startswith(id_)]
        if not found:
            raise NoSuchChange(
                f"the journal holds no change {id_[:40]!r}" if id_ else "the journal is empty"
            )
        if id_ and len(found) > 1:
            raise NoSuchChange(f"{len(found)} changes begin with {id_[:40]!r}; give more of the id")
        return found[-1]

    def _read(self) -> Iterator[Entry]:
        if not self.folder.is_dir():
            return
        for path in sorted(self.folder.glob("*.jsonl")):
            steps = []
            for line in path.read_bytes().split(b"\n"):
                # The last line may be half of one: the step it would tell of was not begun.
                with contextlib.suppress(ValueError):
                    steps.append(json.loads(line))
            steps = [each for each in steps if isinstance(each, dict) and "step" in each]
            if steps and "change" in steps[0]:
                yield Entry(self, path.stem, steps)

    # --- the hold on a resource ---------------------------------------------------------------

    def _lock(self, resource_id: str) -> Path:
        digest = hashlib.sha256(resource_id.lower().encode()).hexdigest()[:24]
        return self.folder / f"{digest}.lock"

    def _holder(self, lock: Path) -> str:
        try:
            return lock.read_text(encoding="utf-8").partition(" ")[0]
        except OSError:
            return ""

    def _hold(self, id_: str, resource_id: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = self._lock(resource_id)
        # Written beside and linked: the lock is never there without its holder's name in it.
        beside = self.folder / f"{id_}.{os.getpid()}.hold"
        beside.write_text(f"{id_} {os.getpid()}", encoding="utf-8")
        try:
            for _ in range(2):
                try:
                    os.link(beside, lock)
                except FileExistsError:
                    holder = self._holder(lock)
                    if holder == id_:
                        return
                    if self._is_stale(lock):
                        lock.unlink(missing_ok=True)
                        continue
                    raise Busy(
                        f"change {holder} is still open on this resource; "
                        f"`refused fix --journal` shows it, and `--undo {holder}` takes it back"
                    ) from None
                return
            raise Busy("another run is taking this resource at this moment; try again")
        finally:
            beside.unlink(missing_ok=True)

    def _is_stale(self, lock: Path) -> bool:
        """Whether a hold outlived its change: that one is done, or was killed before its first line."""
        try:
            id_, _, pid = lock.read_text(encoding="utf-8").partition(" ")
        except OSError:
            return True
        holder = next((each for each in self.entries() if each.id == id_), None)
        if holder is not None:
            return not holder.is_open
        return not _lives(pid)


def _lives(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def data_folder(environ: dict[str, str] | os._Environ[str]) -> Path:
    """Return where this user's own data lies: ``REFUSED_DATA``, else the platform's place."""
    import sys

    if environ.get("REFUSED_DATA"):
        return Path(environ["REFUSED_DATA"])
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or Path.home()) / "refused"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "refused"
    return Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "refused"
