"""What the twin's control plane knows: ARM documents, keys, the activity log, its own faults.

Every write goes through :meth:`State.put`, :meth:`State.delete` or :meth:`State.note`. They keep
the activity log, so that no handler can forget it, and then call the couplings, so that the data
plane is what the documents say.
"""

# ruff: noqa: A001, A002  # ids and types are ARM's own words

from __future__ import annotations

import copy
import datetime as dt
import fnmatch
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from refused.lab.arm.routes import Caller, Refusal
from refused.lab.arm.store import Document, Store, type_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "FOLLOWERS",
    "GROUP",
    "LOCATION",
    "SUBSCRIPTION",
    "TENANT",
    "Document",
    "Fault",
    "Operation",
    "State",
    "Store",
    "key",
    "moment",
    "not_found",
    "type_of",
]

SUBSCRIPTION = "00000000-0000-4000-8000-0000000000aa"
TENANT = "00000000-0000-4000-8000-0000000000bb"
GROUP = "prod"
LOCATION = "westeurope"


# What keeps documents in step with each other, whatever the data plane does; called at once after
# each write, under the lock, with the state and the id in lower case. A module adds to it.
FOLLOWERS: list[Callable[[State, str], None]] = []


@dataclass
class Fault:
    """Something that the control plane does wrong, for the paths that match *path*.

    Attributes:
        path: A pattern as of :mod:`fnmatch`, held against the path in lower case.
        kind: ``throttle`` answers 429, ``error`` answers *status*, ``delay`` waits first, ``drop``
            sends half an answer and hangs up, ``page`` makes lists come in pages of *size*.
        times: How often it strikes; ``None`` for ever.
    """

    kind: Literal["throttle", "error", "delay", "drop", "page"]
    path: str = "*"
    method: str = "*"
    times: int | None = None
    retry_after_s: int = 1
    status: int = 500
    delay_s: float = 0.0
    size: int = 2
    struck: int = 0


@dataclass
class Operation:
    """A long-running operation.

    Attributes:
        ready_at: When it is done, in seconds as :meth:`State.now` counts.
        done: What its end does; called once, under the lock.
        result: What is answered at its end on ``operationResults``.
    """

    id: str
    ready_at: float
    started_at: float
    done: Callable[[], object] | None = None
    result: Document | None = None
    resource: str = ""
    failed: Document | None = None
    is_over: bool = False


