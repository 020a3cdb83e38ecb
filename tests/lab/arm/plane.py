"""A control plane to ask over https, and a witness that holds its answers against the API's own words."""

from __future__ import annotations

import functools
import http.client
import json
import re
import ssl
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import quote, urlsplit

import pytest
from jsonschema import Draft4Validator
from jsonschema.exceptions import best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from refused.lab.arm.server import ArmServer
from refused.lab.arm.state import GROUP, SUBSCRIPTION, State
from refused.lab.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path

NETWORK = "2024-01-01"
DNS = "2020-06-01"
IN_GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers"
IN_SUB = f"/subscriptions/{SUBSCRIPTION}/providers"
CACHE = f"{IN_GROUP}/Microsoft.Cache/Redis/contoso"
MANAGED = f"{IN_GROUP}/Microsoft.Cache/redisEnterprise/fabrikam"


class Said(NamedTuple):
    """What was answered."""

    status: int
    body: Any
    headers: dict[str, str]


class Plane:
    """The control plane of a small world, up, and a client that has a token; a context manager.

    With a *witness* every answer is held against the API descriptions.
    """

    def __init__(self, folder: Path, witness: Witness | None = None) -> None:
        self.state = state()
        self.witness = witness
        authority = Authority(folder)
        self.ca_file = authority.ca_file
        self.server = ArmServer(self.state, authority.issue("127.0.0.1", "localhost"))
        self._context = ssl.create_default_context(cafile=self.ca_file)
        self._line: http.client.HTTPSConnection | None = None

    def token(self) -> str:
        """Return a new token."""
        return self.server.identity.issue("https://management.azure.com")

    def ask(self, method: str, path: str, body: object = None, **query: str) -> Said:
        """Send one request; ``version`` is the api-version, ``_filter`` is ``$filter``."""
        version = query.pop("version", NETWORK)
        asked = {"api-version": version}
        asked |= {k.replace("_", "$", 1) if k[0] == "_" else k: v for k, v in query.items()}
        text = "&".join(f"{quote(k)}={quote(v)}" for k, v in asked.items())
        return self.follow(method, f"{quote(path)}?{text}", body)

    def follow(self, method: str, target: str, body: object = None) -> Said:
        """Send one request to an address that an answer gave."""
        split = urlsplit(target)
        target = f"{split.path}?{split.query}"
        if self._line is None:
            at = urlsplit(self.server.url)
            self._line = http.client.HTTPSConnection(
                at.hostname or "", at.port, context=self._context, timeout=20
            )
        headers = {"Authorization": f"Bearer {self.token()}", "Content-Type": "application/json"}
        sent = json.dumps(body) if body is not None else None
        self._line.request(method, target, sent, headers)
        answer = self._line.getresponse()
        raw = answer.read()
        told = {name.lower(): value for name, value in answer.getheaders()}
        said = Said(answer.status, json.loads(raw) if raw else None, told)
        if self.witness is not None:
            self.witness.check(method, target, said)
        return said

    def ok(self, method: str, path: str, body: object = None, **query: str) -> Any:
        """Send one request that has to succeed, and return the body."""
        said = self.ask(method, path, body, **query)
        assert said.status < 300, said
        return said.body

    def credential(self) -> Any:
        """Return what gives an SDK its tokens."""
        return _Credential(self)

    def client(self, kind: Any, **options: Any) -> Any:
        """Return a client of the Azure SDK that speaks to this control plane."""
        return kind(
            self.credential(),
            SUBSCRIPTION,
            base_url=self.server.url,
            credential_scopes=["https://management.azure.com/.default"],
            connection_verify=self.ca_file,
            **options,
        )

    def __enter__(self) -> Self:
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._line is not None:
            self._line.close()
        self.server.stop()


