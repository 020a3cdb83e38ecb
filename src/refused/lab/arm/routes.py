"""Which operation answers which request: templates of paths, and what a handler is given and gives.

    @route("GET", "/subscriptions/{sub}/…/privateEndpoints/{name}", action="…/read")
    def show(call: Call) -> Answer:
        return Answer(body=call.state.require(call.id))

Literal parts match in any case, as they do at Azure; ``{name}`` is one part, and ``{*scope}`` at the
beginning is any number of them. Of several templates that match, the one with fewer blanks counts.
"""

from __future__ import annotations

import datetime as dt
import functools
import pkgutil
import re
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from refused.lab.arm.state import State


@dataclass(frozen=True)
class Caller:
    """Who calls, as the token says.

    Attributes:
        name: What the activity log calls them: a user's name, an application's id.
        ip: Where they call from, as the activity log is to say it.
    """

    name: str = "anna@contoso.example"
    object_id: str = "7f1d2c3b-0000-4000-8000-000000000001"
    app_id: str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
    ip: str = "203.0.113.7"


@dataclass
class Call:
    """One request.

    Attributes:
        path: As sent, without the query.
        params: What stands in the template's blanks, with the caller's casing.
        query: The query; names in lower case (``$filter`` and ``api-version`` among them).
        body: The JSON that was sent; ``None`` where there was none.
        headers: Names in lower case.
        base_url: How this endpoint is called, without a slash at the end.
    """

    method: str
    path: str
    params: dict[str, str]
    query: dict[str, str]
    body: Any
    headers: dict[str, str]
    state: State
    caller: Caller
    base_url: str = ""
    correlation_id: str = ""
    action: str = ""

    @property
    def api_version(self) -> str:
        """The api-version that was asked for, ``""`` where none was."""
        return self.query.get("api-version", "")

    @property
    def id(self) -> str:
        """The path as an id: without a slash or an escape at the end."""
        return unquote(self.path).rstrip("/")

    @property
    def url(self) -> str:
        """The address of this very request without its query."""
        return self.base_url + self.path


@dataclass
class Answer:
    """What is said: a status, a JSON body (``None`` for none), headers."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """The answer is an error, ``{"error": {"code": …, "message": …}}``.

    Args:
        bare: Whether it comes without the ``error`` around it, as of some providers.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        target: str | None = None,
        details: Iterable[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
        bare: bool = False,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message
        self.target, self.details = target, list(details)
        self.headers = dict(headers or {})
        self.bare = bare

    def answer(self) -> Answer:
        """Return it as it is sent."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.target is not None:
            error["target"] = self.target
        if self.details:
            error["details"] = self.details
        return Answer(self.status, error if self.bare else {"error": error}, self.headers)


@dataclass(frozen=True)
class Route:
    """One operation: its method, its template, and who answers it."""

    method: str
    template: str
    action: str
    handler: Callable[[Call], Answer]
    pattern: re.Pattern[str]

    @property
    def vagueness(self) -> tuple[int, int]:
        """How much of it is blank: the least vague match counts."""
        return (self.template.count("{*"), self.template.count("{"))


ROUTES: list[Route] = []


def route(
    method: str, template: str, *, action: str = ""
) -> Callable[[Callable[[Call], Answer]], Callable[[Call], Answer]]:
    """Have the decorated function answer *method* on *template*.

    Args:
        action: The RBAC action that the caller needs, as
            ``Microsoft.Network/privateEndpoints/read``; ``""`` needs none.
    """

    def declare(handler: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
        ROUTES.append(Route(method, template, action, handler, _compiled(template)))
        return handler

    return declare


def _compiled(template: str) -> re.Pattern[str]:
    parts = []
    for part in re.split(r"(\{\*?\w+\})", template.rstrip("/")):
        blank = re.fullmatch(r"\{(\*?)(\w+)\}", part)
        if blank is None:
            parts.append(re.escape(part))
        else:
            parts.append(f"(?P<{blank[2]}>{'.*' if blank[1] else '[^/]+'})")
    return re.compile("".join(parts) + "/?", re.IGNORECASE)


def find(method: str, path: str) -> tuple[Route | None, dict[str, str], set[str]]:
    """Return the operation for a request, its blanks filled, and the methods that *path* takes."""
    load()
    matches: list[tuple[Route, dict[str, str]]] = []
    methods: set[str] = set()
    for each in ROUTES:
        if each.method != method and each.method in methods:
            continue
        match = each.pattern.fullmatch(path)
        if match is None:
            continue
        methods.add(each.method)
        if each.method == method:
            matches.append((each, {k: unquote(v) for k, v in match.groupdict().items()}))
    if not matches:
        return None, {}, methods
    best, params = min(matches, key=lambda match: match[0].vagueness)
    return best, params, methods


# --- which api-versions a resource type has ------------------------------------------------------

# By namespace and type (``privateEndpoints``, ``redis/firewallRules``), newest first. A type not
# listed takes its parent's, and a namespace with no types takes any version.
VERSIONS: dict[str, dict[str, tuple[str, ...]]] = {}
LOCATIONS = ("West Europe", "North Europe", "East US", "West US", "Central US EUAP")


def provides(namespace: str, **types: Iterable[str]) -> None:
    """Say which api-versions the types of *namespace* have; more types may be added later."""
    known = VERSIONS.setdefault(namespace, {})
    for name, versions in types.items():
        known[name] = tuple(versions)


def check_version(path: str, api_version: str) -> None:
    """Refuse a request without an api-version or with one that its type has not.

    Raises:
        Refusal: As ARM says it; the versions that are known are named.
    """
    if not api_version:
        raise Refusal(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    parts = path.strip("/").split("/")
    lowered = [part.lower() for part in parts]
    if "providers" not in lowered:
        return
    at = len(lowered) - 1 - lowered[::-1].index("providers")
    if len(parts) < at + 3:
        return
    namespace, kind = lowered[at + 1], lowered[at + 2]
    for name, types in VERSIONS.items():
        if name.lower() != namespace:
            continue
        for each, versions in types.items():
            is_known = api_version in versions or _came_later(api_version, versions)
            if each.lower() == kind and versions and not is_known:
                raise Refusal(
                    400,
                    "NoRegisteredProviderFound",
                    f"No registered resource provider found for location 'westeurope' and API "
                    f"version '{api_version[:40]}' for type '{each}'. The supported api-versions "
                    f"are '{', '.join(versions)}'. The supported locations are "
                    f"'{', '.join(LOCATIONS)}'.",
                )


def _came_later(api_version: str, versions: Iterable[str]) -> bool:
    """Whether a version is from after the newest known one, and not from the future.

    ``az`` moves on every month; the answers of the newest version that is known serve it.
    """
    try:
        day = dt.date.fromisoformat(api_version.removesuffix("-preview"))
    except ValueError:
        return False
    return day <= dt.datetime.now(dt.UTC).date() and api_version > max(versions, default="")


@functools.cache
def load() -> None:
    """Import every module of this folder, so that all operations are declared."""
    from refused.lab import arm

    for module in pkgutil.iter_modules(arm.__path__, f"{arm.__name__}."):
        import_module(module.name)
