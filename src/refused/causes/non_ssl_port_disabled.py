"""The client dials the plain-text port, which is closed on this cache.

What is wrong
    Azure Cache for Redis keeps 6379 closed unless its owner opens it, and rightly so: what passes
    there, the key included, can be read on the way.
How it looks
    Refused, or silence, on 6379 (or 13000 and up for nodes); the TLS port 6380 answers. Which of
    the two a client sees is not documented.
What ends it
    Port 6380 with TLS in the client. Opening 6379 would weaken security and is not advised.
What it is not
    ``wrong-port``: any other port.
Sources
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-configure
"""

from __future__ import annotations

from refused.causes.readings import (
    accepted,
    changed_so,
    dialled,
    of_cache,
    onset,
    service_behind,
    what_changed,
)
from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.control_plane import (
    AzureCache,
    ResourceChange,
)
from refused.evidence.observations import DnsAnswer, TcpDial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="non-ssl-port-disabled",
    title="the client dials the plain-text port, which is closed on this cache",
    hop="tcp",
    shows_at=("tcp", "tls", "resp"),
    bucket="configuration",
    traits=("between", "azure", "start"),
    prior=0.5,
    needs=(
        AzureCache,
        DnsAnswer,
        ResourceChange,
        TcpDial,
    ),
    remedies=("set port 6380 and TLS in the client (rediss://, ssl=True)",),
    verify="TLS completes on port 6380",
    prevent="TLS connection strings in every template; a lint rule against 6379 on Azure's names",
    expects=(("resource", "plain-off"), ("elsewhere", "fails")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See whether it is 6379 of Azure Cache for Redis, and whether 6380 answers."""
    answers, dials = evidence.all(DnsAnswer), evidence.all(TcpDial)
    caches = evidence.all(AzureCache)
    changes = of_cache(evidence.all(ResourceChange), caches, evidence.target)
    broken, target = evidence.broken, evidence.target
    if broken is None or target is None:
        return
    plain = target.port == 6379 or 13000 <= target.port <= 13999
    if not plain or service_behind(target, answers) != "acr":
        if plain:
            yield RuledOut(because="this is no Azure Cache for Redis", seen=answers)
        return
    if broken.how not in ("refused", "silent", "closed", "reset"):
        return
    tls = accepted(dials, "sibling-port")
    tried = dialled(dials)
    cache = caches[-1] if caches and caches[-1].service == "acr" else None
    if cache is not None and cache.plain_port is not None:
        yield RuledOut(because="Azure says that the plain-text port is open", seen=(cache,))
        return
    if cache is not None and broken.hop in ("tcp", "resp"):
        began = onset(tried)
        change = what_changed(changes, ("Microsoft.Cache/redis/write",), began)
        after = f"; {changed_so(change, began)}" if change is not None else ""
        said = f"Azure says that the plain-text port is closed, and the client dials {target.port} ({broken.how}){after}"
        yield Proof(because=said, seen=(cache, *tried))
        return
    if tls is not None and broken.hop == "tcp" and accepted(dials, "control") is None:
        yield Proof(
            because=f"port {tls.port} accepts and the plain-text port {target.port} does not ({broken.how})",
            seen=(tls, *tried),
        )
    else:
        yield Clue(
            weight=1.6,
            because=f"{target.port} is closed on this service unless somebody opened it",
            seen=tried,
        )


# What is printed when it strikes.
SIGNATURES: tuple[Signature, ...] = ()


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if (
        told.service == "acr"
        and told.port == 6379
        and told.saw(
            "cannot-connect", "connect-timeout", "refused", "not-connected", "still-connecting"
        )
    ):
        yield Clue(
            weight=2.7,
            because="6379 of an Azure Cache for Redis is dialled, which is closed unless its owner opened it",
            seen=told.errors,
        )
