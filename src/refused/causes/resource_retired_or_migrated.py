"""The cache was retired or moved to Azure Managed Redis, and the client still uses what it was.

What is wrong
    Azure Cache for Redis ends: the Enterprise tiers on 31 March 2027, Basic, Standard and Premium on
    30 September 2028. A cache that was moved has another name, port, protocol of clusters and, mostly,
    another way to log in; Azure's tooling keeps the old name alive for a while and not everything behind it.
How it looks
    The old name is unknown or silent; or it leads to the new cache, and node ports, a second
    database, a plain client or the old keys fail.
What ends it
    The new host name, port 10000, a client that suits the new clustering policy, its own login.
What it is not
    ``wrong-hostname``: there the name was never right. ``cache-not-running``: there the cache is
    stopped or deleted, and nothing took its place.
Sources
    https://learn.microsoft.com/azure/azure-cache-for-redis/retirement-faq
    https://learn.microsoft.com/azure/redis/migrate/migrate-basic-standard-premium-with-tooling
"""

from __future__ import annotations

from refused.causes.readings import (
    DEAD,
    NAMELESS,
    about_changes,
    aliases,
    last_name,
    of_cache,
    onset,
)
from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.control_plane import AzureCache, ResourceChange, ResourceSearch
from refused.evidence.observations import DnsAnswer, NameLookup, RedisReply, TcpDial
from refused.service.clouds import service_of
from refused.service.ports import is_node_port
from refused.service.retirement import day_number, retires_on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="resource-retired-or-migrated",
    title="the cache was retired or moved, and the client still uses what it was",
    hop="name",
    shows_at=("name", "address", "tcp", "tls", "resp", "auth", "topology", "command"),
    bucket="process",
    traits=("between",),
    prior=-0.8,
    needs=(
        AzureCache,
        DnsAnswer,
        NameLookup,
        RedisReply,
        ResourceChange,
        ResourceSearch,
        TcpDial,
    ),
    remedies=(
        "set the new cache's host name and port 10000 in the client, with TLS",
        "use a cluster client where the new database has the OSSCluster policy; db 0 is its only one",
        "give the client's identity an access policy on the new cache, or its access key where keys are on",
    ),
    verify="the client reaches the new host name, logs in, and reads and writes",
    prevent="a calendar of retirements with an owner for each cache; names taken from the deployment's output",
    expects=(("resource", "moved"), ("elsewhere", "fails"), ("again", "same")),
)

