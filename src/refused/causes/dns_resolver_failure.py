"""The resolver itself fails: it does not answer, or cannot tell.

What is wrong
    The DNS server that the client is told to ask is down, unreachable, overloaded, or forwards to
    one that is. The name may be perfectly right.
How it looks
    "Temporary failure in name resolution" (EAI_AGAIN), SERVFAIL, lookups that take five seconds.
What ends it
    A resolver that answers: CoreDNS back up, UDP and TCP port 53 let through, the forwarder for
    Azure's names set to 168.63.129.16.
What it is not
    ``wrong-hostname``: there a resolver answers, and says that the name does not exist.
Sources
    resolv.conf(5); RFC 1035 section 4.1.1
    https://learn.microsoft.com/azure/private-link/private-endpoint-dns-integration
"""

from __future__ import annotations

from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.kubernetes import (
    POLICY_KINDS,
    ClusterDns,
    KubernetesWorkload,
    clients,
    has_client,
)
from refused.evidence.observations import DnsAnswer, NameLookup, Platform, ResolverSettings, Unseen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="dns-resolver-failure",
    title="the resolver does not answer, or cannot tell",
    hop="name",
    shows_at=("name", "address"),
    bucket="dependency",
    needs=(
        *POLICY_KINDS,
        ClusterDns,
        DnsAnswer,
        NameLookup,
        Platform,
        ResolverSettings,
    ),
    remedies=(
        "bring the resolver back, or let UDP and TCP port 53 through to it",
        "in a virtual network with its own DNS servers, forward Azure's names to 168.63.129.16",
        "on Kubernetes, look at CoreDNS and at network policies that deny port 53",
    ),
    verify="the resolver answers the question for this name within a second",
    prevent="two resolvers that do not fail together; an alert on SERVFAIL and on slow lookups",
    expects=(("other-resolver", "differs"), ("elsewhere", "works"), ("again", "recovers")),
)

