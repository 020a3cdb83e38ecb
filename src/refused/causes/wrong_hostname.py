"""The host name is not the one the cache has.

What is wrong
    The name was typed wrong, copied with something attached, is a placeholder, lacks its region,
    or belongs to another cloud. DNS does not know it.
How it looks
    "Name or service not known", ENOTFOUND, "No such host is known", UnknownHostException.
What ends it
    The name as the service gives it: ``az redis show --query hostName`` or ``az redisenterprise
    show --query hostName``.
What it is not
    ``dns-resolver-failure``: there the resolver does not answer, or cannot tell.
    ``cache-not-running``: there the name was right once, and the cache is gone.
Sources
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-planning-faq
    https://learn.microsoft.com/azure/redis/architecture
"""

from __future__ import annotations

from refused.causes.readings import (
    is_azure,
    privatelink_alias,
)
from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.control_plane import (
    AzureCache,
    ResourceSearch,
)
from refused.evidence.observations import DnsAnswer, HostsEntry, NameLookup, ResolverSettings
from refused.service.clouds import service_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="wrong-hostname",
    title="the host name is not the one the cache has",
    hop="name",
    shows_at=("name", "address"),
    bucket="configuration",
    prior=0.6,
    needs=(
        AzureCache,
        DnsAnswer,
        HostsEntry,
        NameLookup,
        ResolverSettings,
        ResourceSearch,
    ),
    remedies=(
        "set the host name that the service shows (az redis show --query hostName)",
        "keep host and port in separate settings, and fail at start when one is empty",
    ),
    verify="the name has an address",
    prevent="take the host name from the deployment's output instead of typing it; lint settings before they ship",
    expects=(("other-resolver", "same"), ("resource", "other-name")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Hold the name against the patterns of the services, and see whether anybody knows it."""
    answers, lookups = evidence.all(DnsAnswer), evidence.all(NameLookup)
    settings, azure = evidence.all(ResolverSettings), tuple(_azure_says(evidence))
    evidence.all(HostsEntry)
    broken, target = evidence.broken, evidence.target
    if broken is None or target is None or broken.how not in ("not-found", "no-address"):
        return
    seen = (*lookups, *answers)
    if any(answer.outcome == "answered" for answer in answers) and broken.how == "not-found":
        yield RuledOut(because="a resolver does know the name", seen=seen)
        return
    yield Clue(weight=1.0, because=f"{target.host} is not known to DNS", seen=seen)
    yield from azure
    hosting = service_of(target.host)
    if hosting.looks_misspelt:
        meant = f"; {hosting.suggestion} is near" if hosting.suggestion else ""
        yield Proof(
            because=f"{target.host} is not a name that Azure gives to a cache{meant}", seen=seen
        )
    elif privatelink_alias(answers):
        yield Clue(
            weight=-2.5,
            because="the name is known: it leads on into a privatelink zone",
            seen=answers,
        )
    elif is_azure(target):
        yield Clue(
            weight=0.4,
            because="the name has the right form, so its first part is mistyped or the cache is gone",
            seen=seen,
        )
    elif "." not in target.host:
        searched = ", ".join(settings[0].search) if settings and settings[0].search else "none"
        yield Clue(
            weight=0.8,
            because=f"the name has no domain, and the domains searched here are: {searched}",
            seen=settings,
        )
    elif answers and all(answer.outcome == "nxdomain" for answer in answers):
        yield Clue(
            weight=1.0,
            because=f"every resolver asked says so, {answers[0].resolver} first",
            seen=answers,
        )


def _azure_says(evidence: Evidence) -> Iterator[Statement]:
    """Hold the name against the host names of the caches that Azure has."""
    caches, searches = evidence.all(AzureCache), evidence.all(ResourceSearch)
    target = evidence.target
    if target is None:
        return
    for cache in caches[-1:]:
        # A name of the geo-replicated pair, or of before a migration, is right as well.
        names = [cache.host, *(each.geo_primary_host or "" for each in cache.linked_servers)]
        if cache.redirected_to or target.host in [name.lower() for name in names]:
            said = f"Azure says that {target.host} is a host name of the cache {cache.name}"
            yield RuledOut(because=said, seen=(cache,))
        elif cache.host:
            said = f"the host name of the cache {cache.name} is {cache.host}, not {target.host}"
            # A cache that was moved to another service left its old name behind: that is another cause.
            if service_of(cache.host).service in (target.service, "redis"):
                yield Proof(because=said, seen=(cache,))
            else:
                yield Clue(weight=-0.5, because=said, seen=(cache,))
    for search in searches[-1:]:
        if not caches and search.elsewhere:
            _, host = search.elsewhere[0]
            said = f"no cache has the host name {target.host}; that of the cache {search.name} is {host}"
            # A cache that was moved to another service left its old name behind: that is another cause.
            if service_of(host).service == target.service:
                yield Proof(because=said, seen=(search,))
            else:
                yield Clue(weight=-0.5, because=said, seen=(search,))
        elif not caches and search.complete and search.subscriptions:
            said = (
                f"no cache is called {search.name} in the subscriptions that this credential sees"
            )
            yield Clue(weight=0.8, because=said, seen=(search,))


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="wrong-hostname-doubled-name",
        pattern=r"redis\.cache\.windows\.net[a-z0-9-]{1,63}\.redis\.cache\.|redis\.azure\.net[a-z0-9-]{1,63}\.[a-z0-9.]{1,60}redis\.azure",
        family="azure",
        weight=6.0,
        says="the host name holds itself twice",
        example="getaddrinfo ENOTFOUND one.redis.cache.windows.netone.redis.cache.windows.net",
        ignores_case=True,
    ),
    Signature(
        id="wrong-hostname-scheme-in-name",
        pattern="(?:ENOTFOUND|lookup|UnknownHostException:|Error -?[0-9]{1,5} connecting to|resolve) ?['\\\"]?(?:rediss?|https?|tcp|tls)://",
        family="socket",
        weight=6.0,
        says="the host name begins with a scheme",
        example="getaddrinfo ENOTFOUND rediss://cache",
        ignores_case=True,
    ),
    Signature(
        id="wrong-hostname-empty-name",
        pattern=r"No endpoints specified|to resolve \"\"|lookup : no such host|getaddrinfo (?:ENOTFOUND|EAI_AGAIN) (?:undefined|null|nil|none)\b|UnknownHostException: (?:null|undefined|\$\{)|connecting to (?:None|null|undefined):|ENOTFOUND $|dial tcp: missing address",
        family="socket",
        weight=6.0,
        says="the host name is empty or was never filled in",
        example="getaddrinfo ENOTFOUND undefined",
        ignores_case=True,
    ),
    Signature(
        id="wrong-hostname-placeholder-name",
        pattern="(?:ENOTFOUND|EAI_AGAIN|UnknownHostException:|lookup|connecting to|resolve:) ['\\\"]?(?:\\$\\{|<|your[-_]|my[-_]?redis[-_]?(?:host|server)|redis[-_]?host\\b|hostname\\b|changeme|example\\.)",
        family="socket",
        weight=5.0,
        says="the host name is a placeholder",
        example="getaddrinfo ENOTFOUND your-redis-host",
        ignores_case=True,
    ),
    Signature(
        id="wrong-hostname-bad-url",
        pattern=r"invalid (?:redis )?url|url must (?:be|specify)|redis url must|invalid uri: the hostname could not be parsed|invalid port (?:in url|number)|ERR_INVALID_URL|URL did not parse",
        family="socket",
        weight=2.4,
        says="the connection string cannot be read as one",
        example="TypeError: Invalid URL: redis://",
        ignores_case=True,
    ),
    # A sentinel knows its primaries by name at all times, also while it fails over.
    Signature(
        id="wrong-hostname-master-name",
        pattern=r"No such master with that name|seems to be not monitored|GetMasterAddrByName[^\n]{0,80}(?:redis: nil|null|<nil>)|GET-MASTER-ADDR-BY-NAME command returns empty",
        family="any",
        weight=3.2,
        says="the sentinel watches no primary of that name",
        example="ERR No such master with that name",
    ),
    Signature(
        id="wrong-hostname-unparsable",
        pattern=r"(?:missing port|too many colons) in address|invalid URL scheme|due (?:to )?invalid URI|invalid (?:redis )?ur[il]\b|parseURL[^\n]{0,40}|invalid database number|unknown (?:uri|connection|url) scheme|No such transport: redis|Sentinel and master name are required|TypeError: Invalid protocol\b",
        family="socket",
        weight=2.4,
        says="the client cannot read what it is to dial",
        example="dial tcp: address cache: missing port in address",
        ignores_case=True,
    ),
    # Settings in which the address is missing: limits, django-redis, @upstash/redis.
    Signature(
        id="wrong-hostname-missing",
        pattern=r"Missing host or port in location rediss?|django_redis[^\n]{0,80}Missing connections string|\[Upstash Redis\] [^\n]{0,80}(?:'url' property is missing|UPSTASH_REDIS_REST_URL)",
        family="redis-py",
        weight=3.6,
        says="the client is given no address",
        example="Missing host or port in location redis://",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "name-unknown": 2.1,
    "resolver-failed": 0.3,
    "refused": 1.5,
    "unreachable": 0.5,
    "cannot-connect": 0.6,
    "gave-up": 1.0,
    "read-only": 1.3,
    "no-sentinel": 1.9,
    "cannot-reach": 1.2,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.is_no_host:
        yield Clue(
            weight=4.0,
            because="what was dialled is no host: a setting's name, a URL, or nothing",
            seen=told.errors,
            fact="no host",
        )
    if told.marked("host=user"):
        yield Clue(
            weight=-1.0,
            because="a user's name stands where the host should: the URL was read wrongly",
            seen=told.errors,
        )
    if told.misses_own_address:
        yield Clue(
            weight=3.4,
            because="the client's own host has no such address: a container without IPv6 dials itself",
            seen=told.errors,
            fact="dialled",
        )
    if told.saw("refused") and told.is_here and told.marked("container", "kubernetes"):
        yield Clue(
            weight=2.6 if told.marked("container") else 1.6,
            because="a container dials itself: to it, localhost is no other container and no host",
            seen=told.errors,
            fact="dialled",
        )
    if told.saw("refused") and told.is_here and told.marked("up-elsewhere"):
        yield Clue(
            weight=3.6,
            because="another Redis answers in the same text, and only the client's own host refuses",
            seen=told.errors,
            fact="dialled",
        )
    if told.saw("refused") and told.is_here and told.runtime == "node":
        yield Clue(
            weight=1.0,
            because="a client for Node.js dials its own host, which is what it does when its settings do not reach it",
            seen=told.errors,
            fact="dialled",
        )
    if told.saw("refused") and told.is_here and told.marked("image") and not told.is_on_desk:
        yield Clue(
            weight=0.5,
            because="the program's path is one of an image: in a container, localhost is the container itself",
            seen=told.errors,
        )
    if told.saw("refused") and told.is_here and told.is_on_desk:
        yield Clue(
            weight=-1.2 if told.runtime == "node" else -0.2,
            because="the client runs on somebody's own machine, where a server of one's own is usual",
            seen=told.errors,
        )
    if told.saw("refused") and told.is_here and told.runtime != "node":
        yield Clue(
            weight=0.7,
            because="the client dials its own host, as it does when its settings do not reach it",
            seen=told.errors,
            fact="dialled",
        )
    if told.saw("read-only") and told.marked("kubernetes"):
        yield Clue(
            weight=1.0,
            because="a service of Kubernetes that covers all pods of a set also leads to replicas",
            seen=told.errors,
        )
    if (
        told.saw("connect-timeout", "not-sent")
        and told.in_containers
        and told.marked("client=desk")
    ):
        yield Clue(
            weight=2.4,
            because="a container's address is dialled from a machine that is not in its network",
            seen=told.errors,
            fact="dialled",
        )
    if told.saw("name-unknown") and told.host and "." not in told.host:
        yield Clue(
            weight=0.4,
            because="the name has one label only, good within one network of containers alone",
            seen=told.errors,
            fact="one label",
        )
    if told.saw("resolver-failed") and told.host and "." not in told.host:
        yield Clue(
            weight=1.0,
            because="the name has one label only, good within one network of containers alone",
            seen=told.errors,
            fact="one label",
        )
    if told.saw("name-unknown") and (told.is_azure or told.hosted is not None):
        yield Clue(
            weight=-0.6, because="the name is of the form that the service gives", seen=told.errors
        )
    if told.saw("read-only") and told.is_azure:
        yield Clue(weight=-1.5, because="the name is the service's own", seen=told.errors)
    if told.saw("refused") and told.is_outside:
        yield Clue(weight=0.6, because="a host outside is dialled", seen=told.errors)
    if told.saw("refused") and not told.is_here and bool(told.address or told.host):
        yield Clue(
            weight=-1.2,
            because="another host than its own is dialled",
            seen=told.errors,
            fact="dialled",
        )
