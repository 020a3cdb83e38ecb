"""The next size whose limits fit: more connections, memory, processors or bandwidth.

Scaling drops connections, and a Basic cache is offline and empty meanwhile. Within a tier a size can
be taken back where the data still fits; from one tier to a lower one there is no way back.

Sources:
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-how-to-scale
    https://learn.microsoft.com/azure/redis/how-to-scale
"""

from __future__ import annotations

from json import dumps

from refused.evidence.control_plane import Metric
from refused.remedies.arm_id import take_apart
from refused.remedies.change import ArmWrite, Change, Missing, Setting
from refused.remedies.reading import settles, the_cache
from refused.remedies.say import az, powershell
from refused.service.arm import api_version
from refused.service.tiers import ACR_SIZES, AMR_SIZES, find_sku

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from refused.evidence.bundle import Evidence
    from refused.evidence.control_plane import AzureCache

API = api_version("Microsoft.Cache/redis")
ENDS = ("max-clients-reached", "memory-pressure-oom", "server-overloaded", "bandwidth-exceeded")
RANK = 60  # what the application can do without a bill comes first
# Of a limit, what a healthy load uses at most: the alert's own line.
ROOM = 0.8


def propose(cause: str, evidence: Evidence) -> Iterator[Change | Missing]:
    """Propose the smallest larger size of the same tier that holds what was measured."""
    cache = the_cache(evidence)
    if cache is None or cache.service == "acre":
        return
    wanted = _wanted(evidence) if cause == "max-clients-reached" else None
    size = _next(cache, cause, wanted)
    if size is None:
        yield Missing(
            kind="scale",
            cause=cause,
            what="a larger size of the same tier",
            needs="one whose limits are larger: this is the largest of its tier that the tables know",
            how="move to another tier or to Azure Managed Redis (refused causes resource-retired-or-migrated)",
        )
        return
    before = _size(cache)
    acr = cache.service == "acr"
    body: dict[str, Any]
    back: dict[str, Any]
    if acr:
        sku = {"name": cache.sku, "family": size[0], "capacity": int(size[1:])}
        undo = {"name": cache.sku, "family": before[:1], "capacity": int(before[1:] or 0)}
        body, back = {"properties": {"sku": sku}}, {"properties": {"sku": undo}}
    else:
        body = {"sku": {"name": _full(cache, size)}}
        back = {"sku": {"name": cache.sku}}
    api = API if acr else api_version("Microsoft.Cache/redisEnterprise")
    basic = cache.sku == "Basic"
    yield Change(
        kind="scale",
        cause=cause,
        title=f"scale {cache.name} from {before} to {size}",
        where="azure",
        resource_id=cache.id,
        write=ArmWrite(method="PATCH", id=cache.id, api_version=api, body=dumps(body)),
        undo=ArmWrite(method="PATCH", id=cache.id, api_version=api, body=dumps(back)),
        settings=(Setting(name="size", before=before, after=size),),
        facts=(
            ("size", size),
            ("sku", cache.sku or ""),
            ("service", cache.service),
            ("full", "" if acr else _full(cache, size)),
        ),
        why=_why(cause, before, size),
        affects="every client of the cache",
        interruption="offline and emptied until it is done"
        if basic
        else "connections are dropped at least once, about a second each time",
        reversible=not basic,
        undo_says="the data is gone with the first scaling of a Basic cache"
        if basic
        else "the smaller size can be taken back while the data fits; connections drop again",
        proof="a new connection is answered, and the metric stays below 80 % of the limit",
        hop="resp",
        price="the bill goes up",
        **settles("scale", cache.service),
    )


def _wanted(evidence: Evidence) -> float | None:
    """Return the most clients that were measured, with room above them."""
    seen = [
        value
        for metric in evidence.all(Metric)
        if metric.name.lower() == "connectedclients" and metric.aggregation == "Maximum"
        for _, value in metric.points
    ]
    return max(seen) / ROOM if seen else None


