"""A security rule in front of the server drops the port.

What is wrong
    A network security group of the virtual network, a cloud's security group, or the server host's
    own packet filter does not let this port through from this client.
How it looks
    Silence at a private address; from other networks, or on other ports, the same host answers.
What ends it
    A rule for exactly the port, the protocol and this client's subnet, above the rule that denies.
What it is not
    ``route-blackhole``: there no packet arrives, on any port. ``egress-blocked``: there the
    client's own side holds the packets back.
Sources
    https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-how-to-premium-vnet
"""

from __future__ import annotations

from refused.causes.readings import (
    accepted,
    dialled,
    is_here,
    is_private,
    is_public,
    met_silence,
    privatelink_alias,
    works_elsewhere,
)
from refused.causes.statements import Cause, Clue, Proof, RuledOut
from refused.evidence.observations import DnsAnswer, Elsewhere, RouteLookup, TcpDial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence

CAUSE = Cause(
    id="vnet-nsg-blocked",
    title="a security rule in front of the server drops the port",
    hop="tcp",
    shows_at=("tcp",),
    bucket="configuration",
    prior=0.2,
    needs=(DnsAnswer, Elsewhere, RouteLookup, TcpDial),
    remedies=(
        "allow exactly this port, over TCP, from this client's subnet, above the rule that denies it",
        "on an injected Azure cache, add every rule that the service needs, and reboot it afterwards",
    ),
    verify="the dial is accepted from this client",
    prevent="rules kept in code beside the client that needs them; effective rules checked after each change",
    expects=(
        ("network-rules", "blocks"),
        ("elsewhere", "works"),
        ("server-side", "listens"),
        ("other-destination", "works"),
    ),
)

# ICMP codes that mean "prohibited": RFC 1812 section 5.2.7.1, RFC 4443 section 3.1.
PROHIBITED = frozenset({"3/9", "3/10", "3/13", "1/1", "1/5", "1/6"})


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See whether it is this port alone, and who says no."""
    answers, others, dials = evidence.all(DnsAnswer), evidence.all(Elsewhere), evidence.all(TcpDial)
    own = {route.local_address for route in evidence.all(RouteLookup)}
    broken, tried = evidence.broken, dialled(dials)
    if broken is None or broken.hop != "tcp" or not tried:
        return
    first = tried[0]
    if is_here(first.address) or first.address in own:
        yield RuledOut(because=f"{first.address} is this host itself", seen=tried)
        return
    rejected = next((dial for dial in tried if dial.icmp_from), None)
    if rejected is not None and rejected.icmp_from == rejected.address:
        said = f"{rejected.address} itself rejects port {rejected.port} by ICMP {rejected.icmp}"
        # A closed port is answered with RST; a host that answers TCP with ICMP has a filter that does so.
        yield Proof(because=f"{said}: a packet filter on that host", seen=(rejected,))
        return
    if rejected is not None and rejected.icmp in PROHIBITED:
        yield Clue(
            weight=1.2,
            because=f"{rejected.icmp_from} on the way prohibits it (ICMP {rejected.icmp})",
            seen=(rejected,),
        )
    if not met_silence(broken):
        return
    yield Clue(
        weight=0.6,
        because=f"{first.address} port {first.port} met the dial with silence",
        seen=tried,
    )
    if is_private(first.address):
        yield Clue(
            weight=1.0,
            because=f"{first.address} lies in a private network, where such rules stand",
            seen=tried,
        )
    if is_public(first.address):
        yield Clue(weight=-0.7, because=f"{first.address} is public", seen=tried)
    if privatelink_alias(answers):
        yield Clue(
            weight=-0.5,
            because="rules in front of a private endpoint hold only if its subnet enforces them",
            seen=answers,
        )
    control = next(
        (dial for dial in dialled(dials, "control") if dial.outcome in ("refused", "accepted")),
        None,
    )
    if control is not None and control.outcome == "refused":
        yield Clue(
            weight=1.8,
            because=f"{control.address} answers on port {control.port} (refused), so only this port is dropped",
            seen=(control,),
            fact="host answers",
        )
    if any(dial.outcome == "silent" for dial in dialled(dials, "control")):
        yield Clue(
            weight=-0.6,
            because="another port of the same address is silent as well",
            seen=dialled(dials, "control"),
        )
    sibling = accepted(dials, "sibling-port")
    if sibling is not None:
        yield Clue(
            weight=1.0,
            because=f"port {sibling.port} of the same host accepts",
            seen=(sibling,),
            fact="host answers",
        )
    well = works_elsewhere(others)
    if well is not None:
        yield Clue(weight=1.0, because=f"it works from {well.vantage}", seen=(well,))
