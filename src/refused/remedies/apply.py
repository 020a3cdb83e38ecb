"""Carry one change out, prove that it helped, and take it back where it did not.

This is the only module that writes to Azure. Every step is in the journal before it is taken, so
that the run after a crash knows what was done (:func:`resume`). What is awaited (Azure's own
operation, then the time that the change needs to show) is awaited with progress.
"""

from __future__ import annotations

import json
import time
from typing import NamedTuple

from refused.evidence.record import Record
from refused.evidence.redaction import MASK, redact_data
from refused.remedies.change import ArmWrite
from refused.remedies.refusals import weakens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Protocol

    from refused.remedies.change import Change
    from refused.remedies.journal import Entry, Journal

    class Arm(Protocol):
        """Azure Resource Manager, as far as a change needs it."""

        def read(self, path: str, api_version: str) -> Reply:
            """GET; any status comes back as a reply."""

        def write(self, write: ArmWrite, if_match: str | None) -> Reply:
            """Send one write, once: a write is never repeated by the transport."""

        def poll(self, url: str) -> Reply:
            """GET an operation's own URL."""


LONGEST_OPERATION_S = 3600.0
# Fields that change by themselves, and so tell nothing of what somebody did.
VOLATILE = frozenset({"etag", "systemdata", "provisioningstate", "resourceguid", "instances"})


class Reply(NamedTuple):
    """One answer: status, JSON body (``None`` where there is none), headers in lower case."""

    status: int
    body: Any
    headers: Mapping[str, str]


class Seen(Record):
    """What a look after a change shows.

    Attributes:
        works: Whether the hop that the change is to mend works, and those before it.
        says: One line.
    """

    works: bool
    says: str


class CouldNotApply(ValueError):
    """Azure would not make the change; the message is one line for people. Nothing was changed."""

    for_people = True


class ChangedMeanwhile(ValueError):
    """Somebody else edited the resource since the plan was made; the message shows the difference."""

    for_people = True


class Outcome(Record):
    """How a change ended.

    Attributes:
        state: ``kept``, ``undone``, ``abandoned`` or ``failed``, as in the journal.
        cured: Whether the hop works now.
        learnt: What the attempt taught, one sentence.
        waited_s: From the write until it showed, or until patience ended.
    """

    id: str
    state: str
    cured: bool
    learnt: str
    waited_s: float = 0.0


def snapshot(change: Change, arm: Arm) -> dict[str, Any]:
    """Read what a change is going to touch, as it is now: documents by id, ``None`` where there is none.

    Raises:
        CouldNotApply: It cannot be read; what cannot be exported is not changed.
    """
    if change.write is None:
        return {}
    kept: dict[str, Any] = {}
    for path in dict.fromkeys((change.resource_id, _document(change.write.id))):
        reply = arm.read(path, change.write.api_version)
        if reply.status == 404:
            kept[path] = None
        elif reply.status == 200:
            kept[path] = reply.body
        else:
            raise CouldNotApply(
                f"{path} cannot be read ({_said(reply)}), and what cannot be exported is not changed"
            )
    # Secrets are not for the journal; a document that had one is not put back from it.
    safe: Any = redact_data(kept)
    return dict(safe)


