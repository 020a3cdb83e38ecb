"""The client stays with an address that is no longer the cache's.

What is wrong
    A hosts entry, a pinned address, a cached lookup or an address in the connection string names a
    machine that is not the cache any more. Addresses change with scaling, patching and migration;
    only the name stays.
How it looks
    Time-outs or refusals that began at one moment; a fresh process, or another host, works.
What ends it
    The host name in place of the address; the hosts entry removed; a restart of what caches.
What it is not
    ``private-endpoint-dns``: there the resolver itself gives the wrong one of two true addresses.
Sources
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-how-to-scale
"""

from __future__ import annotations

from refused.causes.readings import (
    accepted,
    dialled,
    is_azure,
    is_here,
    is_literal,
    is_public,
    overruled,
    wire_addresses,
)
from refused.causes.statements import Cause, Clue, Proof, RuledOut
from refused.evidence.observations import DnsAnswer, Elsewhere, HostsEntry, NameLookup, TcpDial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="ip-address-changed",
    title="the client stays with an address that is no longer the cache's",
    hop="address",
    shows_at=("route", "tcp", "tls", "resp", "auth"),
    bucket="configuration",
    prior=-0.5,
    needs=(DnsAnswer, Elsewhere, HostsEntry, NameLookup, TcpDial),
    remedies=(
        "remove the line from the hosts file, and let DNS answer",
        "put the host name in place of the address, and restart what keeps old lookups (a JVM with networkaddress.cache.ttl=-1, nscd)",
    ),
    verify="the client dials an address that DNS gives for the name",
    prevent="names in settings, never addresses; DNS caches that honour the time to live",
    expects=(("elsewhere", "works"), ("other-resolver", "differs")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Compare the address that is dialled with the addresses that DNS gives today."""
    answers, others = evidence.all(DnsAnswer), evidence.all(Elsewhere)
    hosts, lookups, dials = (
        evidence.all(HostsEntry),
        evidence.all(NameLookup),
        evidence.all(TcpDial),
    )
    broken, target = evidence.broken, evidence.target
    if broken is None or target is None or broken.hop in ("name", "address"):
        return
    fresh = wire_addresses(answers)
    pinned = overruled(hosts, answers)
    used = tuple(dict.fromkeys(address for lookup in lookups for address in lookup.addresses))
    reached = accepted(dials, "dns-address")
    if pinned or (fresh and used and not set(used) & set(fresh)):
        old = (pinned or used)[0]
        where = "the hosts file sends" if pinned else "the system's lookup sends"
        said = f"{where} {target.host} to {old}, and DNS to {', '.join(fresh[:3])}"
        seen = (*hosts, *lookups, *answers)
        yield Clue(weight=3.0, because=said, seen=seen, fact="another address")
        if reached is not None:
            yield Proof(
                because=f"{said}; {reached.address} accepts, {old} does not serve",
                seen=(*seen, reached),
            )
    elif fresh and used:
        yield RuledOut(because=f"{used[0]} is what DNS gives today", seen=(*lookups, *answers))
    elif is_literal(target.host) and not is_here(target.host):
        yield Clue(
            weight=0.7,
            because=f"the client is given the address {target.host} and no name",
            seen=dialled(dials),
        )
        if is_public(target.host):
            yield Clue(
                weight=0.4,
                because="public addresses of managed services change",
                seen=dialled(dials),
            )
    elsewhere = next((other for other in others if other.healthy and other.addresses), None)
    given = used or fresh
    if (
        elsewhere is not None
        and given
        and not set(elsewhere.addresses) & set(given)
        and is_azure(target)
    ):
        yield Clue(
            weight=0.8,
            because=f"{elsewhere.vantage} is given {elsewhere.addresses[0]} and works",
            seen=(elsewhere,),
            fact="another address",
        )
