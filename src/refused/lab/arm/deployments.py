"""Microsoft.Resources/deployments: templates that are carried out, and the history that they leave.

Each resource of a template is PUT through the very operation that a client would use, so that it has
the same effect and the same records in the log, all with the deployment's correlation id. Of the
template language these are known: ``parameters``, ``variables``, ``concat``, ``format``,
``resourceId``, ``resourceGroup()``, ``subscription()``, ``toLower``, ``toUpper``; a template that
uses another function, ``copy`` or a nested template is refused as invalid.

Sources: ``2024-03-01/resources.json``; learn.microsoft.com/azure/azure-resource-manager/templates/
(``template-expressions``, ``template-functions``).
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from refused.lab.arm import operations, routes
from refused.lab.arm.routes import Answer, Call, Refusal, provides, route
from refused.lab.arm.state import moment, type_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.lab.arm.state import Operation, State

Document = dict[str, Any]

NAMESPACE = "Microsoft.Resources"
TYPE = f"{NAMESPACE}/deployments"
provides(
    NAMESPACE,
    deployments=(
        "2025-04-01",
        "2025-03-01",
        "2024-11-01",
        "2024-07-01",
        "2024-03-01",
        "2023-07-01",
        "2022-09-01",
        "2021-04-01",
        "2020-10-01",
        "2020-06-01",
        "2019-10-01",
        "2019-05-01",
        "2018-05-01",
        "2017-05-10",
    ),
)

MOST_RESOURCES = 800
_GROUP = "/subscriptions/{sub}/resourcegroups/{group}"
_IN_GROUP = f"{_GROUP}/providers/Microsoft.Resources/deployments"
_IN_SUB = "/subscriptions/{sub}/providers/Microsoft.Resources/deployments"


# --- the language of templates --------------------------------------------------------------------


class _Template:
    """A template with its parameters, whose expressions can be worked out."""

    def __init__(self, call: Call, properties: Document) -> None:
        self.sub, self.group = call.params["sub"], call.params.get("group", "")
        self.state = call.state
        body = properties.get("template")
        if not isinstance(body, dict):
            raise _invalid("The template is missing; links to templates are not followed.")
        self.body: Document = body
        given = {
            name: each.get("value") if isinstance(each, dict) else each
            for name, each in (properties.get("parameters") or {}).items()
        }
        declared = self.body.get("parameters") or {}
        for name in given:
            if name not in declared:
                raise _invalid(f"The parameter '{name}' is not declared by the template.")
        self.parameters: dict[str, Any] = {}
        for name, each in declared.items():
            if name in given:
                self.parameters[name] = given[name]
            elif "defaultValue" in each:
                self.parameters[name] = self.value(each["defaultValue"])
            else:
                raise _invalid(f"The value for the template parameter '{name}' is not provided.")
            allowed = each.get("allowedValues")
            if allowed and self.parameters[name] not in allowed:
                raise _invalid(f"The value of the parameter '{name}' is not among those allowed.")
        self.secure = {
            name
            for name, each in declared.items()
            if str(each.get("type", "")).lower() in ("securestring", "secureobject")
        }
        self.variables = {
            name: self.value(each) for name, each in (self.body.get("variables") or {}).items()
        }

    def resources(self) -> Iterator[Document]:
        """Yield the resources worked out, each after those that it depends on."""
        flat = list(self._flat(self.body.get("resources") or [], "", ""))
        if len(flat) > MOST_RESOURCES:
            raise _invalid(f"A template may have at most {MOST_RESOURCES} resources.")
        yield from self._ordered(flat)

    def _flat(self, said: Any, kind: str, name: str) -> Iterator[Document]:
        """Yield resources, and those inside them with the names of both."""
        for each in said.values() if isinstance(said, dict) else said:
            if "copy" in each or str(each.get("type", "")).lower() == TYPE.lower():
                raise _invalid("The lab twin knows neither copies nor nested templates.")
            if self.value(each.get("condition", True)) is False:
                continue
            if not all(isinstance(each.get(what), str) for what in ("type", "name", "apiVersion")):
                raise _invalid("Every resource needs a type, a name and an apiVersion.")
            made = {what: self.value(each[what]) for what in each if what != "resources"}
            if kind:
                made["type"], made["name"] = f"{kind}/{made['type']}", f"{name}/{made['name']}"
            yield made
            yield from self._flat(each.get("resources") or [], made["type"], made["name"])

    def _ordered(self, flat: list[Document]) -> Iterator[Document]:
        waiting, done = list(flat), set[str]()
        names = {self.id_of(each["type"], *each["name"].split("/")).lower() for each in flat}
        while waiting:
            ready = [
                each
                for each in waiting
                if all(self._is_done(need, names, done) for need in each.get("dependsOn") or ())
            ]
            if not ready:
                raise _invalid("The resources depend on each other in a circle.")
            for each in ready:
                waiting.remove(each)
                done.add(self.id_of(each["type"], *each["name"].split("/")).lower())
                yield each

    @staticmethod
    def _is_done(need: str, names: set[str], done: set[str]) -> bool:
        """Whether *need*, an id or the end of one, is there or is not of this template."""
        end = need.lower().strip("/")
        mine = {each for each in names if each.strip("/").endswith(end)}
        return mine <= done

    def id_of(self, kind: str, *names: str) -> str:
        """Return the id of a resource of this group, as ``resourceId`` makes it."""
        namespace, *parts = kind.split("/")
        if len(parts) != len(names):
            raise _invalid(f"'{kind}' has {len(parts)} names, not {len(names)}.")
        tail = "".join(f"/{part}/{name}" for part, name in zip(parts, names, strict=True))
        scope = f"/subscriptions/{self.sub}"
        if self.group:
            scope += f"/resourceGroups/{self.group}"
        return f"{scope}/providers/{namespace}{tail}"

    def value(self, said: Any) -> Any:
        """Work out every expression in *said*."""
        if isinstance(said, dict):
            return {name: self.value(each) for name, each in said.items()}
        if isinstance(said, list):
            return [self.value(each) for each in said]
        if not isinstance(said, str) or not said.startswith("[") or not said.endswith("]"):
            return said
        if said.startswith("[["):
            return said[1:]
        return _Expression(self, said[1:-1]).value()

    def call(self, name: str, given: list[Any]) -> Any:
        """Work out one function."""
        lowered = name.lower()
        if lowered in ("parameters", "variables") and len(given) == 1:
            known = self.parameters if lowered == "parameters" else self.variables
            if given[0] not in known:
                raise _invalid(f"There is no {lowered[:-1]} '{given[0]}'.")
            return known[given[0]]
        if lowered == "concat":
            if any(isinstance(each, list) for each in given):
                return [item for each in given for item in each]
            return "".join(str(each) for each in given)
        if lowered == "format" and given:
            return re.sub(r"\{(\d+)\}", lambda found: str(given[1 + int(found[1])]), str(given[0]))
        if lowered == "resourceid":
            return self._resource_id([str(each) for each in given])
        if lowered in ("tolower", "toupper") and len(given) == 1:
            return str(given[0]).lower() if lowered == "tolower" else str(given[0]).upper()
        if lowered == "resourcegroup" and not given and self.group:
            scope = f"/subscriptions/{self.sub}/resourceGroups/{self.group}"
            document = self.state.get(scope) or {}
            where = str(document.get("location", "westeurope"))
            return {"id": scope, "name": self.group, "location": where}
        if lowered == "subscription" and not given:
            return {
                "id": f"/subscriptions/{self.sub}",
                "subscriptionId": self.sub,
                "tenantId": self.state.tenant,
            }
        raise _invalid(f"The lab twin's part of the template language has no '{name}' like this.")

    def _resource_id(self, given: list[str]) -> str:
        at = next((at for at, each in enumerate(given) if "/" in each), None)
        if at is None or at > 2:
            raise _invalid("resourceId needs a type such as Microsoft.Cache/redis.")
        made = self.id_of(given[at], *given[at + 1 :])
        if at >= 1:
            made = made.replace(
                f"/resourceGroups/{self.group}/", f"/resourceGroups/{given[at - 1]}/"
            )
        if at == 2:
            made = made.replace(f"/subscriptions/{self.sub}/", f"/subscriptions/{given[0]}/")
        return made


class _Expression:
    """One expression, read from left to right."""

    def __init__(self, template: _Template, text: str) -> None:
        self.template, self.text = template, text
        self.words = re.findall(r"'(?:[^']|'')*'|-?\d+|\w+|[(),.\[\]]|\S", text)
        self.at = 0

    def value(self) -> Any:
        """Work it out."""
        found = self._term(0)
        if self.at != len(self.words):
            raise self._unclear()
        return found

    def _unclear(self) -> Refusal:
        return _invalid(f"The expression '{self.text[:120]}' is not understood.")

    def _next(self) -> str:
        if self.at >= len(self.words):
            raise self._unclear()
        self.at += 1
        return str(self.words[self.at - 1])

    def _peek(self) -> str:
        return str(self.words[self.at]) if self.at < len(self.words) else ""

    def _term(self, depth: int) -> Any:
        if depth > 30:
            raise self._unclear()
        word = self._next()
        found: Any
        if word.startswith("'"):
            found = word[1:-1].replace("''", "'")
        elif re.fullmatch(r"-?\d+", word):
            found = int(word)
        elif word.lower() in ("true", "false"):
            found = word.lower() == "true"
        elif re.fullmatch(r"\w+", word) and self._peek() == "(":
            found = self.template.call(word, self._arguments(depth))
        else:
            raise self._unclear()
        while self._peek() in (".", "["):
            if self._next() == ".":
                found = self._part(found, self._next())
            else:
                found = self._part(found, self._term(depth + 1))
                if self._next() != "]":
                    raise self._unclear()
        return found

    def _arguments(self, depth: int) -> list[Any]:
        self._next()
        given = []
        while self._peek() != ")":
            given.append(self._term(depth + 1))
            if self._peek() == ",":
                self._next()
            elif self._peek() != ")":
                raise self._unclear()
        self._next()
        return given

    def _part(self, found: Any, name: Any) -> Any:
        try:
            return found[name]
        except (KeyError, IndexError, TypeError):
            raise self._unclear() from None


def _invalid(message: str) -> Refusal:
    return Refusal(
        400, "InvalidTemplate", f"Deployment template validation failed: '{message[:400]}'."
    )


# --- carrying one out -----------------------------------------------------------------------------


def _id_of(call: Call) -> str:
    group = f"/resourceGroups/{call.params['group']}" if "group" in call.params else ""
    return f"/subscriptions/{call.params['sub']}{group}/providers/{TYPE}/{call.params['name']}"


def _put_resource(call: Call, template: _Template, resource: Document) -> Answer:
    """PUT one resource through its own operation."""
    where = template.id_of(resource["type"], *resource["name"].split("/"))
    path = quote(where)
    found, params, _ = routes.find("PUT", path)
    if found is None:
        raise _invalid(f"The lab twin has no resources of type '{resource['type']}'.")
    body = {
        name: value
        for name, value in resource.items()
        if name not in ("type", "name", "apiVersion", "dependsOn", "condition", "comments")
    }
    if call.state.is_denied(found.action):
        raise Refusal(
            403,
            "AuthorizationFailed",
            f"The client '{call.caller.app_id}' does not have authorization to perform action "
            f"'{found.action}' over scope '{where}'.",
        )
    inner = Call(
        "PUT",
        path,
        params,
        {"api-version": resource["apiVersion"]},
        body,
        {},
        call.state,
        call.caller,
        call.base_url,
        call.correlation_id,
        found.action,
    )
    return found.handler(inner)


def _carry_out(call: Call, template: _Template) -> tuple[list[Document], Document | None]:
    """Put every resource, and return what was done and what went wrong."""
    done: list[Document] = []
    for resource in template.resources():
        where = template.id_of(resource["type"], *resource["name"].split("/"))
        began = call.state.now()
        failed: Document | None = None
        status = "Created"
        try:
            answer = _put_resource(call, template, resource)
            status = "Created" if answer.status == 201 else "OK"
        except Refusal as refusal:
            failed = {"code": refusal.code, "message": refusal.message}
            status = {400: "BadRequest", 403: "Forbidden", 409: "Conflict"}.get(
                refusal.status, "BadRequest"
            )
        number = hashlib.sha256(where.lower().encode()).hexdigest()[:16].upper()
        done.append(
            {
                "id": f"{_id_of(call)}/operations/{number}",
                "operationId": number,
                "properties": {
                    "provisioningOperation": "Create",
                    "provisioningState": "Failed" if failed else "Succeeded",
                    "timestamp": moment(call.state.now()),
                    "duration": f"PT{max(0.0, call.state.now() - began):.7f}S",
                    "trackingId": str(uuid.uuid4()),
                    "statusCode": status,
                    "targetResource": {
                        "id": where,
                        "resourceType": resource["type"],
                        "resourceName": resource["name"],
                    },
                    **({"statusMessage": {"error": failed}} if failed else {}),
                },
            }
        )
        if failed:
            return done, failed
    return done, None


def _described(call: Call, template: _Template, properties: Document, state: str) -> Document:
    """Return the document of a deployment."""
    text = json.dumps(properties.get("template"), sort_keys=True)
    kinds: dict[str, set[str]] = {}
    for each in template.resources():
        namespace, _, kind = each["type"].partition("/")
        kinds.setdefault(namespace, set()).add(kind)
    shown = {
        name: {"type": type(value).__name__, "value": value}
        for name, value in template.parameters.items()
        if name not in template.secure
    }
    document: Document = {
        "id": _id_of(call),
        "name": call.params["name"],
        "type": TYPE,
        "properties": {
            "templateHash": str(int(hashlib.sha256(text.encode()).hexdigest()[:15], 16)),
            "parameters": shown,
            "mode": str(properties.get("mode", "Incremental")).capitalize(),
            "provisioningState": state,
            "timestamp": moment(call.state.now()),
            "duration": "PT0S",
            "correlationId": call.correlation_id,
            "providers": [
                {
                    "namespace": namespace,
                    "resourceTypes": [
                        {"resourceType": kind, "locations": ["westeurope"]}
                        for kind in sorted(found)
                    ],
                }
                for namespace, found in kinds.items()
            ],
            "dependencies": [],
        },
    }
    if "group" not in call.params:
        document["location"] = (call.body or {}).get("location", "westeurope")
    return document


def _properties(call: Call) -> Document:
    body = call.body if isinstance(call.body, dict) else {}
    properties = body.get("properties")
    if not isinstance(properties, dict):
        raise Refusal(400, "InvalidRequestContent", "The request has no properties.")
    if str(properties.get("mode", "Incremental")).lower() != "incremental":
        raise _invalid("The lab twin deploys in the mode Incremental only.")
    return properties


def _put(call: Call) -> Answer:
    properties = _properties(call)
    template = _Template(call, properties)
    old = call.state.get(_id_of(call))
    document = _described(call, template, properties, "Accepted")
    call.state.put(document["id"], document, call.caller, correlation_id=call.correlation_id)
    shown = copy.deepcopy(document)
    begun: list[Operation] = []

    def done() -> None:
        began = call.state.now()
        steps, failed = _carry_out(call, template)
        said = document["properties"]
        said["provisioningState"] = "Failed" if failed else "Succeeded"
        said["duration"] = f"PT{max(0.0, call.state.now() - began):.7f}S"
        said["outputs"] = {
            name: {"type": each.get("type", "String"), "value": template.value(each.get("value"))}
            for name, each in (template.body.get("outputs") or {}).items()
        }
        said["outputResources"] = [
            {"id": each["properties"]["targetResource"]["id"]}
            for each in steps
            if each["properties"]["provisioningState"] == "Succeeded"
        ]
        if failed:
            said["error"] = {
                "code": "DeploymentFailed",
                "message": "At least one resource deployment operation failed. Please list "
                "deployment operations for details.",
                "details": [failed],
            }
            call.state.note(
                document["id"],
                f"{TYPE}/write",
                call.caller,
                outcome="Failed",
                status="Conflict",
                correlation_id=call.correlation_id,
            )
        for operation in begun:
            operation.failed = said.get("error")
        call.state.put(document["id"], document, call.caller, quiet=True)
        _book(call.state)[document["id"].lower()] = steps

    answer = Answer(201 if old is None else 200, shown)
    operations.start(
        call, answer, namespace=NAMESPACE, location="westeurope", results=None, done=done
    )
    number = answer.headers["azure-asyncoperation"].partition("?")[0].rpartition("/")[2]
    begun.append(call.state.operations[number])
    begun[0].failed = document["properties"].get("error")
    return answer


def _book(state: State) -> dict[str, list[Document]]:
    book: dict[str, list[Document]] = state.extra.setdefault("deployment_operations", {})
    return book


def _validate(call: Call) -> Answer:
    """Say whether a template could be carried out; nothing is changed."""
    properties = _properties(call)
    try:
        template = _Template(call, properties)
        for resource in template.resources():
            where = template.id_of(resource["type"], *resource["name"].split("/"))
            if routes.find("PUT", quote(where))[0] is None:
                raise _invalid(f"The lab twin has no resources of type '{resource['type']}'.")
        document = _described(call, template, properties, "Succeeded")
    except Refusal as refusal:
        return Answer(400, {"error": {"code": refusal.code, "message": refusal.message}})
    return Answer(body=document)


def _list(call: Call) -> Answer:
    group = call.params.get("group")
    found = call.state.of_type(TYPE, call.params["sub"], group)
    if group is None:
        found = [each for each in found if "/resourcegroups/" not in each["id"].lower()]
    found.sort(key=lambda each: str(each["properties"].get("timestamp", "")), reverse=True)
    return Answer(body={"value": found})


def _require(call: Call) -> Document:
    found = call.state.get(_id_of(call))
    if found is None:
        raise Refusal(
            404, "DeploymentNotFound", f"Deployment '{call.params['name']}' could not be found."
        )
    return found


def _show(call: Call) -> Answer:
    return Answer(body=_require(call))


def _head(call: Call) -> Answer:
    return Answer(204 if call.state.get(_id_of(call)) is not None else 404)


def _delete(call: Call) -> Answer:
    if not call.state.delete(_id_of(call), call.caller, correlation_id=call.correlation_id):
        return Answer(204)
    _book(call.state).pop(_id_of(call).lower(), None)
    return Answer(204)


def _operations(call: Call) -> Answer:
    document = _require(call)
    return Answer(body={"value": _book(call.state).get(document["id"].lower(), [])})


# Of a group, the steps are asked for without the provider.
route("GET", f"{_GROUP}/deployments/{{name}}/operations", action=f"{TYPE}/operations/read")(
    _operations
)
for _stem in (_IN_GROUP, _IN_SUB):
    route("GET", _stem, action=f"{TYPE}/read")(_list)
    route("GET", f"{_stem}/{{name}}", action=f"{TYPE}/read")(_show)
    route("HEAD", f"{_stem}/{{name}}", action=f"{TYPE}/read")(_head)
    route("PUT", f"{_stem}/{{name}}", action=f"{TYPE}/write")(_put)
    route("DELETE", f"{_stem}/{{name}}", action=f"{TYPE}/delete")(_delete)
    route("POST", f"{_stem}/{{name}}/validate", action=f"{TYPE}/validate/action")(_validate)
    route("GET", f"{_stem}/{{name}}/operations", action=f"{TYPE}/operations/read")(_operations)


def seed(
    state: State,
    group: str,
    name: str,
    resources: list[str],
    *,
    ago_s: float = 0.0,
    outcome: str = "Succeeded",
) -> Document:
    """Write a deployment of the past into the history, with the resources that it touched."""
    at = moment(state.now() - ago_s)
    where = f"/subscriptions/{state.subscription}/resourceGroups/{group}/providers/{TYPE}/{name}"
    kinds = sorted({type_of(each) for each in resources})
    document: Document = {
        "id": where,
        "name": name,
        "type": TYPE,
        "properties": {
            "templateHash": str(int(hashlib.sha256(where.encode()).hexdigest()[:15], 16)),
            "parameters": {},
            "mode": "Incremental",
            "provisioningState": outcome,
            "timestamp": at,
            "duration": "PT41.2S",
            "correlationId": str(uuid.uuid4()),
            "providers": [
                {
                    "namespace": kind.partition("/")[0],
                    "resourceTypes": [{"resourceType": kind.partition("/")[2]}],
                }
                for kind in kinds
            ],
            "dependencies": [],
            "outputResources": [{"id": each} for each in resources],
        },
    }
    state.put(where, document, quiet=True)
    return document