@dataclass
class State:
    """The store.

    Attributes:
        documents: By id in lower case. Read them with :meth:`get`, which hands out copies.
        secrets: By the id of a cache or database in lower case: ``{"primaryKey": …}``; keys never
            stand in a document.
        events: Records of the activity log as the API answers them, oldest first.
        on_change: Couplings, called with the state and the id after each write, under the lock.
        denied: Patterns of RBAC actions that the caller has not, as ``Microsoft.Network/*/read``.
        faults: What the control plane does wrong.
        lag_s: How long the data plane takes to follow.
        takes_s: How long a long-running operation takes.
        ago_s: How long ago it is, for what is told of the past.
    """

    documents: Store = field(default_factory=Store)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    events: list[Document] = field(default_factory=list)
    on_change: list[Callable[[State, str], None]] = field(default_factory=list)
    on_action: list[Callable[[State, str, str], None]] = field(default_factory=list)
    denied: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    operations: dict[str, Operation] = field(default_factory=dict)
    lag_s: float = 0.0
    takes_s: float = 0.0
    ago_s: float = 0.0
    subscription: str = SUBSCRIPTION
    tenant: str = TENANT
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    extra: dict[str, Any] = field(default_factory=dict)

    # --- reading ------------------------------------------------------------------------------

    def now(self) -> float:
        """Return the time in seconds since the epoch."""
        return time.time() - self.ago_s

    def get(self, id: str) -> Document | None:
        """Return a copy of one document, or ``None``."""
        with self.lock:
            found = self.documents.get(key(id))
            return copy.deepcopy(found) if found is not None else None

    def require(self, id: str) -> Document:
        """Return a copy of one document.

        Raises:
            Refusal: 404, as ARM says it of this id.
        """
        found = self.get(id)
        if found is None:
            raise not_found(id)
        return found

    def children(self, of_id: str, type: str) -> list[Document]:
        """Return the documents right below *of_id*: ``children(cache, "firewallRules")``."""
        with self.lock:
            return copy.deepcopy(list(self.documents.below(f"{key(of_id)}/{type.lower()}")))

    def of_type(
        self, type: str, sub: str | None = None, group: str | None = None
    ) -> list[Document]:
        """Return the documents of a type, as ``Microsoft.Network/virtualNetworks``.

        Args:
            type: A type of the first level or below, in any case.
            sub: Only those of this subscription.
            group: Only those of this resource group.
        """
        with self.lock:
            found = [
                each
                for id, each in self.documents.of_type(type.lower())
                if (sub is None or id.startswith(f"/subscriptions/{sub.lower()}/"))
                and (group is None or f"/resourcegroups/{group.lower()}/" in id)
            ]
            return copy.deepcopy(found)

    # --- writing ------------------------------------------------------------------------------

    def put(
        self,
        id: str,
        document: Document,
        caller: Caller | None = None,
        *,
        operation: str = "",
        quiet: bool = False,
        correlation_id: str = "",
    ) -> Document:
        """Store a document in place of what may stand there, and return it.

        Args:
            id: Its id; children need their parent's.
            caller: Who did it; the activity log's record bears the name.
            operation: The RBAC action; the type's ``write`` if not given.
            quiet: Leave the activity log alone, as where a provider writes for itself.
            correlation_id: What ties the records of one deed together.
        """
        with self.lock:
            is_new = key(id) not in self.documents
            self.documents[key(id)] = copy.deepcopy(document)
            if not quiet:
                action = operation or f"{_shown_type(document, id)}/write"
                self.note(
                    id,
                    action,
                    caller,
                    status="Created" if is_new else "OK",
                    correlation_id=correlation_id,
                    body=document,
                )
            self._changed(id)
        return document

    def delete(
        self,
        id: str,
        caller: Caller | None = None,
        *,
        operation: str = "",
        quiet: bool = False,
        correlation_id: str = "",
    ) -> bool:
        """Remove a document and all below it. Returns whether it was there."""
        with self.lock:
            document = self.documents.pop(key(id), None)
            if document is None:
                return False
            below = [each for each in self.documents if each.startswith(key(id) + "/")]
            for each in below:
                del self.documents[each]
            self.secrets.pop(key(id), None)
            if not quiet:
                action = operation or f"{_shown_type(document, id)}/delete"
                self.note(id, action, caller, correlation_id=correlation_id)
            for each in (id, *below):
                self._changed(each)
        return True

    def act(
        self,
        id: str,
        action: str,
        caller: Caller | None = None,
        *,
        correlation_id: str = "",
    ) -> None:
        """Note down an action that changes no document (a reboot, a new key), and pass it on.

        The couplings in :attr:`on_action` are called with the state, the id and the action.
        """
        with self.lock:
            self.note(id, action, caller, correlation_id=correlation_id)
            for each in self.on_action:
                each(self, key(id), action)

    def note(
        self,
        id: str,
        action: str,
        caller: Caller | None = None,
        *,
        status: str = "OK",
        outcome: str = "Succeeded",
        at: float | None = None,
        correlation_id: str = "",
        body: Document | None = None,
    ) -> Document:
        """Add what the activity log says of one deed: a record that it began, one that it ended.

        Args:
            status: What HTTP said, as ``OK`` or ``Created``.
            outcome: ``Succeeded`` or ``Failed``.
            at: When, in seconds since the epoch; now if not given.

        Returns:
            The record of its end.
        """
        began = self.now() if at is None else at
        correlation = correlation_id or str(uuid.uuid4())
        records = [
            _record(
                self,
                id,
                action,
                caller,
                status=state,
                sub_status=said,
                at=began + delay_s,
                correlation=correlation,
            )
            for state, said, delay_s in (("Started", "", 0.0), (outcome, status, 0.4))
        ]
        if body is not None:
            records[0]["properties"]["requestbody"] = _dumped(body)
        with self.lock:
            self.events.extend(records)
        return records[-1]

    def _changed(self, id: str) -> None:
        for each in FOLLOWERS:
            each(self, key(id))
        if not self.on_change:
            return
        if self.lag_s:
            timer = threading.Timer(self.lag_s, self._follow, (id,))
            timer.daemon = True
            timer.start()
        else:
            self._follow(id)

    def _follow(self, id: str) -> None:
        with self.lock:
            for each in self.on_change:
                each(self, key(id))

    # --- what it does wrong -------------------------------------------------------------------

    def is_denied(self, action: str) -> bool:
        """Whether the caller lacks an RBAC action."""
        return any(fnmatch.fnmatch(action.lower(), each.lower()) for each in self.denied)

    def strikes(self, kind: str, method: str, path: str) -> Fault | None:
        """Return the fault of a kind that befalls this request, and count it."""
        with self.lock:
            for each in self.faults:
                if each.kind != kind or each.method not in ("*", method):
                    continue
                if each.times is not None and each.struck >= each.times:
                    continue
                if fnmatch.fnmatch(path.lower(), each.path.lower()):
                    each.struck += 1
                    return each
        return None


