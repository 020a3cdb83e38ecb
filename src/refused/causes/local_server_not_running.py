"""Nothing listens: the server at that address does not run.

What is wrong
    The address is this host, or a host of one's own, and no process listens on the port. Often the
    client was meant to go to Azure, and fell back to its default of localhost because a setting was
    empty or had another name.
How it looks
    "Connection refused" on 127.0.0.1:6379 (ECONNREFUSED, 111, 10061, 61).
What ends it
    The server started; or the host name set that was meant.
What it is not
    ``wrong-port``: there the server runs and listens on another port.
Sources
    connect(2), ECONNREFUSED
"""

from __future__ import annotations

from refused.causes.readings import (
    accepted,
    dialled,
    fails_elsewhere,
    is_here,
    is_private,
    service_behind,
)
from refused.causes.statements import Cause, Clue, RuledOut
from refused.evidence.observations import DnsAnswer, Elsewhere, TcpDial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="local-server-not-running",
    title="nothing listens there: the server does not run",
    hop="tcp",
    shows_at=("tcp",),
    bucket="dependency",
    prior=0.5,
    needs=(DnsAnswer, Elsewhere, TcpDial),
    remedies=(
        "start the server (systemctl start redis-server), and see in its log why it ended",
        "if a cache on Azure was meant, set its host name: an empty setting falls back to localhost",
    ),
    verify="the dial is accepted",
    prevent="a service manager that restarts the server; a client that refuses to start without a host",
    expects=(("server-side", "not-listening"), ("elsewhere", "fails")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See whether a host of one's own refuses, on every port a server would have."""
    answers, others, dials = evidence.all(DnsAnswer), evidence.all(Elsewhere), evidence.all(TcpDial)
    broken, tried = evidence.broken, dialled(evidence.all(TcpDial))
    if (
        broken is None
        or broken.hop != "tcp"
        or broken.how not in ("refused", "unreachable")
        or not tried
    ):
        return
    if service_behind(evidence.target, answers) != "redis":
        yield RuledOut(because="the address belongs to a managed service", seen=answers)
        return
    first = tried[0]
    if broken.how == "unreachable":
        if is_private(first.address):
            yield Clue(
                weight=0.5,
                because=f"nobody answers for {first.address}: the host may be down",
                seen=tried,
            )
        return
    yield Clue(
        weight=0.6,
        because=f"{first.address} refuses port {first.port}: nothing listens there",
        seen=tried,
    )
    if is_here(first.address):
        yield Clue(weight=2.0, because=f"{first.address} is this host itself", seen=tried)
    elif is_private(first.address):
        yield Clue(
            weight=0.8, because=f"{first.address} is a host of one's own network", seen=tried
        )
    if first.icmp_from:
        yield Clue(
            weight=-2.0,
            because=f"the refusal came by ICMP from {first.icmp_from}, as packet filters send it",
            seen=tried,
        )
    sibling = accepted(dials, "sibling-port")
    if sibling is not None:
        yield Clue(
            weight=-2.5, because=f"port {sibling.port} of the same host accepts", seen=(sibling,)
        )
    elif dialled(dials, "sibling-port"):
        yield Clue(
            weight=0.5,
            because="so are the other usual ports of Redis",
            seen=dialled(dials, "sibling-port"),
        )
    if fails_elsewhere(others) is not None:
        yield Clue(weight=0.5, because=f"it fails from {others[0].vantage} as well", seen=others)