def _size(cache: AzureCache) -> str:
    if cache.service == "acr":
        return f"{cache.family or ''}{cache.capacity if cache.capacity is not None else ''}"
    return (cache.sku or "").rpartition("_")[2]


def _full(cache: AzureCache, size: str) -> str:
    return f"{(cache.sku or '').rpartition('_')[0]}_{size}"


def _next(cache: AzureCache, cause: str, wanted: float | None) -> str | None:
    """Return the next size of the same family that has more of what is short."""
    here = find_sku(_size(cache))
    if here is None:
        return None
    names = [row[0] for row in (ACR_SIZES if cache.service == "acr" else AMR_SIZES)]
    for name in names[names.index(here.size) + 1 :]:
        there = find_sku(name)
        if there is None or name[0] != here.size[0] or there.is_preview:
            continue
        if cause == "max-clients-reached":
            least = max(wanted or 0, (here.max_connections or 0) + 1)
            fits = (there.max_connections or 0) >= least
        elif cause == "bandwidth-exceeded" and here.bandwidth_mbps:
            fits = (there.bandwidth_mbps or 0) > here.bandwidth_mbps
        elif cause == "memory-pressure-oom":
            fits = (there.memory_gb or 0) > (here.memory_gb or 0)
        else:
            fits = there.vcpus is None or (there.vcpus or 0) > (here.vcpus or 0)
        if fits:
            return name
    return None


def _why(cause: str, before: str, size: str) -> str:
    here, there = find_sku(before), find_sku(size)
    if here is None or there is None:
        return "the larger size has more of what is short"
    if cause == "max-clients-reached":
        return f"{before} takes {here.max_connections} connections, {size} takes {there.max_connections}; sharing connections is cheaper, where it can be done"
    if cause == "memory-pressure-oom":
        return f"{before} has {here.memory_gb:g} GB, {size} has {there.memory_gb or 0:g} GB"
    if cause == "bandwidth-exceeded" and there.bandwidth_mbps:
        return f"{before} was measured at {here.bandwidth_mbps} Mbit/s, {size} at {there.bandwidth_mbps} Mbit/s; neither is promised"
    return f"{size} has more processors than {before}"


def render(change: Change) -> dict[str, str]:
    """Say the new size for ``az`` and PowerShell, and where it stands in Bicep and Terraform."""
    cache, size = take_apart(change.resource_id), change.fact("size")
    if change.fact("service") == "acr":
        return {
            # az redis update sends along what it read, the smaller size's reserves of memory among it.
            "az": az(
                "rest",
                method="patch",
                url=f"{change.resource_id}?api-version={API}",
                body=change.write.body if change.write is not None else "",
            ),
            "powershell": powershell(
                "Set-AzRedisCache",
                ResourceGroupName=cache.group,
                Name=cache.name,
                Sku=change.fact("sku"),
                Size=size,
            ),
            # The size is a part of the resource as it stands in its own file, which is not ours to write anew.
            "bicep": f"// in the resource {cache.name}\nparam sku object = {{\n  name: '{change.fact('sku')}'\n  family: '{size[0]}'\n  capacity: {size[1:]}\n}}\n",
            "terraform": f'# in azurerm_redis_cache.{cache.name}\nsku_name = "{change.fact("sku")}"\nfamily   = "{size[0]}"\ncapacity = {size[1:]}\n',
        }
    full = change.fact("full")
    return {
        "az": az(
            "redisenterprise update",
            subscription=cache.subscription,
            resource_group=cache.group,
            cluster_name=cache.name,
            sku=full,
        ),
        "powershell": powershell(
            "Update-AzRedisEnterpriseCache",
            ResourceGroupName=cache.group,
            Name=cache.name,
            SkuName=full,
        ),
        "bicep": f"// in the resource {cache.name}\nparam sku object = {{\n  name: '{full}'\n}}\n",
        "terraform": f'# in azurerm_managed_redis.{cache.name}\nsku_name = "{full}"\n',
    }
