"""Approve a private endpoint connection that waits, or that somebody rejected.

Only an approved connection carries traffic. Who approves lets a network in, so the owner of the cache
has to know whose endpoint it is.

Source: https://learn.microsoft.com/azure/private-link/manage-private-endpoint
"""

from __future__ import annotations

from json import dumps

from refused.remedies.arm_id import take_apart
from refused.remedies.change import ArmWrite, Change, Missing, Setting
from refused.remedies.reading import endpoints, settles, the_cache
from refused.remedies.say import az, bicep_resource, powershell
from refused.service.arm import api_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.evidence.bundle import Evidence

ENDS = ("private-endpoint-missing",)
RANK = 10


def propose(cause: str, evidence: Evidence) -> Iterator[Change | Missing]:
    """Propose to approve what waits, else what was rejected."""
    cache = the_cache(evidence)
    if cache is None:
        return
    waiting = [*endpoints(evidence, "Pending"), *endpoints(evidence, "Rejected")]
    if endpoints(evidence, "Approved") or not waiting:
        return
    found = waiting[0]
    was = found.state or "Pending"
    kind = "Microsoft.Cache/redis" if cache.service == "acr" else "Microsoft.Cache/redisEnterprise"
    api = api_version(kind)

    def body(state: str, description: str) -> str:
        return dumps(
            {
                "properties": {
                    "privateLinkServiceConnectionState": {
                        "status": state,
                        "description": description,
                    }
                }
            }
        )

    whose = found.endpoint_id or "an endpoint that this credential cannot see"
    yield Change(
        kind="private-endpoint-approval",
        cause=cause,
        title=f"approve the private endpoint connection {take_apart(found.connection_id).name}",
        where="azure",
        resource_id=cache.id,
        write=ArmWrite(
            method="PUT",
            id=found.connection_id,
            api_version=api,
            body=body("Approved", "approved: it is ours"),
        ),
        undo=ArmWrite(
            method="PUT", id=found.connection_id, api_version=api, body=body(was, found.description)
        ),
        settings=(Setting(name="connection state", before=was, after="Approved"),),
        facts=(("connection", found.connection_id), ("service", cache.service)),
        why=f"the connection is {was.lower()}, and only an approved one carries traffic",
        affects=f"whoever reaches {whose}: that network is let in",
        interruption="none",
        proof="from this client the private address answers PING",
        hop="resp",
        undo_says=f"the connection is set back to {was}",
        owner_word=f"the owner of the cache has to know this endpoint: {whose}",
        **settles("private-endpoint", cache.service),
    )


def render(change: Change) -> dict[str, str]:
    """Say the approval for ``az``, PowerShell and Bicep; azurerm cannot approve."""
    connection = change.fact("connection")
    parts = take_apart(connection)
    kind = (
        "Microsoft.Cache/redis"
        if change.fact("service") == "acr"
        else "Microsoft.Cache/redisEnterprise"
    )
    if change.fact("service") == "acr":
        command = az(
            "network private-endpoint-connection approve",
            id=connection,
            description="approved: it is ours",
        )
    elif change.write is not None:
        # az knows no connections of Microsoft.Cache/redisEnterprise.
        command = az(
            "rest",
            method="put",
            url=f"{connection}?api-version={change.write.api_version}",
            body=change.write.body,
        )
    else:
        command = ""
    return {
        "az": command,
        "powershell": powershell(
            "Approve-AzPrivateEndpointConnection",
            ResourceId=connection,
            Description="approved: it is ours",
        ),
        "bicep": bicep_resource(
            "cache", kind, api_version(kind), {"name": parts.names[0]}, existing=True
        )
        + "\n"
        + bicep_resource(
            "connection",
            f"{kind}/privateEndpointConnections",
            api_version(kind),
            {
                "parent": "cache",
                "name": parts.name,
                "properties": {
                    "privateLinkServiceConnectionState": {
                        "status": "Approved",
                        "description": "approved: it is ours",
                    }
                },
            },
        ),
    }
