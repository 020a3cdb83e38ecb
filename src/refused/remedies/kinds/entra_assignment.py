"""Let the identity whose token the client shows log in, with the narrowest built-in policy.

On Azure Cache for Redis that is Data Contributor, or Data Reader where nothing is written; Azure
Managed Redis has one policy alone, ``default``. The object id is the principal's, not the
application's client id.

Sources:
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-azure-active-directory-for-authentication
    https://learn.microsoft.com/azure/redis/entra-for-authentication
"""

from __future__ import annotations

from json import dumps

from refused.evidence.control_plane import AccessAssignments
from refused.evidence.observations import Login, Unseen
from refused.remedies.arm_id import take_apart
from refused.remedies.change import ArmWrite, Change, Missing, Setting
from refused.remedies.reading import settles, the_cache
from refused.remedies.say import az, bicep_resource, powershell, symbol, terraform
from refused.service.arm import api_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.evidence.bundle import Evidence

ENDS = ("auth-entra-misconfigured",)
RANK = 20


def propose(cause: str, evidence: Evidence) -> Iterator[Change | Missing]:
    """Propose an assignment for the token's object id, where there is none."""
    cache, held, login = the_cache(evidence), evidence.one(AccessAssignments), evidence.one(Login)
    if cache is None or isinstance(held, Unseen) or cache.service == "acre":
        return
    oid = None if isinstance(login, Unseen) else login.token_user
    if oid is None:
        yield Missing(
            kind="entra-assignment",
            cause=cause,
            what="an access assignment for the client's identity",
            needs="the object id in the token that the client shows",
            how="give the token as the password with --auth entra",
        )
        return
    if any(each[0].lower() == oid.lower() for each in held.assignments):
        return
    name = f"refused-{oid[:8]}"
    acr = cache.service == "acr"
    policy = "Data Contributor" if acr else "default"
    parent = cache.id if acr else f"{cache.id}/databases/default"
    path = f"{parent}/accessPolicyAssignments/{name}"
    properties = (
        {"accessPolicyName": policy, "objectId": oid, "objectIdAlias": name}
        if acr
        else {"accessPolicyName": policy, "user": {"objectId": oid}}
    )
    api = api_version("Microsoft.Cache/redis" if acr else "Microsoft.Cache/redisEnterprise")
    yield Change(
        kind="entra-assignment",
        cause=cause,
        title=f"let the identity {oid} log in to {cache.name} as {policy}",
        where="azure",
        resource_id=cache.id,
        write=ArmWrite(
            method="PUT", id=path, api_version=api, body=dumps({"properties": properties})
        ),
        undo=ArmWrite(method="DELETE", id=path, api_version=api),
        settings=(Setting(name=f"assignment {name}", before=None, after=f"{oid}: {policy}"),),
        facts=(("name", name), ("oid", oid), ("policy", policy), ("service", cache.service)),
        why=f"none of the {len(held.assignments)} assignments names the token's object id",
        affects="this identity alone",
        interruption="none on the server; an Azure Cache for Redis takes minutes",
        proof="AUTH with the token is accepted and PING is answered",
        hop="auth",
        owner_word=f"the owner of the cache has to know the identity {oid}",
        **settles("entra-grant", cache.service),
    )


def render(change: Change) -> dict[str, str]:
    """Say the assignment for ``az``, PowerShell, Bicep and Terraform."""
    cache, name = take_apart(change.resource_id), change.fact("name")
    oid, policy = change.fact("oid"), change.fact("policy")
    if change.fact("service") == "acr":
        api = api_version("Microsoft.Cache/redis")
        return {
            "az": az(
                "redis access-policy-assignment create",
                subscription=cache.subscription,
                resource_group=cache.group,
                name=cache.name,
                policy_assignment_name=name,
                access_policy_name=policy,
                object_id=oid,
                object_id_alias=name,
            ),
            "powershell": powershell(
                "New-AzRedisCacheAccessPolicyAssignment",
                ResourceGroupName=cache.group,
                Name=cache.name,
                AccessPolicyAssignmentName=name,
                AccessPolicyName=policy,
                ObjectId=oid,
                ObjectIdAlias=name,
            ),
            "bicep": bicep_resource(
                "cache", "Microsoft.Cache/redis", api, {"name": cache.name}, existing=True
            )
            + "\n"
            + bicep_resource(
                symbol(name),
                "Microsoft.Cache/redis/accessPolicyAssignments",
                api,
                {
                    "parent": "cache",
                    "name": name,
                    "properties": {
                        "accessPolicyName": policy,
                        "objectId": oid,
                        "objectIdAlias": name,
                    },
                },
            ),
            "terraform": terraform(
                "azurerm_redis_cache_access_policy_assignment",
                symbol(name),
                {
                    "name": name,
                    "redis_cache_id": change.resource_id,
                    "access_policy_name": policy,
                    "object_id": oid,
                    "object_id_alias": name,
                },
            ),
        }
    api = api_version("Microsoft.Cache/redisEnterprise")
    return {
        "az": az(
            "redisenterprise database access-policy-assignment create",
            subscription=cache.subscription,
            resource_group=cache.group,
            cluster_name=cache.name,
            database_name="default",
            access_policy_assignment_name=name,
            access_policy_name=policy,
            object_id=oid,
        ),
        # Az has no cmdlet of its own for it.
        "powershell": powershell(
            "Invoke-AzRestMethod",
            Method="PUT",
            Path=f"{change.write.id}?api-version={api}" if change.write else "",
            Payload=change.write.body if change.write else "",
        ),
        "bicep": bicep_resource(
            "cluster", "Microsoft.Cache/redisEnterprise", api, {"name": cache.name}, existing=True
        )
        + "\n"
        + bicep_resource(
            "database",
            "Microsoft.Cache/redisEnterprise/databases",
            api,
            {"parent": "cluster", "name": "default"},
            existing=True,
        )
        + "\n"
        + bicep_resource(
            symbol(name),
            "Microsoft.Cache/redisEnterprise/databases/accessPolicyAssignments",
            api,
            {
                "parent": "database",
                "name": name,
                "properties": {"accessPolicyName": policy, "user": {"objectId": oid}},
            },
        ),
        "terraform": terraform(
            "azurerm_managed_redis_access_policy_assignment",
            symbol(name),
            {"managed_redis_id": change.resource_id, "object_id": oid},
        ),
    }
