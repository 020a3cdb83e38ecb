"""A copy of the resource in a test resource group, where a change is tried instead of on the original.

The export is made a template (ARM JSON, Bicep): what only Azure writes and every secret is left out,
and the name becomes a parameter, since names of caches are unique in the world. The copy has no data,
no private endpoint and keys of its own. Making one takes Azure about twenty minutes, and costs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from refused.evidence.record import Record
from refused.remedies.apply import CouldNotApply, follow
from refused.remedies.arm_id import take_apart
from refused.remedies.change import ArmWrite
from refused.remedies.say import bicep
from refused.service.arm import api_version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from refused.remedies.apply import Arm
    from refused.remedies.change import Change

DEPLOYMENTS = api_version("Microsoft.Resources/deployments")
# What a write takes; everything else in an answer is Azure's own to say.
_KEPT = {
    "microsoft.cache/redis": (
        "sku",
        "redisConfiguration",
        "redisVersion",
        "enableNonSslPort",
        "minimumTlsVersion",
        "publicNetworkAccess",
        "shardCount",
        "replicasPerMaster",
        "replicasPerPrimary",
        "disableAccessKeyAuthentication",
    ),
    "microsoft.cache/redis/firewallrules": ("startIP", "endIP"),
    "microsoft.cache/redisenterprise": (
        "minimumTlsVersion",
        "publicNetworkAccess",
        "highAvailability",
    ),
    "microsoft.cache/redisenterprise/databases": (
        "clientProtocol",
        "port",
        "clusteringPolicy",
        "evictionPolicy",
        "accessKeysAuthentication",
    ),
}
# Read-only or secret, though they stand among the settings.
_LEFT_OUT = (
    "maxclients",
    "connection-string",
    "preferred-data-archive",
    "zonal-configuration",
    "storage",
)


class Copied(Record):
    """How the try on a copy ended.

    Attributes:
        accepted: Whether Azure took the change.
        settings: The settings of the copy after it, as JSON text.
        cleaned_up: Whether the copy is gone again.
    """

    group: str
    name: str
    accepted: bool
    learnt: str
    settings: str = ""
    cleaned_up: bool = False


def template(documents: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ARM template of exported documents; the cache's name is the parameter ``name``.

    Raises:
        CouldNotApply: There is no cache among them.
    """
    resources, root = [], ""
    for id_, document in documents.items():
        if document is None:
            continue
        parts = take_apart(id_)
        kept = _KEPT.get(parts.type.lower())
        if kept is None:
            continue
        root = root or parts.names[0]
        tail = "".join(f"/{name}" for name in parts.names[1:])
        resource: dict[str, Any] = {
            "type": parts.type,
            "apiVersion": api_version(parts.type),
            "name": f"[concat(parameters('name'), '{tail}')]" if tail else "[parameters('name')]",
            "properties": _settings(document.get("properties") or {}, kept),
        }
        if tail:
            parent = "/".join(parts.type.split("/")[:2])
            resource["dependsOn"] = [f"[resourceId('{parent}', parameters('name'))]"]
        else:
            resource["location"] = document.get("location")
            if document.get("sku"):
                resource["sku"] = document["sku"]
        resources.append(resource)
    if not resources:
        raise CouldNotApply("there is no cache in what was exported, so there is nothing to copy")
    return {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {"name": {"type": "string", "defaultValue": f"{root}-copy"}},
        "resources": sorted(resources, key=lambda each: len(str(each["type"]).split("/"))),
    }


def _settings(properties: Mapping[str, Any], kept: tuple[str, ...]) -> dict[str, Any]:
    found = {}
    for name in kept:
        value = properties.get(name)
        if isinstance(value, dict):
            value = {
                key: each
                for key, each in value.items()
                if each is not None and not any(word in key.lower() for word in _LEFT_OUT)
            }
        if value is not None and value != {}:
            found[name] = value
    return found


def as_bicep(made: Mapping[str, Any]) -> str:
    """Return a template of ours as Bicep."""
    default = made["parameters"]["name"]["defaultValue"]
    lines = [f"param name string = '{default}'", ""]
    for at, resource in enumerate(made["resources"]):
        body = {
            key: value
            for key, value in resource.items()
            if key not in ("type", "apiVersion", "name", "dependsOn")
        }
        text = bicep(body)
        # The name is an expression, which a text in quotes could not be.
        tail = str(resource["name"]).partition(", '")[2].partition("'")[0]
        name = f"'${{name}}{tail}'" if tail else "name"
        text = "{\n" + f"  name: {name}\n" + text[2:]
        if resource.get("dependsOn"):
            text = text[:-2] + "\n  dependsOn: [\n    resource0\n  ]\n}"
        lines.append(
            f"resource resource{at} '{resource['type']}@{resource['apiVersion']}' = {text}\n"
        )
    return "\n".join(lines)


