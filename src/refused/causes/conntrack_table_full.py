"""The connection-tracking table is full, and new connections are dropped.

What is wrong
    The host, or the node under the pod, tracks every connection in a table of fixed size. When it
    is full, the first packet of each new connection is dropped without an answer.
How it looks
    Connect time-outs at random while open connections work; "nf_conntrack: table full, dropping
    packet" in the kernel's log.
What ends it
    Fewer and longer connections; a larger table (``net.netfilter.nf_conntrack_max``).
What it is not
    ``snat-port-exhaustion``: there the table is fine, and the platform has no port.
Sources
    Documentation/networking/nf_conntrack-sysctl.rst of the Linux kernel
    https://learn.microsoft.com/azure/aks/custom-node-configuration
"""

from __future__ import annotations

from refused.causes.readings import dialled
from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.observations import ConntrackUse, TcpDial, Unseen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="conntrack-table-full",
    title="the connection-tracking table is full, and new connections are dropped",
    hop="tcp",
    shows_at=("tcp",),
    bucket="capacity",
    prior=-0.8,
    needs=(ConntrackUse, TcpDial),
    remedies=(
        "share connections and keep them",
        "raise net.netfilter.nf_conntrack_max on the node, with the memory it takes in mind",
    ),
    verify="entries fall below the limit, and dials are accepted",
    prevent="an alert at 80 % of nf_conntrack_max on every node",
    expects=(("deeper", "local"), ("elsewhere", "works"), ("again", "recovers")),
)

FULL, NEAR, ROOMY = 0.98, 0.9, 0.8


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Count the entries against the size of the table."""
    uses, dials = evidence.all(ConntrackUse), evidence.all(TcpDial)
    broken = evidence.broken
    if broken is None or broken.hop != "tcp" or broken.how not in ("silent", "flaky", "denied"):
        return
    for use in uses:
        share = use.entries / use.limit if use.limit else 0.0
        said = f"{use.entries} of {use.limit} entries of the table are in use"
        if share >= FULL:
            yield Proof(because=f"{said}, and dials are not answered", seen=(use, *dialled(dials)))
        elif share >= NEAR:
            yield Clue(weight=2.0, because=said, seen=(use,))
        elif share < ROOMY:
            yield RuledOut(because=said, seen=(use,))
    if not uses and broken.how == "flaky":
        # From outside a full table looks like a translation without ports: only the count tells.
        said = (
            "some dials to the same port are accepted and some are not, as a full table lets them"
        )
        yield Clue(weight=2.0, because=said, seen=dialled(dials))
        yield Unseen(
            vantage=evidence.vantage,
            what="the connection-tracking table",
            why="its entries were not counted",
            how_to_see="nf_conntrack_count and nf_conntrack_max in /proc/sys/net/netfilter, on the node",
        )
    counted = [use.drops for use in uses if use.drops is not None]
    if len(counted) > 1 and counted[-1] > counted[0]:
        # Entries come and go between two looks; the count of what found no room does not.
        said = f"{counted[-1] - counted[0]} packets found no room in the table while we looked"
        yield Clue(weight=3.0, because=said, seen=uses)


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="conntrack-table-full-kernel-said",
        pattern=r"nf_conntrack: (?:nf_conntrack: )?table full, dropping packet|ip_conntrack: table full",
        family="os",
        weight=6.0,
        says="the kernel drops packets because its connection table is full",
        example="kernel: nf_conntrack: table full, dropping packet",
    ),
)
