"""The cache does not exist any more, or is not in service.

What is wrong
    It was deleted, never made, stopped, is being created or scaled, or failed to; a disabled
    subscription stops it as well.
How it looks
    The name is not found (a deleted cache's name goes with it), or it is found and nobody answers,
    from anywhere. Azure's states of the cache and of its subscription tell, and its activity log who
    deleted it.
What ends it
    The cache brought back, or the client pointed at the one that took its place.
What it is not
    ``wrong-hostname``: there the name was never right.
Sources
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-administration
    https://learn.microsoft.com/azure/templates/microsoft.cache/redis (provisioningState)
"""

from __future__ import annotations

from refused.causes.readings import (
    DEAD,
    NAMELESS,
    accepted,
    az,
    changed_so,
    dialled,
    fails_elsewhere,
    of_cache,
    onset,
    privatelink_alias,
    service_behind,
    settled,
    unread,
    what_changed,
    works_elsewhere,
)
from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.control_plane import (
    AzureCache,
    AzureSubscription,
    Metric,
    ResourceChange,
    ResourceHealth,
    ResourceSearch,
)
from refused.evidence.observations import DnsAnswer, Elsewhere, NameLookup, TcpDial
from refused.service.clouds import service_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="cache-not-running",
    title="the cache does not exist any more, or is not in service",
    hop="tcp",
    shows_at=("name", "address", "tcp"),
    bucket="dependency",
    prior=0.4,
    needs=(
        AzureCache,
        AzureSubscription,
        DnsAnswer,
        Elsewhere,
        Metric,
        NameLookup,
        ResourceChange,
        ResourceHealth,
        ResourceSearch,
        TcpDial,
    ),
    remedies=(
        "see in the activity log who deleted or stopped it, and bring it back",
        "point the client at the cache that took its place",
        "where it is being created or scaled, wait until its state is Succeeded",
    ),
    verify="the name has an address, and the port accepts",
    prevent="a delete lock on production caches; an alert on delete operations and on resource health",
    expects=(
        ("resource", "stopped"),
        ("elsewhere", "fails"),
        ("other-resolver", "same"),
        ("again", "same"),
    ),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See whether a name of the right form is unknown, or answers nobody."""
    answers, others = evidence.all(DnsAnswer), evidence.all(Elsewhere)
    lookups, dials = evidence.all(NameLookup), evidence.all(TcpDial)
    azure = tuple(_azure_says(evidence))
    broken, target = evidence.broken, evidence.target
    if broken is None or target is None:
        return
    well = works_elsewhere(others)
    if well is not None:
        yield RuledOut(because=f"it works from {well.vantage}", seen=(well,))
        return
    if service_behind(target, answers) == "redis" and not azure:
        return
    if settled(azure):
        yield from azure
        return
    if broken.how == "not-found":
        if service_of(target.host).looks_misspelt:
            yield RuledOut(because="no cache could have that name")
            return
        said = f"{target.host} has the form of a cache's name, and DNS does not know it"
        yield Clue(weight=1.9, because=said, seen=(*lookups, *answers))
        if privatelink_alias(answers):
            yield Clue(
                weight=-2.0,
                because="the name is known, and leads into a privatelink zone",
                seen=answers,
            )
    elif broken.hop == "tcp" and broken.how in ("silent", "refused"):
        tried = dialled(dials)
        alive = accepted(dials, "sibling-port")
        if alive is not None:
            said = f"port {alive.port} of the cache accepts, so that it is in service"
            yield RuledOut(because=said, seen=(alive,))
            return
        yield Clue(weight=0.2, because="nobody answers at the cache's address", seen=tried)
        if fails_elsewhere(others) is not None:
            yield Clue(
                weight=0.4, because=f"it fails from {others[0].vantage} as well", seen=others
            )
    else:
        return
    yield from azure


# States in which a cache serves nobody, and those in which it does or may.
# Source: the enumerations of azure-mgmt-redis 15.0.0b1 and azure-mgmt-redisenterprise 4.0.0b3
OUT = frozenset(
    {
        "creating",
        "createfailed",
        "deleting",
        "deletefailed",
        "disabled",
        "disabling",
        "disablefailed",
        "enabling",
        "enablefailed",
        "provisioning",
        "unprovisioning",
    }
)
HALF = frozenset(
    {"scaling", "updating", "moving", "recoveringscalefailure", "failed", "updatefailed"}
)
WELL = frozenset({"succeeded", "running"})
CHANGES = (
    "Microsoft.Cache/redis/delete",
    "Microsoft.Cache/redisEnterprise/delete",
    "redis/stop/action",
    "databases/delete",
)


def _azure_says(evidence: Evidence) -> Iterator[Statement]:
    """Read the states of the cache, its subscription and its health, and who deleted what."""
    caches, subscriptions = evidence.all(AzureCache), evidence.all(AzureSubscription)
    searches, healths = evidence.all(ResourceSearch), evidence.all(ResourceHealth)
    changes = of_cache(evidence.all(ResourceChange), caches, evidence.target)
    metrics = evidence.all(Metric)
    answers, broken = evidence.all(DnsAnswer), evidence.broken
    if broken is None or broken.how not in DEAD | NAMELESS:
        return
    asked = (*evidence.look(NameLookup), *answers)
    began = onset([*evidence.look(TcpDial), *asked], metrics)
    for subscription in subscriptions:
        if (subscription.state or "").lower() in ("disabled", "deleted"):
            said = f"the subscription {subscription.name or subscription.id} is {subscription.state}, which stops what is in it"
            yield Proof(because=said, seen=(subscription,))
            return
    deleted = what_changed(changes, CHANGES, began)
    for cache in caches[-1:]:
        states = (cache.provisioning_state, cache.resource_state)
        out = next((each for each in states if each and each.lower() in OUT), None)
        half = next((each for each in states if each and each.lower() in HALF), None)
        # One node alone is offline while it is scaled or patched.
        alone = cache.sku == "Basic" or cache.high_availability is False
        if out is not None or (half is not None and alone):
            nodes = " with a single node" if out is None else ""
            said = f"Azure says that the state of the cache{nodes} is {out or half}"
            yield Proof(because=said, seen=(cache,))
            return
        if half is not None:
            said = f"Azure says that the state of the cache is {half}"
            yield Clue(weight=1.5 if "fail" in half.lower() else 0.4, because=said, seen=(cache,))
        elif states[0] and all(each is None or each.lower() in WELL for each in states):
            said = f"Azure says that the cache is in service ({states[1] or states[0]})"
            yield RuledOut(because=said, seen=(cache,))
            return
    if not caches and deleted is not None:
        gone = _gone(deleted, began, is_nameless=broken.how in NAMELESS, searches=searches)
        yield gone
        if isinstance(gone, Proof):
            return
    for search in searches[-1:]:
        if not caches and search.elsewhere:
            _, host = search.elsewhere[0]
            said = f"the cache {search.name} is there, under the host name {host}"
            yield Clue(weight=-1.5, because=said, seen=(search,))
        elif not caches and not search.found and search.complete:
            said = f"no cache is named {search.name}"
            yield Clue(
                weight=0.6, because=f"{said}, of those that this credential sees", seen=(search,)
            )
    for health in healths[-1:]:
        by_us = health.cause.lower() in ("customerinitiated", "userinitiated", "user initiated")
        if health.state.lower() == "unavailable" and by_us:
            said = f"Azure calls the cache unavailable by its owner's own doing: {health.title or health.summary[:120]}"
            yield Clue(weight=2.0, because=said, seen=(health,))
    service = service_behind(evidence.target, answers)
    if not caches and service != "redis":
        gap = evidence.gap(AzureCache)
        state = "provisioningState" if service == "acr" else "resourceState"
        how = f"{az(service)} show --query {state}"
        yield unread(gap, gap, "the state of the cache", how, asked=bool(searches))


def _gone(
    deleted: ResourceChange,
    began: float | None,
    *,
    is_nameless: bool,
    searches: tuple[ResourceSearch, ...],
) -> Proof | Clue:
    """Weigh a deletion in the log: proof where the name went with it."""
    said = changed_so(deleted, began)
    # Managed caches of one name live in several regions, and a log does not say which is gone; where one
    # of that name took the place of a classic cache, that was moved, which is another cause.
    kinds = (f"/{deleted.operation.split('/')[1]}/".lower(), "/redisenterprise/")
    ids = [arm_id.lower() for each in searches[-1:] for arm_id, _ in each.elsewhere]
    lives = any(kind in arm_id for arm_id in ids for kind in kinds)
    if is_nameless and not lives:
        return Proof(because=f"{said}, and its name leads nowhere", seen=(deleted,))
    return Clue(weight=2.2, because=said, seen=(deleted,))


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="cache-not-running-rehashing",
        pattern=r"\bTRYAGAIN\b|Multiple keys request during rehashing",
        family="server",
        weight=2.5,
        says="slots are being moved, as they are while a cache is scaled",
        example="TRYAGAIN Multiple keys request during rehashing of slot",
    ),
    Signature(
        id="cache-not-running-arm-state",
        pattern=r"provisioningState\W{1,6}(?:Creating|Updating|Scaling|Failed|Deleting|Disabled|Linking|Unlinking|RecoveringScaleFailure)|unexpected state '(?:Scaling|Creating|Updating|Failed|Deleting|Linking)|waiting for (?:the )?(?:create|creation|update|deletion)[^\n]{0,40}Redis|Redis Cache[^\n]{0,80}(?:is busy|operation is in progress|ConflictingOperation)|[Rr]edis cache [^\n]{1,80} is busy|(?:is busy|in progress)[^\n]{0,40}Microsoft\.Cache|Microsoft\.Cache/[^\n]{0,160}(?:is|are) being (?:created|deleted|updated|scaled)|[Rr]edis[^\n]{0,120}(?:not in a (?:valid )?state|provisioning ?[Ss]tate[^\n]{0,12}(?:Creating|Updating|Scaling|Failed|Deleting|Disabled))",
        family="arm",
        weight=4.8,
        says="the control plane says that the cache is not in the state to be used",
        example="unexpected state 'Scaling', wanted target 'Succeeded' for azurerm_redis_cache",
    ),
    # What Microsoft.Cache answers to checkNameAvailability while a cache of that name was deleted a moment ago.
    Signature(
        id="cache-not-running-arm-name-kept",
        pattern=r"reserve the DNS name for the cache|NameNotAvailable[^\n]{0,200}\b[Cc]ache\b|[Rr]edis[^\n]{0,120}NameNotAvailable|CheckNameAvailability[^\n]{0,80}(?:[Ff]ail|409)[^\n]{0,200}\b[Cc]ache\b",
        family="arm",
        weight=4.8,
        says="the control plane could not make the cache under that name",
        example="Code=NameNotAvailable Message=An error occured when trying to reserve the DNS name for the cache instance.",
    ),
    Signature(
        id="cache-not-running-arm-gone",
        pattern=r"ResourceNotFound[^\n]{0,160}Microsoft\.Cache|Microsoft\.Cache/[^\n]{0,160}(?:was not found|NotFound)|SubscriptionDisabled|ReadOnlyDisabledSubscription",
        family="arm",
        weight=4.8,
        says="the control plane does not know the cache, or its subscription is disabled",
        example="ResourceNotFound: The Resource 'Microsoft.Cache/Redis/one' was not found",
    ),
    Signature(
        id="cache-not-running-shutting-down",
        pattern=r"\bSHUTDOWN\b in progress|User requested shutdown|Received SIGTERM scheduling shutdown|Redis is now ready to exit, bye",
        family="server",
        weight=3.2,
        says="the server was shut down",
        example="# User requested shutdown...",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "name-unknown": 0.3,
    "refused": 0.2,
    "cannot-connect": 0.2,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.saw("refused") and told.is_outside and told.port not in (6379, 6380, 10000, None):
        yield Clue(
            weight=0.9,
            because="a port of its own, as providers give each instance, is closed for now",
            seen=told.errors,
        )
    if told.saw("name-unknown") and told.is_azure:
        yield Clue(
            weight=1.2,
            because="the name is of the form that the service gives, and goes with the cache when that is deleted",
            seen=told.errors,
        )
