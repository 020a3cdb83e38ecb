"""Long-running operations: how they are begun, and where a client asks how they stand.

Which headers a provider gives differs, and the recordings say how:

- ``Microsoft.Cache/redis``: 201 (PUT) and 202 (PATCH) with ``azure-asyncoperation`` and
  ``location``; DELETE 202 with ``location`` only, at ``operationresults``, 202 until it is over;
- ``Microsoft.Cache/redisEnterprise``: both headers, the first at ``operationsStatus``;
- ``Microsoft.Network``: both headers, at ``operations`` and ``operationResults``.
"""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from refused.lab.arm.routes import Answer, Call, Refusal, route
from refused.lab.arm.state import Operation, State, moment

if TYPE_CHECKING:
    from collections.abc import Callable

# Real providers of these types send no Retry-After, and a client that follows its default then
# waits half a minute between two looks. A twin on a laptop says when to come back.
SOON = {"retry-after": "1", "x-ms-retry-after-ms": "50"}


HERE = "{operation}"  # stands for the operation's id in an address of a caller's own


def start(
    call: Call,
    answer: Answer,
    *,
    namespace: str,
    location: str,
    asynchronous: str | None = "operations",
    results: str | None = "operationResults",
    done: Callable[[], object] | None = None,
    takes_s: float | None = None,
    result: dict[str, Any] | None = None,
) -> Answer:
    """Begin a long-running operation, and add to *answer* the headers that lead to it.

    Args:
        namespace: The provider, as ``Microsoft.Network``.
        location: Where, as it is to stand in the addresses.
        asynchronous: The name of the status collection for ``azure-asyncoperation``; ``None``
            leaves that header out.
        results: That of the result collection for ``location``; ``None`` leaves it out, and an
            address (with ``://``) is used as it is.
        done: What the end of the operation does (setting ``provisioningState``, say).
        takes_s: How long it takes; the state's ``takes_s`` if not given.
        result: What the result collection answers in the end.
    """
    state = call.state
    takes = state.takes_s if takes_s is None else takes_s
    began = state.now()
    operation = Operation(str(uuid.uuid4()), began + takes, began, done, result, resource=call.id)
    with state.lock:
        state.operations[operation.id] = operation
        if takes <= 0:
            finish(state, operation)
        else:
            timer = threading.Timer(takes, finish, (state, operation))
            timer.daemon = True
            timer.start()
    stem = (
        f"{call.base_url}/subscriptions/{call.state.subscription}/providers/{namespace}"
        f"/locations/{quote(location)}"
    )
    tail = f"{operation.id}?api-version={call.api_version}"
    if asynchronous is not None:
        answer.headers["azure-asyncoperation"] = f"{stem}/{asynchronous}/{tail}"
    if results is not None:
        is_address = "://" in results
        own = results.replace(HERE, operation.id)
        answer.headers["location"] = own if is_address else f"{stem}/{results}/{tail}"
    answer.headers.update(SOON)
    return answer


def finish(state: State, operation: Operation) -> None:
    """End an operation if it has not ended yet."""
    with state.lock:
        if operation.is_over:
            return
        operation.is_over = True
        if operation.done is not None:
            operation.done()


_STEM = "/subscriptions/{sub}/providers/{namespace}/locations/{location}"


def _operation(call: Call) -> Operation:
    found = call.state.operations.get(call.params["operation"])
    if found is None:
        raise Refusal(
            404, "OperationNotFound", f"Operation '{call.params['operation']}' was not found."
        )
    return found


def _status(call: Call) -> Answer:
    operation = _operation(call)
    said: dict[str, Any] = {
        "id": call.id,
        "name": operation.id,
        "status": "Succeeded" if operation.is_over else "InProgress",
        "startTime": moment(operation.started_at),
        "endTime": moment(operation.ready_at) if operation.is_over else None,
    }
    if operation.is_over and operation.failed is not None:
        said |= {"status": "Failed", "error": operation.failed}
    headers = {} if operation.is_over else dict(SOON)
    return Answer(200, {k: v for k, v in said.items() if v is not None}, headers)


def _result(call: Call) -> Answer:
    operation = _operation(call)
    if not operation.is_over:
        here = f"{call.url}?api-version={call.api_version}"
        body = {"id": call.id, "name": operation.id, "status": "InProgress"}
        return Answer(202, body, {"location": here, **SOON})
    if operation.result is not None:
        return Answer(200, operation.result)
    return Answer(200, {"id": call.id, "name": operation.id, "status": "Succeeded"})


for _name in ("asyncOperations", "operationsStatus", "operations"):
    route("GET", f"{_STEM}/{_name}/{{operation}}")(_status)
route("GET", f"{_STEM}/operationResults/{{operation}}")(_result)

_ENTERPRISE = (
    "/subscriptions/{sub}/resourceGroups/{group}/providers/Microsoft.Cache/redisEnterprise/{name}"
)
for _stem in ("", "/databases/{database}", "/privateEndpointConnections/{connection}"):
    route("GET", f"{_ENTERPRISE}{_stem}/operationResults/{{operation}}")(_result)
for _deed in (
    "import",
    "export",
    "flush",
    "forceUnlink",
    "forceLinkToReplicationGroup",
    "upgradeDBRedisVersion",
    "accessPolicyAssignments/{assignment}",
):
    _below = f"{_ENTERPRISE}/databases/{{database}}/{_deed}"
    route("GET", f"{_below}/operationResults/{{operation}}")(_result)