def apply(
    change: Change,
    arm: Arm,
    journal: Journal,
    look: Callable[[], Seen],
    *,
    planned: dict[str, Any],
    target: str = "",
    keep: bool = False,
    tell: Callable[[str], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Make *change*, wait until it shows, and keep it only if it helped.

    Args:
        look: Probes again from the same vantage point, and judges.
        planned: :func:`snapshot` of the moment at which the plan was shown.
        keep: Keep the change even if it did not help.
        tell: Is given progress, one line at a time.

    Raises:
        Busy: Another change is open on the same resource.
        ChangedMeanwhile: The resource is not as it was when the plan was shown.
        CouldNotApply: Azure would not; nothing was changed.
    """
    if change.write is None:
        raise CouldNotApply(f"{change.title}: this is not a change that can be made from here")
    objection = weakens(change)
    if objection is not None:
        raise CouldNotApply(f"{objection.asked}: {objection.because}; instead: {objection.instead}")
    entry = journal.begin(change, target)
    try:
        now = snapshot(change, arm)
    except CouldNotApply as why:
        entry.note("abandoned", why=str(why))
        raise
    entry.note("exported", documents=now)
    different = differences(planned, now)
    if different:
        entry.note("changed", differences=different)
        raise ChangedMeanwhile(
            "somebody else changed it since the plan was made: " + "; ".join(different[:5])
        )
    entry.note("writing")
    document = now.get(_document(change.write.id))
    reply = arm.write(change.write, _etag(document))
    if reply.status == 412:
        entry.note("changed", differences=[_said(reply)])
        raise ChangedMeanwhile(f"somebody else changed it at this very moment: {_said(reply)}")
    if reply.status >= 300 or reply.status == 0:
        if reply.status == 0 or reply.status >= 500:
            # Nobody knows whether it was made: the next step is to look, as after a crash.
            return resume(entry, arm, look, keep=keep, tell=tell, sleep=sleep)
        entry.note("failed", status=reply.status, said=_said(reply))
        raise CouldNotApply(f"Azure would not {change.title}: {_said(reply)}")
    entry.note("written", **_operation(reply))
    tell(f"{change.title}: accepted")
    return _finish(entry, arm, look, keep=keep, tell=tell, sleep=sleep)


def resume(
    entry: Entry,
    arm: Arm,
    look: Callable[[], Seen],
    *,
    keep: bool = False,
    tell: Callable[[str], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Take up a change that a crash left open: finish it, or undo it. Nothing is written twice."""
    state, change = entry.state, entry.change
    if state in ("planned", "exported"):
        entry.note("abandoned", why="nothing had been written")
        return Outcome(id=entry.id, state="abandoned", cured=False, learnt="nothing was changed")
    if state == "writing":
        if not _was_made(entry, arm, sleep):
            entry.note("abandoned", why="the resource is as it was: the write never arrived")
            return Outcome(
                id=entry.id, state="abandoned", cured=False, learnt="the write never arrived"
            )
        tell(f"{change.title}: the write had arrived")
        entry.note("written")
    if state == "undoing":
        return undo(entry, arm, tell=tell, sleep=sleep)
    return _finish(entry, arm, look, keep=keep, tell=tell, sleep=sleep)


def undo(
    entry: Entry,
    arm: Arm,
    *,
    tell: Callable[[str], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
    learnt: str = "it was taken back",
) -> Outcome:
    """Take a change back: its own undo, else the document as it was exported.

    Raises:
        CouldNotApply: It cannot be taken back, or Azure would not.
        Busy: Another change is open on the same resource.
        ChangedMeanwhile: What it made was edited by somebody else since; that edit is not thrown away.
    """
    change = entry.change
    if entry.state == "undone":
        raise CouldNotApply(f"change {entry.id} is undone already")
    if entry.state in ("abandoned", "failed", "changed", "planned", "exported"):
        raise CouldNotApply(f"change {entry.id} never reached Azure: there is nothing to undo")
    if not change.reversible:
        raise CouldNotApply(f"{change.title}: {change.undo_says or 'there is no way back'}")
    back = change.undo or _restored(entry)
    if back is None:
        raise CouldNotApply(f"{change.title}: what was there before is not in the journal")
    entry.journal.take_up(entry)
    made, exported = entry.last("made"), entry.last("exported")
    if entry.state != "undoing" and made is not None:
        now = snapshot(change, arm)
        if exported is not None and not differences(exported["documents"], now):
            entry.note("undone", why="it was as before already")
            return Outcome(id=entry.id, state="undone", cured=False, learnt=learnt)
        different = differences(made["documents"], now)
        if different:
            entry.journal.release(entry)
            raise ChangedMeanwhile(
                "somebody edited it since, and that would be lost: " + "; ".join(different[:5])
            )
    entry.note("undoing")
    reply = arm.write(back, None)
    gone = back.method == "DELETE" and reply.status == 404
    if not gone and (reply.status >= 300 or reply.status == 0):
        raise CouldNotApply(f"Azure would not take it back: {_said(reply)}")
    if not gone:
        _follow(_operation(reply), back, arm, tell, sleep)
    entry.note("undone")
    return Outcome(id=entry.id, state="undone", cured=False, learnt=learnt)


def follow(
    write: ArmWrite,
    arm: Arm,
    tell: Callable[[str], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Send a write and wait for its end; return what it failed with, or ``""``.

    For what is not a change of the user's resource (a copy that is made and taken away): nothing is
    journalled, nothing proved.
    """
    reply = arm.write(write, None)
    if write.method == "DELETE" and reply.status in (204, 404):
        return ""
    if reply.status >= 300 or reply.status == 0:
        return _said(reply)
    return _follow(_operation(reply), write, arm, tell, sleep)


# --- the later half of a change -----------------------------------------------------------------


def _finish(
    entry: Entry,
    arm: Arm,
    look: Callable[[], Seen],
    *,
    keep: bool,
    tell: Callable[[str], None],
    sleep: Callable[[float], None],
) -> Outcome:
    change = entry.change
    if change.write is None:
        raise CouldNotApply(f"{change.title}: the journal holds no write")
    started = time.monotonic()
    if entry.last("settled") is None:
        failed = _follow(entry.last("written") or {}, change.write, arm, tell, sleep)
        if failed:
            entry.note("settled", failed=failed)
            return undo(
                entry, arm, tell=tell, sleep=sleep, learnt=f"Azure began and failed: {failed}"
            )
        entry.note("settled")
        entry.note("made", documents=snapshot(change, arm))
    if change.prepares:
        entry.note("kept", cured=False)
        return Outcome(
            id=entry.id,
            state="kept",
            cured=False,
            learnt=f"ready for the next step: {change.prepares}",
        )
    seen = _await(entry, look, tell, sleep)
    waited = time.monotonic() - started
    if seen.works:
        entry.note("kept", cured=True)
        return Outcome(
            id=entry.id, state="kept", cured=True, learnt=f"it helped: {seen.says}", waited_s=waited
        )
    learnt = f"it did not help: {seen.says}"
    if keep or not change.reversible:
        entry.note("kept", cured=False)
        return Outcome(id=entry.id, state="kept", cured=False, learnt=learnt, waited_s=waited)
    tell(f"{learnt}; taking it back")
    try:
        done = undo(entry, arm, tell=tell, sleep=sleep, learnt=learnt)
    except ChangedMeanwhile as edited:
        # Somebody went on from it: theirs to decide. Left open, it would shut the resource for ever.
        entry.note("kept", cured=False, why=str(edited))
        learnt = f"{learnt}; it is left in place: {edited}"
        return Outcome(id=entry.id, state="kept", cured=False, learnt=learnt, waited_s=waited)
    return done.replace(waited_s=waited)


def _await(
    entry: Entry,
    look: Callable[[], Seen],
    tell: Callable[[str], None],
    sleep: Callable[[float], None],
) -> Seen:
    """Look until it works, or until the change has had the time that it may need."""
    patience = entry.change.settles_s
    written = entry.last("written")
    until = (written["at"] if written else time.time()) + patience
    pause = 1.0
    while True:
        seen = look()
        entry.note("looked", works=seen.works, says=seen.says)
        left = until - time.time()
        if seen.works or left <= 0:
            return seen
        tell(f"not yet ({seen.says}); it may take {left:.0f} s more")
        sleep(min(pause, left))
        pause = min(pause * 1.5, 15.0)


def _follow(
    operation: Mapping[str, Any],
    write: ArmWrite,
    arm: Arm,
    tell: Callable[[str], None],
    sleep: Callable[[float], None],
) -> str:
    """Wait for Azure's own operation; return what it failed with, or ``""``."""
    url, how = str(operation.get("url") or ""), operation.get("how")
    until = time.monotonic() + LONGEST_OPERATION_S
    while time.monotonic() < until:
        if url:
            reply = arm.poll(url)
            if reply.status == 404:
                url = ""  # operations are forgotten after a while; the resource itself tells
                continue
            status = str((reply.body or {}).get("status") or "") if how == "status" else ""
            if how == "location" and reply.status in (200, 201, 204):
                return ""
        else:
            reply = arm.read(_document(write.id), write.api_version)
            if reply.status == 404 or write.method == "POST":
                return ""
            properties = (reply.body or {}).get("properties") or {}
            told = str(properties.get("provisioningState") or "Succeeded")
            status = told if reply.status == 200 else ""  # no answer is no success
        if reply.status >= 400 and reply.status not in (429, 500, 502, 503, 504):
            return _said(reply)
        if status in ("Succeeded", "Failed", "Canceled", "Cancelled", "Disabled"):
            return "" if status == "Succeeded" else _operation_error(reply, status)
        wait = float(reply.headers.get("retry-after") or 1)
        tell(f"Azure is at it ({status or 'accepted'})")
        sleep(min(max(wait, 0.2), 30.0))
    return "it took longer than an hour"


def _operation(reply: Reply) -> dict[str, Any]:
    headers = reply.headers
    facts: dict[str, Any] = {
        "status": reply.status,
        "request_id": headers.get("x-ms-request-id", ""),
        "correlation_id": headers.get("x-ms-correlation-request-id", ""),
    }
    if headers.get("azure-asyncoperation"):
        return {**facts, "url": headers["azure-asyncoperation"], "how": "status"}
    if reply.status == 202 and headers.get("location"):
        return {**facts, "url": headers["location"], "how": "location"}
    return facts


def _was_made(entry: Entry, arm: Arm, sleep: Callable[[float], None]) -> bool:
    """Whether a write that was begun has changed anything; Azure is asked twice, a moment apart."""
    exported = (entry.last("exported") or {}).get("documents") or {}
    change = entry.change
    if change.write is not None and change.write.method == "POST":
        # An action leaves no document to compare. It is not repeated; what it did, the look shows.
        return True
    for pause in (0.0, 2.0):
        sleep(pause)
        if differences(exported, snapshot(change, arm)):
            return True
    return False


def _restored(entry: Entry) -> ArmWrite | None:
    """Return the write that puts the exported document back."""
    exported, write = entry.last("exported"), entry.change.write
    if exported is None or write is None:
        return None
    path = _document(write.id)
    document = exported["documents"].get(path)
    if document is None:
        return ArmWrite(method="DELETE", id=path, api_version=write.api_version)
    if MASK in json.dumps(document):
        return None
    body = {
        name: value
        for name, value in document.items()
        if name not in ("id", "name", "type", "etag", "systemData")
    }
    return ArmWrite(
        method="PUT", id=path, api_version=write.api_version, body=json.dumps(_writable(body))
    )


def _writable(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _writable(each)
            for name, each in value.items()
            if name.lower() not in VOLATILE and each is not None
        }
    return [_writable(each) for each in value] if isinstance(value, list) else value


# --- documents ----------------------------------------------------------------------------------


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return what differs between two snapshots, one line each; what changes by itself is left out."""
    found: list[str] = []
    for path in sorted({*before, *after}):
        _differ(path.rsplit("/", 1)[-1], before.get(path), after.get(path), found)
    return found


def _differ(where: str, before: Any, after: Any, found: list[str]) -> None:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted({*before, *after}):
            if name.lower() not in VOLATILE:
                _differ(f"{where}.{name}", before.get(name), after.get(name), found)
    elif before != after:
        found.append(f"{where} was {_short(before)} and is {_short(after)}")


def _short(value: Any) -> str:
    text = "not there" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "…"


def _document(path: str) -> str:
    """Return the resource that a write is about: actions have none of their own."""
    parts = path.strip("/").split("/")
    return path if len(parts) % 2 == 0 else "/" + "/".join(parts[:-1])


def _etag(document: Any) -> str | None:
    tag = document.get("etag") if isinstance(document, dict) else None
    return str(tag) if tag else None


def _said(reply: Reply) -> str:
    """Return an ARM error in one line."""
    error = reply.body.get("error") if isinstance(reply.body, dict) else None
    if isinstance(error, dict):
        return f"{reply.status} {error.get('code')}: {str(error.get('message') or '')[:300]}"
    return f"HTTP {reply.status}" if reply.status else "no answer"


def _operation_error(reply: Reply, status: str) -> str:
    error = (reply.body or {}).get("error") or {}
    return f"{status} {error.get('code', '')} {str(error.get('message') or '')[:300]}".strip()