class _Credential:
    """Gives an SDK a token, as azure-identity would."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    def get_token(self, *_scopes: str, **_options: object) -> Any:
        """Return a token with the time of its end."""
        from azure.core.credentials import AccessToken

        return AccessToken(self._plane.token(), int(time.time()) + 3600)


def state() -> State:
    """Return a state with a subscription, a group and two caches."""
    made = State()
    for where, document in (
        (f"/subscriptions/{SUBSCRIPTION}", {"subscriptionId": SUBSCRIPTION, "state": "Enabled"}),
        (
            f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}",
            {"name": GROUP, "location": "westeurope", "properties": {}},
        ),
        (
            CACHE,
            {
                "name": "contoso",
                "type": "Microsoft.Cache/Redis",
                "location": "West Europe",
                "tags": {},
                "properties": {
                    "hostName": "contoso.redis.cache.windows.net",
                    "publicNetworkAccess": "Enabled",
                    "sku": {"name": "Standard", "family": "C", "capacity": 1},
                },
            },
        ),
        (
            MANAGED,
            {
                "name": "fabrikam",
                "type": "Microsoft.Cache/redisEnterprise",
                "location": "West Europe",
                "properties": {"hostName": "fabrikam.westeurope.redis.azure.net"},
            },
        ),
    ):
        made.put(where, {"id": where, **document}, quiet=True)
    return made


class Witness:
    """The API descriptions: what an operation may answer, and of which shape."""

    def __init__(self, shared: Path) -> None:
        self.root = shared / "azure-contract" / "specs"
        index = json.loads((self.root / "index.json").read_text(encoding="utf-8"))
        self.checked = 0
        self._operations = [
            (name, found["api_version"], method.upper(), path, _pattern(path))
            for name, found in index.items()
            for path, methods in self._file(name)["paths"].items()
            for method in methods
        ]
        self._registry: Registry[Any] = Registry(retrieve=self._retrieve)  # type: ignore[call-arg]

    def check(self, method: str, target: str, said: Said) -> None:
        """Fail where an answer is not as its operation is described."""
        split = urlsplit(target)
        path = re.sub(r"%[0-9A-Fa-f]{2}", "_", split.path)
        version = re.search(r"api-version=([^&]+)", split.query)
        for name, of_version, of_method, described, pattern in self._operations:
            if of_method != method or version is None or version[1] != of_version:
                continue
            if re.fullmatch(pattern, path, re.IGNORECASE):
                self._check(name, method, described, said)
                self.checked += 1
                return

    def _check(self, name: str, method: str, path: str, said: Said) -> None:
        described = self._file(name)["paths"][path][method.lower()]["responses"]
        if str(said.status) not in described:
            assert said.status >= 400, f"{method} {path} is not described to answer {said.status}"
            assert "default" in described
            return
        answer = described[str(said.status)]
        if "schema" not in answer or said.body in ({}, None):
            return
        base = f"https://specs.invalid/{name}"
        where = [path.replace("~", "~0").replace("/", "~1"), method.lower(), "responses"]
        pointer = "/".join(["#/paths", *where, str(said.status), "schema"])
        validator = Draft4Validator(
            {"$ref": f"{base}{quote(pointer, safe='#/~')}"}, registry=self._registry
        )
        worst = best_match(validator.iter_errors(_without_nulls(said.body, path)))
        assert worst is None, f"{method} {path}: {worst.json_path}: {worst.message[:300]}"

    def _retrieve(self, uri: str) -> Resource[Any]:
        return Resource(self._file(uri.removeprefix("https://specs.invalid/")), DRAFT4)  # type: ignore[call-arg]

    @functools.cache  # noqa: B019  # one witness lives as long as the tests
    def _file(self, name: str) -> Any:
        return _nullable(json.loads((self.root / name).read_text(encoding="utf-8")))


def _without_nulls(body: Any, path: str) -> Any:
    """Leave out what the recorded action groups have besides their description: nulls."""
    if "/actionGroups" not in path:
        return body
    if isinstance(body, dict):
        made = {name: _without_nulls(each, path) for name, each in body.items()}
        return {name: each for name, each in made.items() if each is not None}
    return [_without_nulls(each, path) for each in body] if isinstance(body, list) else body


def _pattern(path: str) -> str:
    return re.sub(
        r"\\\{(\w+)\\\}",
        lambda found: ".+" if found[1].lower() in ("resourceuri", "scope") else "[^/]+",
        re.escape(path.rstrip("/")),
    ).replace("/.+", "/?.+")


def _nullable(spec: Any) -> Any:
    """Let ``x-nullable`` be ``null``, which JSON Schema writes otherwise."""
    if isinstance(spec, list):
        return [_nullable(each) for each in spec]
    if not isinstance(spec, dict):
        return spec
    made = {name: _nullable(each) for name, each in spec.items()}
    if made.get("x-nullable") is True and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    if made.get("type") == "object" and not {"properties", "additionalProperties"} & set(made):
        made.pop("type")  # anything: the rows of a query are a list
    if "discriminator" in made:  # what the kinds below it add is theirs
        made.pop("additionalProperties", None)
    if "ByteSeconds" in made.get("enum", ()):  # the published reference has one unit more
        made["enum"] = [*made["enum"], "MicroSeconds"]
    return made


@functools.cache
def witness(shared: Path) -> Witness:
    """Return the witness for the folder of shared material."""
    if not (shared / "azure-contract" / "specs" / "index.json").is_file():
        pytest.skip("needs the shared folder")
    return Witness(shared)
