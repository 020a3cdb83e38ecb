"""The cache does not exist any more, or is not in service.

What is wrong
    It was deleted, never made, stopped, is being created or scaled, or failed to; a disabled
    subscription stops it as well.
How it looks
    The name is not found (a deleted cache's name goes with it), or it is found and nobody answers,
    from anywhere.
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
    accepted,
    dialled,
    fails_elsewhere,
    privatelink_alias,
    service_behind,
    works_elsewhere,
)
from refused.causes.statements import Cause, Clue, RuledOut
from refused.evidence.observations import DnsAnswer, Elsewhere, NameLookup, TcpDial, Unseen
from refused.service.clouds import service_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="cache-not-running",
    title="the cache does not exist any more, or is not in service",
    hop="tcp",
    shows_at=("name", "address", "tcp"),
    bucket="dependency",
    prior=0.4,
    needs=(DnsAnswer, Elsewhere, NameLookup, TcpDial),
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
    broken, target = evidence.broken, evidence.target
    if broken is None or target is None:
        return
    well = works_elsewhere(others)
    if well is not None:
        yield RuledOut(because=f"it works from {well.vantage}", seen=(well,))
        return
    if service_behind(target, answers) == "redis":
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
    yield Unseen(
        vantage=evidence.vantage,
        what="the state of the cache",
        why="the control plane was not asked",
        how_to_see="az redis show --query provisioningState (az redisenterprise show --query resourceState)",
    )
