"""What has happened in a world before anybody looks: the tables of a world file for it.

log_lag_s = 300                             # how late the activity log is

[[metric]]
resource = "contoso"                        # a cache's name, or an id with or without its group
name = "connectedclients"
last = [240, 251, 256]                      # the last minutes, the oldest one first
level = 12                                  # all other minutes
dimensions = { ShardId = "0" }

[[event]]                                   # of the activity log
resource = "Microsoft.Network/networkSecurityGroups/app-nsg/securityRules/redis"
action = "Microsoft.Network/networkSecurityGroups/securityRules/delete"
ago_s = 420
caller = "kim@contoso.example"
ip = "198.51.100.9"

[[health]]
resource = "contoso"
state = "Unavailable"                       # Available, Degraded, Unknown
ago_s = 600

[[incident]]                                # of the service, as Service Health shows it
id = "AB12-CD3"
title = "Connections fail in West Europe"
ago_s = 1800

[[deployment]]
name = "landing-zone-42"
resources = ["contoso"]
ago_s = 500

[service_tags]                              # what the tags of security rules stand for
AzureCloud = ["20.0.0.0/8"]
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from refused.lab.arm import activity, deployments, health, monitor
from refused.lab.arm.state import GROUP, type_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from refused.lab.arm.state import State

# The tables of a world file that are read here, and their kinds.
TABLES: dict[str, Any] = {
    "log_lag_s": (int, float),
    "metric": list,
    "event": list,
    "health": list,
    "incident": list,
    "deployment": list,
    "service_tags": dict,
}


def configure(state: State, told: Mapping[str, Any], *, group: str = GROUP) -> None:
    """Put down what a world file says of the past; times count from now.

    Raises:
        ValueError: A table says what cannot be; the message says which, and what would be right.
    """
    before, state.ago_s = state.ago_s, 0.0
    try:
        if "log_lag_s" in told:
            state.extra[activity.LAG] = float(told["log_lag_s"])
        readers: dict[str, Callable[[dict[str, Any]], object]] = {
            "metric": lambda each: _metric(state, each, group),
            "event": lambda each: _event(state, each, group),
            "health": lambda each: _health(state, each, group),
            "incident": lambda each: _incident(state, each),
            "deployment": lambda each: _deployment(state, each, group),
        }
        for name, read in readers.items():
            for each in told.get(name, ()):
                if not isinstance(each, dict):
                    raise ValueError(  # noqa: TRY004  # it is a file's value
                        f"{name} is a list of tables: [[{name}]]"
                    )
                read(dict(each))
        if told.get("service_tags"):
            _tags(state, told["service_tags"])
    finally:
        state.ago_s = before


def resource_id(state: State, name: str, group: str = GROUP) -> str:
    """Return the id that *name* stands for: one, one without its group, or a cache's name.

    Raises:
        ValueError: No cache is called so, or two are.
    """
    if name.startswith("/"):
        return name
    if "/" in name:
        return f"/subscriptions/{state.subscription}/resourceGroups/{group}/providers/{name}"
    found = [
        str(each["id"])
        for each in list(state.documents.values())
        if type_of(str(each.get("id", ""))) in health.SERVICES and each.get("name") == name
    ]
    if len(found) != 1:
        count = "no cache is" if not found else "several caches are"
        raise ValueError(f"{count} called {name!r}; an id says which resource is meant")
    return found[0]


def _taken(
    table: str, said: dict[str, Any], *needed: str, **known: type | tuple[type, ...]
) -> None:
    """Refuse a table that lacks something or says something unknown."""
    missing = [each for each in needed if each not in said]
    if missing:
        raise ValueError(f"[[{table}]] lacks {missing[0]!r}")
    for name, value in said.items():
        if name not in known:
            raise ValueError(f"[[{table}]] has no {name!r}; known are {', '.join(sorted(known))}")
        if not isinstance(value, known[name]):
            raise ValueError(  # noqa: TRY004  # it is a file's value
                f"[[{table}]] {name} is not of the form that is expected"
            )


_NUMBER = (int, float)


def _metric(state: State, said: dict[str, Any], group: str) -> None:
    _taken(
        "metric",
        said,
        "resource",
        "name",
        resource=str,
        name=str,
        last=list,
        level=_NUMBER,
        dimensions=dict,
    )
    where = resource_id(state, said.pop("resource"), group)
    monitor.configure(state, where, {said.pop("name"): [said]})


def _event(state: State, said: dict[str, Any], group: str) -> None:
    words = {"caller": str, "ip": str, "outcome": str, "category": str, "description": str}
    _taken("event", said, "resource", "action", resource=str, action=str, ago_s=_NUMBER, **words)
    if said.get("category", "Administrative") not in dict(activity.CATEGORIES):
        known = ", ".join(name for name, _ in activity.CATEGORIES)
        raise ValueError(f"[[event]] category is none of {known}")
    where = resource_id(state, said.pop("resource"), group)
    activity.seed(state, where, said.pop("action"), **said)


def _health(state: State, said: dict[str, Any], group: str) -> None:
    words = {"title": str, "summary": str, "reason": str}
    _taken("health", said, "resource", "state", resource=str, state=str, ago_s=_NUMBER, **words)
    where = resource_id(state, said.pop("resource"), group)
    if state.get(where) is None:
        raise ValueError(f"[[health]] there is no {where}")
    health.set_health(state, where, said.pop("state"), **said)


def _incident(state: State, said: dict[str, Any]) -> None:
    words = {"type": str, "status": str, "service": str, "summary": str}
    numbers = {"ago_s": _NUMBER, "ends_in_s": _NUMBER}
    _taken("incident", said, "id", "title", id=str, title=str, regions=list, **words, **numbers)
    if "type" in said:
        said["event_type"] = said.pop("type")
    health.service_event(state, said.pop("id"), said.pop("title"), **said)


def _deployment(state: State, said: dict[str, Any], group: str) -> None:
    _taken("deployment", said, "name", name=str, resources=list, ago_s=_NUMBER, outcome=str)
    touched = [resource_id(state, str(each), group) for each in said.pop("resources", ())]
    deployments.seed(state, group, said.pop("name"), touched, **said)


def _tags(state: State, said: Mapping[str, Any]) -> None:
    for name, prefixes in said.items():
        for each in prefixes:
            try:
                ipaddress.ip_network(each, strict=False)
            except ValueError:
                raise ValueError(f"[service_tags] {name}: {each!r} is no prefix") from None
    where = f"/subscriptions/{state.subscription}/providers/Microsoft.Network/serviceTags/Public"
    values = [
        {"name": name, "properties": {"addressPrefixes": list(prefixes)}}
        for name, prefixes in said.items()
    ]
    state.put(where, {"id": where, "name": "Public", "values": values}, quiet=True)
