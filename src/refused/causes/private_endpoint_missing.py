"""The private endpoint is gone, was rejected, or was never approved.

What is wrong
    The name still leads to a private address, and nobody stands there: the endpoint was deleted and
    its record stayed, or its connection is pending, rejected or disconnected.
How it looks
    Silence at the private address, from every network. Only an approved endpoint carries traffic.
What ends it
    The connection approved, or the endpoint made again with a zone group that keeps its record.
What it is not
    ``private-endpoint-dns``: there the name leads past an endpoint that works.
    ``vnet-nsg-blocked``: there other networks get in.
Sources
    https://learn.microsoft.com/azure/private-link/manage-private-endpoint
"""

from __future__ import annotations

from refused.causes.readings import (
    dialled,
    fails_elsewhere,
    is_private,
    privatelink_alias,
    works_elsewhere,
)
from refused.causes.statements import Cause, Clue, RuledOut
from refused.evidence.observations import DnsAnswer, Elsewhere, TcpDial, Unseen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="private-endpoint-missing",
    title="the private endpoint is gone, was rejected, or was never approved",
    hop="tcp",
    shows_at=("tcp", "tls", "resp"),
    bucket="configuration",
    needs=(DnsAnswer, Elsewhere, TcpDial),
    remedies=(
        "approve the endpoint's connection on the cache",
        "make the endpoint again, with a DNS zone group that keeps its record in step",
    ),
    verify="the private address accepts, and PING is answered",
    prevent="an alert on deleted or disconnected endpoint connections; approval as part of the deployment",
    expects=(("resource", "endpoint"), ("elsewhere", "fails"), ("network-rules", "allows")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See whether a private endpoint's own address is dead for everybody."""
    answers, others, dials = evidence.all(DnsAnswer), evidence.all(Elsewhere), evidence.all(TcpDial)
    broken, alias = evidence.broken, privatelink_alias(answers)
    if broken is None or broken.hop not in CAUSE.shows_at or alias is None:
        return
    if broken.how not in ("silent", "refused", "unreachable", "closed", "reset"):
        return
    tried = dialled(dials)
    well = works_elsewhere(others)
    if well is not None and {dial.address for dial in tried} & set(well.addresses):
        yield RuledOut(because=f"the same address works from {well.vantage}", seen=(well,))
        return
    private = [dial for dial in tried if is_private(dial.address)]
    if private:
        yield Clue(
            weight=2.2,
            because=f"{alias} leads to the private {private[0].address}, and nobody answers there ({broken.how})",
            seen=(*answers, *private),
        )
    else:
        yield Clue(weight=0.4, because=f"{alias} has no private address any more", seen=answers)
    ill = fails_elsewhere(others)
    if ill is not None:
        yield Clue(weight=1.0, because=f"it fails from {ill.vantage} as well", seen=(ill,))
    yield Unseen(
        vantage=evidence.vantage,
        what="the state of the private endpoint's connection",
        why="the control plane was not asked",
        how_to_see="az redis show (or az redisenterprise show) --query privateEndpointConnections",
    )