# Outcomes on the wire that are the resolver's own failure.
FAILURES = frozenset({"silent", "servfail", "refused", "unreachable", "garbled", "other"})


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See whether the resolvers answer at all, on the wire and for the system."""
    answers, lookups = evidence.all(DnsAnswer), evidence.all(NameLookup)
    settings, platforms = evidence.all(ResolverSettings), evidence.all(Platform)
    policies = tuple(_cluster_says(evidence))
    yield from policies
    broken = evidence.broken
    if any(isinstance(each, Proof) for each in policies):
        return
    if broken is None or broken.hop not in ("name", "address"):
        return
    if broken.how in ("not-found", "no-address"):
        denied = next(
            (each for each in answers if each.outcome in ("nxdomain", "no-address")), None
        )
        if denied is not None:
            yield RuledOut(because=f"{denied.resolver} does answer", seen=(denied,))
        return
    yield Clue(
        weight=1.6,
        because=f"the lookup ended with: {broken.how}",
        seen=(*lookups, *answers),
        fact="lookup",
    )
    failed = [each for each in answers if each.outcome in FAILURES]
    well = next((each for each in answers if each.outcome == "answered"), None)
    if answers and not [each for each in answers if each.outcome not in FAILURES]:
        words = ", ".join(dict.fromkeys(f"{each.resolver}: {each.outcome}" for each in failed))
        yield Proof(
            because=f"no resolver of this client gave an answer ({words})", seen=tuple(failed)
        )
    elif well is not None and failed:
        yield Clue(
            weight=1.0,
            because=f"{failed[0].resolver} fails ({failed[0].outcome}) while {well.resolver} answers",
            seen=(failed[0], well),
        )
    elif not answers:
        yield Unseen(
            vantage=evidence.vantage,
            what="DnsAnswer",
            why="no resolver was asked on the wire",
            how_to_see="name one with --resolver",
        )
    if settings and not settings[0].nameservers:
        yield Clue(weight=1.6, because="no resolver is configured on this host", seen=settings)
    if platforms and platforms[0].kind == "kubernetes":
        yield Clue(
            weight=0.4,
            because="in a pod every lookup goes through the cluster's DNS",
            seen=platforms,
        )


def _cluster_says(evidence: Evidence) -> Iterator[Statement]:
    """Put the client's question to the network policies, and look whether the cluster's DNS is up."""
    names, broken = evidence.all(ClusterDns), evidence.broken
    if not has_client(evidence, POLICY_KINDS) and not names:
        return
    from refused.evidence.kubernetes_faults import dns_faults
    from refused.evidence.kubernetes_mesh import is_walked_inside

    is_seen = (
        broken is not None
        and broken.hop in ("name", "address")
        and broken.how not in ("not-found", "no-address")
    )
    for fault in dns_faults(evidence):
        if fault.sure and is_seen and is_walked_inside(evidence, fault.workload):
            looked = (*evidence.all(NameLookup), *evidence.all(DnsAnswer))
            said = f"{fault.said}, and no answer came"
            yield Proof(because=said, seen=(*fault.seen, *looked))
            return
        yield Clue(
            weight=3.0 if fault.sure else 0.8,
            because=fault.said,
            seen=fault.seen,
            foretells=fault.sure and not is_walked_inside(evidence, fault.workload),
        )
    yield from _names_say(evidence)
    for dns in names:
        if dns.ready == 0 and dns.wanted:
            said = f"none of the {dns.wanted} pods of the cluster's DNS is ready"
            yield Clue(weight=3.0, because=said, seen=(dns,))


def _names_say(evidence: Evidence) -> Iterator[Statement]:
    """See whether the pods ask the right server, and whether the cluster's DNS keeps the name back."""
    from refused.evidence.kubernetes_mesh import is_walked_inside
    from refused.evidence.kubernetes_names import name_faults, questions

    workloads, names = clients(evidence.all(KubernetesWorkload)), evidence.all(ClusterDns)
    broken, target = evidence.broken, evidence.target
    if target is None:
        return
    for fault in name_faults(target.host, workloads, names):
        if fault.kind not in ("swallowed", "not-cluster"):
            continue
        inside = workloads and is_walked_inside(evidence, workloads[0])
        if broken is not None and broken.hop in ("name", "address") and inside:
            looked = (*evidence.all(NameLookup), *evidence.all(DnsAnswer))
            said = f"{fault.said}; the lookup ended with: {broken.how}"
            yield Proof(because=said, seen=(*fault.seen, *looked))
            return
        yield Clue(weight=2.5, because=fault.said, seen=fault.seen, foretells=not inside)
    if broken is None or broken.how not in ("try-again", "silent", "failed"):
        return
    for workload in workloads[:1]:
        more = questions(target.host, workload)
        if more:
            said = f"{workload.title} asks for {more} other names before {target.host}, for each address family"
            yield Clue(weight=0.4, because=said, seen=(workload,))


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="dns-resolver-failure-nginx-no-resolver",
        pattern=r"no resolver defined to resolve \"[^\"\n]",
        family="lua-resty-redis",
        weight=4.8,
        says="nginx has no resolver to ask",
        example='failed to connect: no resolver defined to resolve "cache.example"',
    ),
    Signature(
        id="dns-resolver-failure-resolver-silent",
        pattern=r"(?:read|dial) udp [^\n]{1,120}:53: (?:i/o timeout|connect: )|lookup [^\n]{1,200}:53: (?:i/o timeout|server misbehaving)|plugin/errors: 2 [^\n]{1,200}(?:i/o timeout|no route|refused)",
        family="socket",
        weight=4.8,
        says="the resolver itself gives no answer",
        example="lookup cache on 10.0.0.10:53: read udp 10.0.0.5:4000->10.0.0.10:53: i/o timeout",
    ),
    Signature(
        id="dns-resolver-failure-servfail",
        pattern=r"\bSERVFAIL\b|Response status:? ?(?:2|SERVFAIL)|DNS server returned an error|DnsErrorCauseException",
        family="socket",
        weight=4.5,
        says="the resolver answers that it cannot tell (SERVFAIL)",
        example="dns: SERVFAIL for cache.example",
    ),
    Signature(
        id="dns-resolver-failure-temporary-failure",
        pattern=r"temporary failure in name resolution|\bEAI_AGAIN\b|try again later: name",
        family="socket",
        weight=4.6,
        says="the name lookup failed for the moment, not for good",
        example="Temporary failure in name resolution",
        ignores_case=True,
    ),
    Signature(
        id="dns-resolver-failure-temporary-in-other-languages",
        pattern=r"Temporärer Fehler bei der Namensauflösung|Échec temporaire dans la résolution|Fallo temporal en la resolución|Errore temporaneo nella risoluzione|Falha temporária na resolução|Временный сбой в разрешении имен|域名解析暂时失败|名前解決に一時的に失敗|Tymczasowy błąd rozwiązywania|non-recoverable error occurred during a database lookup",
        family="socket",
        weight=4.6,
        says="the resolver itself fails for the moment",
        example="Temporärer Fehler bei der Namensauflösung",
    ),
    # DnsResolveContext.finishResolve of Netty: further servers were asked, as after a time-out or an error.
    Signature(
        id="dns-resolver-failure-netty-queries",
        pattern=r"Failed to resolve '[^'\n]{1,200}'[^\n]{0,80} after [0-9]{1,3} queries|Exceeded max queries per resolve",
        family="jvm",
        weight=1.8,
        says="the resolver was asked again and again without an answer",
        example="Failed to resolve 'cache.example.net' after 3 queries",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "name-unknown": 1.2,
    "resolver-failed": 2.8,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.saw("name-unknown") and told.hosted is not None:
        yield Clue(
            weight=0.7,
            because=f"the name is of {told.hosted.name}, and should be known to every resolver",
            seen=told.errors,
        )
    if told.saw("name-unknown") and told.is_azure:
        yield Clue(
            weight=0.7,
            because="the name is the service's own, and should be known to every resolver",
            seen=told.errors,
        )
