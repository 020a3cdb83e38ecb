"""Azure itself has a fault that takes the cache with it.

What is wrong
    A fault of the platform: a node that is lost and not replaced, a zone or a region in trouble, a
    part of the network or of the name service. Nothing that its owner did, and nothing that its owner can mend.
How it looks
    Any way in which a connection can fail, from every network at once. Resource Health calls the
    cache unavailable by the platform's doing, or Service Health has an incident for the region.
What ends it
    Azure does. Until then: another region's cache, or an application that does without.
What it is not
    ``server-failover-maintenance``: that is planned, or over within seconds. ``cache-not-running``:
    there somebody stopped, scaled or deleted the cache.
Sources
    https://learn.microsoft.com/azure/service-health/resource-health-overview
    https://learn.microsoft.com/azure/service-health/resource-health-checks-resource-types
"""

from __future__ import annotations

from refused.causes.readings import DEAD, NAMELESS, fails_elsewhere, onset, works_elsewhere
from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.control_plane import AzureCache, ResourceHealth, ServiceEvent
from refused.evidence.observations import Elsewhere, NameLookup, RedisReply, TcpDial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="azure-platform-outage",
    title="Azure itself has a fault that takes the cache with it",
    hop="tcp",
    shows_at=("name", "address", "tcp", "tls", "resp", "auth", "command"),
    bucket="dependency",
    traits=("between", "azure"),
    prior=-0.5,
    needs=(
        AzureCache,
        Elsewhere,
        NameLookup,
        RedisReply,
        ResourceHealth,
        ServiceEvent,
        TcpDial,
    ),
    remedies=(
        "follow the incident in Service Health, and open a support request with its tracking id",
        "lead clients to the cache of another region, where geo-replication keeps one",
        "let the application answer from its own source, more slowly, until the cache is back",
    ),
    verify="Resource Health says Available, and PING is answered",
    prevent="alerts on Resource Health and Service Health; zones, and a second region for what must not stop",
    expects=(("elsewhere", "fails"), ("again", "same"), ("resource", "outage")),
)

OUTAGE = DEAD | NAMELESS | {"slow", "flaky", "stalled", "servfail"}
# Words of Resource Health for "not its owner's doing", in its present and its older API.
PLATFORM = ("platforminitiated", "unplanned")
NAMES = ("redis", "azure cache for redis", "azure managed redis")


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Read what Azure says of the health of the cache, its service and its region."""
    caches, healths = evidence.all(AzureCache), evidence.all(ResourceHealth)
    events, others = evidence.all(ServiceEvent), evidence.all(Elsewhere)
    tried = (*evidence.all(TcpDial), *evidence.all(NameLookup), *evidence.all(RedisReply))
    broken = evidence.broken
    if broken is None or broken.how not in OUTAGE:
        return
    well = works_elsewhere(others)
    health = healths[-1] if healths else None
    began = onset(tried)
    if health is not None:
        state, cause = health.state.lower(), health.cause.lower().replace(" ", "")
        words = health.title or health.summary[:120] or health.cause
        if state in ("unavailable", "degraded") and cause in PLATFORM:
            said = f"Azure calls the cache {health.state} by its own doing: {words}"
            if state == "unavailable" and well is None:
                yield Proof(because=said, seen=(health,))
                return
            yield Clue(weight=2.5 if well is None else 0.5, because=said, seen=(health,))
        elif state == "available" and (
            health.since is None or began is None or health.since < began
        ):
            # It lags by minutes, and looks from inside the data centre alone.
            yield Clue(weight=-1.5, because="Azure calls the cache available", seen=(health,))
    touching = [event for event in events if _touches(event, caches[-1] if caches else None)]
    for event in touching[:2]:
        said = f"Azure has an incident ({event.tracking_id}): {event.title[:120]}"
        yield Clue(weight=3.4, because=said, seen=(event,), fact="incident")
    if well is not None and (touching or health is not None):
        yield RuledOut(because=f"it works from {well.vantage}", seen=(well,))
    elif touching and fails_elsewhere(others) is not None:
        yield Clue(weight=0.6, because=f"it fails from {others[0].vantage} as well", seen=others)


def _touches(event: ServiceEvent, cache: AzureCache | None) -> bool:
    """Whether an incident goes on where the cache is, for its service or for everything there."""
    if event.kind != "ServiceIssue" or event.status != "Active":
        return False
    where = _plain(cache.location) if cache is not None else ""
    regions = [_plain(region) for region in event.regions]
    here = not regions or "global" in regions or not where or where in regions
    services = [service.lower() for service in event.services]
    ours = not services or any(name in service for service in services for name in NAMES)
    return here and ours


def _plain(region: str) -> str:
    """Bring ``West Europe`` and ``westeurope`` to one form."""
    return region.replace(" ", "").lower()


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="azure-platform-outage-arm-gateway",
        pattern=r"gateway did not receive a response from '?Microsoft\.Cache|GatewayTimeout[^\n]{0,120}Microsoft\.Cache|Microsoft\.Cache[^\n]{0,120}(?:InternalServerError|ServiceUnavailable)|StatusCode=50[0-9][^\n]{0,200}(?:Redis|Microsoft\.Cache)|(?:Redis|redis)[^\n]{0,200}StatusCode=50[0-9]",
        family="arm",
        weight=5.0,
        says="the platform's own control plane fails",
        example="The gateway did not receive a response from 'Microsoft.Cache' within the specified time period.",
    ),
    Signature(
        id="azure-platform-outage-incident",
        pattern=r"Azure (?:status|service health)[^\n]{0,60}(?:incident|outage)|regional outage|platform[- ]initiated",
        family="azure",
        weight=3.5,
        says="the text speaks of an incident of the platform",
        example="Azure Service Health: incident in West Europe",
        ignores_case=True,
    ),
)