MOVED = frozenset({"migrating", "migrationsucceeded", "migrationfailed"})
# What does not outlive the move: Azure's tooling keeps name, port and keys.
LOST = DEAD | NAMELESS | {"db-refused", "MOVED", "WRONGPASS", "NOAUTH", "nodes-unreachable"}
CHANGES = (
    "migrations/write",
    "migrations/default/write",
    "migrations/start/action",
    "Microsoft.Cache/redis/delete",
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See whether the cache moved, whether its successor is there, and whether its time is over."""
    caches, searches = evidence.all(AzureCache), evidence.all(ResourceSearch)
    answers, changes = evidence.all(DnsAnswer), evidence.all(ResourceChange)
    looked = (*evidence.all(TcpDial), *evidence.all(NameLookup), *evidence.all(RedisReply))
    broken, target = evidence.broken, evidence.target
    if broken is None or target is None or broken.how not in LOST:
        return
    mine = of_cache(changes, caches, target)
    began = onset(looked)
    cache = caches[-1] if caches else None
    if cache is not None:
        ended_on = _over_since(cache, began)
        state = (cache.provisioning_state or "").lower()
        if ended_on and "disabled" in (state, (cache.resource_state or "").lower()):
            said = f"the service ended on {ended_on}, and Azure says that the cache is disabled"
            yield Proof(because=said, seen=(cache,))
            return
        if cache.redirected_to or state in MOVED:
            where = last_name(cache.redirected_to) if cache.redirected_to else "a Managed Redis"
            said = f"Azure says that this cache was moved to {where} ({cache.provisioning_state})"
            yield Clue(weight=2.2, because=said, seen=(cache,), fact="moved")
            if is_node_port(target.port, "acr") or (broken.how == "db-refused" and target.db):
                what = (
                    f"database {target.db}" if broken.how == "db-refused" else f"port {target.port}"
                )
                said = f"{said}, which has no {what}"
                yield Proof(because=said, seen=(cache, *looked))
        elif cache.host and cache.host.lower() == target.host and not ended_on:
            said = f"Azure says that {target.host} is in its place, and was not moved"
            yield RuledOut(because=said, seen=(cache,))
            return
        elif (
            target.service in ("acr", "acre")
            and _is_managed(cache.host or "")
            and broken.how in NAMELESS
            and target.host.partition(".")[0] == cache.name.lower()
        ):
            said = (
                f"{target.host} is unknown, and a Managed Redis of that name is there: {cache.host}"
            )
            yield Clue(weight=4.6, because=said, seen=(cache,), fact="moved")
    elif target.service in ("acr", "acre"):
        successor = next(
            (host for search in searches for _, host in search.elsewhere if _is_managed(host)),
            None,
        )
        if successor is not None and broken.how in NAMELESS:
            said = (
                f"{target.host} is unknown, and a Managed Redis of that name is there: {successor}"
            )
            yield Clue(weight=4.6, because=said, seen=searches, fact="moved")
        elif successor is not None:
            said = f"a Managed Redis of that name is there as well: {successor}"
            yield Clue(weight=1.0, because=said, seen=searches, fact="moved")
    led_on = next((each for each in aliases(answers) if _is_managed(each)), None)
    if led_on is not None and target.service in ("acr", "acre"):
        said = f"the old name leads on to {led_on}, a Managed Redis"
        yield Clue(weight=2.2, because=said, seen=answers, fact="moved")
    changed = about_changes(mine, CHANGES[:-1], began)
    if changed is not None:
        yield changed


def _is_managed(host: str) -> bool:
    return service_of(host).service == "amr"


def _over_since(cache: AzureCache, moment: float | None) -> str:
    """Return the last day of the cache's service where that is past at *moment*; else ``""``."""
    last = retires_on(cache.service)  # type: ignore[arg-type]
    if last is None or moment is None:
        return ""
    return last if moment / 86400 >= day_number(last) + 1 else ""


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="resource-retired-or-migrated-said-so",
        pattern=r"(?:has been|was|is) (?:retired|decommissioned|migrated)[^\n]{0,80}(?:redis|cache)|(?:redis|cache)[^\n]{0,80}(?:has been|was|is) (?:retired|decommissioned|migrated)|RetirementNotice|no longer (?:supported|available)[^\n]{0,60}Azure Cache",
        family="azure",
        weight=4.2,
        says="the text says that the service was retired or moved",
        example="Azure Cache for Redis one was retired",
        ignores_case=True,
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "name-unknown": 0.3,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.saw("name-unknown") and told.is_azure:
        yield Clue(
            weight=0.5, because="a name of the service that is no longer known", seen=told.errors
        )
    if told.hosted is not None and told.hosted.has_public_side and told.saw("name-unknown"):
        yield Clue(
            weight=2.5,
            because=f"the name was given by the provider ({told.hosted.name}), and goes with the instance",
            seen=told.errors,
        )
    elif (
        told.hosted is not None
        and told.hosted.has_public_side
        and told.saw("refused")
        and told.port not in (6379, None)
    ):
        yield Clue(
            weight=2.6,
            because=f"a port of its own at {told.hosted.name}, which closes when the instance goes or moves",
            seen=told.errors,
        )
    elif told.saw("refused") and told.is_outside and told.port not in (6379, 6380, 10000, None):
        yield Clue(
            weight=2.0,
            because="a port as providers give to each instance, which closes when that goes or moves",
            seen=told.errors,
        )
    elif told.saw("name-unknown") and not told.is_azure and bool(told.host):
        yield Clue(weight=-2.0, because="the name is not one of Azure's", seen=told.errors)