def key(id: str) -> str:
    """Return an id as the store keeps it."""
    return id.rstrip("/").lower()


def not_found(id: str) -> Refusal:
    """Return what ARM says of an id that leads nowhere."""
    parts = id.strip("/").split("/")
    lowered = [part.lower() for part in parts]
    if "providers" not in lowered or "resourcegroups" not in lowered:
        return Refusal(404, "ResourceNotFound", f"The resource '{id}' could not be found.")
    at = len(lowered) - 1 - lowered[::-1].index("providers")
    group = parts[lowered.index("resourcegroups") + 1]
    what = "/".join(parts[at + 1 :])
    return Refusal(
        404,
        "ResourceNotFound",
        f"The Resource '{what}' under resource group '{group}' was not found. For more details "
        "please go to https://aka.ms/ARMResourceNotFoundFix",
        headers={"x-ms-failure-cause": "gateway"},
    )


def moment(seconds: float) -> str:
    """Write a time as Azure does, with seven digits of a second."""
    at = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond:06d}0Z"


def _shown_type(document: Document, id: str) -> str:
    return str(document.get("type") or type_of(id))


def _dumped(body: Document) -> str:
    import json

    return json.dumps(body, separators=(",", ":"))


def _localized(value: str, shown: str | None = None) -> dict[str, str]:
    return {"value": value, "localizedValue": value if shown is None else shown}


def _record(
    state: State,
    id: str,
    action: str,
    caller: Caller | None,
    *,
    status: str,
    sub_status: str,
    at: float,
    correlation: str,
) -> Document:
    """Return one record, as ``2015-04-01/activityLogs_API.json`` describes it."""
    who = caller or Caller()
    parts = id.strip("/").split("/")
    lowered = [part.lower() for part in parts]
    group = parts[lowered.index("resourcegroups") + 1] if "resourcegroups" in lowered else ""
    place = parts[1] if lowered[:1] == ["subscriptions"] else state.subscription
    kind = type_of(id)
    number = str(uuid.uuid4())
    stamp = moment(at)
    codes = {"OK": "OK (HTTP Status Code: 200)", "Created": "Created (HTTP Status Code: 201)"}
    return {
        "authorization": {"action": action, "scope": id},
        "caller": who.name,
        "channels": "Operation",
        "claims": {
            "name": who.name,
            "appid": who.app_id,
            "ipaddr": who.ip,
            "http://schemas.microsoft.com/identity/claims/objectidentifier": who.object_id,
        },
        "correlationId": correlation,
        "description": "",
        "eventDataId": number,
        "eventName": _localized("BeginRequest" if status == "Started" else "EndRequest"),
        "category": _localized("Administrative"),
        "httpRequest": {
            "clientRequestId": str(uuid.uuid4()),
            "clientIpAddress": who.ip,
            "method": "DELETE"
            if action.endswith("/delete")
            else "PUT"
            if action.endswith("/write")
            else "POST",
        },
        "id": f"{id}/events/{number}/ticks/{int((at + 62135596800) * 10_000_000)}",
        "level": "Error" if status == "Failed" else "Informational",
        "resourceGroupName": group,
        "resourceProviderName": _localized(kind.partition("/")[0]),
        "resourceId": id,
        "resourceType": _localized(kind),
        "operationId": correlation,
        "operationName": _localized(action),
        "properties": {
            "eventCategory": "Administrative",
            "entity": id,
            "message": action,
            "hierarchy": f"{state.tenant}/{place}",
        },
        "status": _localized(status),
        "subStatus": _localized(sub_status, codes.get(sub_status, sub_status)),
        "eventTimestamp": stamp,
        "submissionTimestamp": moment(at + 60),
        "subscriptionId": place,
        "tenantId": state.tenant,
    }
