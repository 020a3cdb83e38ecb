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

from refused.causes.readings import is_azure, privatelink_alias
from refused.causes.statements import Cause, Clue, Proof, RuledOut
from refused.evidence.observations import DnsAnswer, HostsEntry, NameLookup, ResolverSettings
from refused.service.clouds import service_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="wrong-hostname",
    title="the host name is not the one the cache has",
    hop="name",
    shows_at=("name", "address"),
    bucket="configuration",
    prior=0.6,
    needs=(DnsAnswer, HostsEntry, NameLookup, ResolverSettings),
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
    settings = evidence.all(ResolverSettings)
    evidence.all(HostsEntry)
    broken, target = evidence.broken, evidence.target
    if broken is None or target is None or broken.how not in ("not-found", "no-address"):
        return
    seen = (*lookups, *answers)
    if any(answer.outcome == "answered" for answer in answers) and broken.how == "not-found":
        yield RuledOut(because="a resolver does know the name", seen=seen)
        return
    yield Clue(weight=1.0, because=f"{target.host} is not known to DNS", seen=seen)
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
