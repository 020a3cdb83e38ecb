"""From a target, a tier and an application's size to what a client is to be made for."""

from __future__ import annotations

from refused.remedies.clients.wanted import Wanted
from refused.service.ports import default_port, title_of
from refused.service.tiers import find_sku

TYPE_CHECKING = False
if TYPE_CHECKING:
    from refused.evidence.control_plane import AzureCache
    from refused.evidence.target import Target
    from refused.service.tiers import Sku

POLICIES = ("OSSCluster", "EnterpriseCluster", "NoCluster")
AZURE = ("acr", "acre", "amr")


class BadWish(ValueError):
    """What was asked for does not fit together; the message is one line for people."""

    for_people = True


def wanted(
    target: Target,
    *,
    cache: AzureCache | None = None,
    sku: str = "",
    policy: str = "",
    shards: int | None = None,
    auth: str | None = None,
    pods: int = 1,
    processes: int = 1,
) -> tuple[Wanted, tuple[str, ...]]:
    """Return what the client is for, and what was changed or assumed, in sentences.

    Args:
        target: Where it connects to.
        cache: The resource as Azure told it; its word goes before tables and defaults.
        auth: How to log in; without it, as the target does, else as the service starts out.

    Raises:
        BadWish: The tier is unknown or another service's, or the policy is none.
    """
    told: list[str] = []
    service = target.service
    if cache is not None:
        sku = sku or _sku_of(cache)
        policy = policy or cache.clustering_policy or ""
        shards = shards or cache.shards or None
    found = _found(sku, service)
    policy = _policy(policy)
    is_cluster = _is_cluster(target, policy, shards)
    tls, port = target.tls, target.port
    if service in AZURE and not tls and (cache is None or cache.tls is not False):
        tls = True
        if service == "acr":
            port = default_port("acr", True) or port  # noqa: FBT003
        told.append(
            f"The target is without TLS; the code speaks TLS, at port {port}: the key would go over the network in clear."
        )
    number, is_known = _shards(found, service, is_cluster=is_cluster, shards=shards)
    limit = found.max_connections if found is not None else None
    limit_source = found.source if found is not None else ""
    if cache is not None and cache.max_clients:
        limit = cache.max_clients
        limit_source = "https://learn.microsoft.com/rest/api/redis/redis/get"
    if found is not None and limit is None:
        told.append(f"Microsoft publishes no limit of connections for {found.name}.")
    made = Wanted(
        host=target.host,
        port=port,
        tls=tls,
        service=service,
        auth=_auth(auth, target, cache),  # type: ignore[arg-type]
        db=0 if is_cluster or service in ("amr", "acre") else target.db or 0,
        user=bool(target.user) and target.user != "default",
        cluster=is_cluster,
        policy=policy,
        shards=number,
        shards_known=is_known,
        sku=found.name if found is not None else "",
        limit=limit,
        limit_source=limit_source,
        pods=pods,
        processes=processes,
    )
    return made, tuple(told)


def _sku_of(cache: AzureCache) -> str:
    if cache.family and cache.capacity is not None:
        return f"{cache.family}{cache.capacity}"
    return cache.sku or ""


def _found(sku: str, service: str) -> Sku | None:
    if not sku:
        return None
    found = find_sku(sku)
    if found is None:
        raise BadWish(
            "--sku is none that I know; write C1, P2, Balanced_B10 or M20 as the portal shows it"
        )
    if service in AZURE and found.service != service:
        raise BadWish(
            f"{found.name} is a size of {title_of(found.service)}, and the target is {title_of(service)}"  # type: ignore[arg-type]
        )
    return found


def _policy(policy: str) -> str:
    if not policy:
        return ""
    for known in POLICIES:
        if policy.lower() in (known.lower(), known.removesuffix("Cluster").lower()):
            return known
    raise BadWish("--policy is one of OSSCluster, EnterpriseCluster and NoCluster")


def _is_cluster(target: Target, policy: str, shards: int | None) -> bool:
    if policy:
        return policy == "OSSCluster"
    if target.cluster_aware or (shards or 0) > 1:
        return True
    return target.service == "amr"  # OSSCluster until one chooses


def _shards(
    found: Sku | None, service: str, *, is_cluster: bool, shards: int | None
) -> tuple[int, bool]:
    if not is_cluster:
        return 1, True
    if shards:
        return shards, True
    if service == "amr" and found is not None and found.vcpus:
        return found.vcpus, False
    return 1, False


def _auth(auth: str | None, target: Target, cache: AzureCache | None) -> str:
    if auth:
        return auth
    if target.auth != "none":
        return target.auth
    if cache is not None and cache.access_keys is False:
        return "entra"
    if target.service == "amr":
        return "entra"  # access keys are off until somebody turns them on
    return "key" if target.service in AZURE or target.user else "none"