def export(change: Change, arm: Arm) -> dict[str, Any]:
    """Read the cache that a change is about, with its rules or its database.

    Raises:
        CouldNotApply: It cannot be read.
    """
    root = change.resource_id
    kind = take_apart(root).type.lower()
    if kind not in _KEPT:
        raise CouldNotApply(
            f"only a cache can be copied, and this change is about {take_apart(root).type}"
        )
    version = api_version(take_apart(root).type)
    child = "firewallRules" if kind == "microsoft.cache/redis" else "databases"
    reply, below = arm.read(root, version), arm.read(f"{root}/{child}", version)
    if reply.status != 200:
        raise CouldNotApply(f"{root} cannot be read (HTTP {reply.status})")
    found = {root: reply.body}
    for each in (below.body or {}).get("value") or ():
        found[str(each["id"])] = each
    return found


def try_on_copy(
    change: Change,
    arm: Arm,
    group: str,
    *,
    tell: Callable[[str], None] = lambda _: None,
    sleep: Callable[[float], None] | None = None,
) -> Copied:
    """Deploy the export to *group*, make the change there, and take everything away again.

    Raises:
        CouldNotApply: The copy could not be made.
    """
    wait = _sleep if sleep is None else sleep
    if change.write is None:
        raise CouldNotApply(f"{change.title}: this is no change to Azure")
    home = take_apart(change.resource_id)
    made = template(export(change, arm))
    name = f"{home.names[0][:40]}-{_suffix()}"
    scope = f"/subscriptions/{home.subscription}/resourceGroups/{group}/providers"
    body = {
        "properties": {
            "mode": "Incremental",
            "template": made,
            "parameters": {"name": {"value": name}},
        }
    }
    deployment = ArmWrite(
        method="PUT",
        id=f"{scope}/Microsoft.Resources/deployments/refused-{name}"[:240],
        api_version=DEPLOYMENTS,
        body=json.dumps(body),
    )
    copy = f"{scope}/{home.type}/{name}"
    try:
        failed = follow(deployment, arm, tell, wait)
        if failed:
            raise CouldNotApply(f"the copy could not be deployed to {group}: {failed}")
        tell(f"the copy {name} is there")
        write = change.write.replace(id=_moved(change.write.id, change.resource_id, copy))
        refused = follow(write, arm, tell, wait)
        now = arm.read(copy, api_version(home.type)).body or {}
        said = Copied(
            group=group,
            name=name,
            accepted=not refused,
            learnt=f"Azure refuses it: {refused}" if refused else "Azure takes it",
            settings=json.dumps(_settings(now.get("properties") or {}, _KEPT[home.type.lower()])),
        )
    finally:
        gone = _take_away(copy, deployment, arm, tell, wait)
    return said.replace(cleaned_up=gone)


def _moved(path: str, root: str, copy: str) -> str:
    if not path.lower().startswith(root.lower()):
        raise CouldNotApply(
            "this change is about the network around the cache, which a copy does not have; --rehearse has it"
        )
    return copy + path[len(root) :]


def _take_away(
    copy: str,
    deployment: ArmWrite,
    arm: Arm,
    tell: Callable[[str], None],
    wait: Callable[[float], None],
) -> bool:
    removal = ArmWrite(method="DELETE", id=copy, api_version=api_version(take_apart(copy).type))
    was_made = arm.read(copy, removal.api_version).status != 404
    failed = follow(removal, arm, tell, wait) if was_made else ""
    follow(ArmWrite(method="DELETE", id=deployment.id, api_version=DEPLOYMENTS), arm, tell, wait)
    gone = arm.read(copy, removal.api_version).status == 404
    if was_made:
        tell("the copy is gone" if gone else f"the copy is still there: {failed or copy}")
    return gone


def _suffix() -> str:
    from secrets import token_hex

    return token_hex(3)


def _sleep(seconds: float) -> None:
    import time as clock

    clock.sleep(seconds)
