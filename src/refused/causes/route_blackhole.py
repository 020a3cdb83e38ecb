"""Packets to the server's address get lost on the way.

What is wrong
    A user-defined route, a missing peering or VPN, asymmetric routing through an appliance, or a
    missing route on this host: what is sent to the address never arrives, or no answer comes back.
How it looks
    Silence on every port of the address; or "no route to host", "network is unreachable".
What ends it
    The route that leads there, and the same way back.
What it is not
    ``vnet-nsg-blocked``: there the host answers on other ports.
Sources
    ip-route(8); RFC 792
    https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview
"""

from __future__ import annotations

from refused.causes.readings import (
    dialled,
    is_here,
    is_private,
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
    id="route-blackhole",
    title="packets to the server's address get lost on the way",
    hop="route",
    shows_at=("route", "tcp"),
    bucket="configuration",
    needs=(DnsAnswer, Elsewhere, RouteLookup, TcpDial),
    remedies=(
        "correct the route for the server's prefix, and the one back",
        "restore the peering, VPN or gateway that the two networks are joined by",
    ),
    verify="the dial is accepted, or at least refused",
    prevent="routes kept in code; an alert on peering and gateway state",
    expects=(
        ("network-rules", "route"),
        ("elsewhere", "works"),
        ("server-side", "listens"),
        ("other-destination", "works"),
    ),
)

# ICMP: network or host unreachable, and time exceeded (a loop).
LOST = frozenset({"3/0", "3/1", "3/6", "3/7", "3/11", "3/12", "11/0", "1/0", "1/3"})


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Ask the kernel, listen to routers, and see whether anything at the address answers."""
    answers, others = evidence.all(DnsAnswer), evidence.all(Elsewhere)
    routes, dials = evidence.all(RouteLookup), evidence.all(TcpDial)
    broken, tried = evidence.broken, dialled(dials)
    if broken is None or broken.hop not in ("route", "tcp"):
        return
    if broken.hop == "route":
        dead = [route for route in routes if route.local_address is None]
        if dead and any(":" not in route.address for route in dead):
            kind = "no route" if dead[0].kind == "unicast" else f"a route of kind {dead[0].kind}"
            yield Proof(because=f"this host has {kind} to {dead[0].address}", seen=tuple(dead))
        return
    if not tried:
        return
    if is_here(tried[0].address):
        yield RuledOut(because=f"{tried[0].address} is this host itself", seen=tried)
        return
    answered = next(
        (
            dial
            for dial in dials
            if dial.address == tried[0].address and dial.outcome in ("accepted", "refused", "reset")
        ),
        None,
    )
    if answered is not None:
        yield RuledOut(
            because=f"{answered.address} answers on port {answered.port}, so packets do get there and back",
            seen=(answered,),
        )
        return
    lost = next((dial for dial in tried if dial.icmp in LOST and dial.icmp_from), None)
    own = {route.local_address for route in routes}
    if lost is not None and lost.icmp_from not in own:
        yield Proof(
            because=f"the router {lost.icmp_from} says that it has no way to {lost.address} (ICMP {lost.icmp})",
            seen=(lost,),
        )
    elif broken.how == "unreachable":
        yield Clue(
            weight=1.8,
            because=f"{tried[0].address} is unreachable: nobody answers for it on its network",
            seen=tried,
        )
    elif met_silence(broken):
        yield Clue(weight=0.5, because=f"{tried[0].address} met the dial with silence", seen=tried)
        control = next(iter(dialled(dials, "control")), None)
        if control is not None and control.outcome == "silent":
            yield Clue(
                weight=0.7, because="so did another port of the same address", seen=(control,)
            )
        if is_private(tried[0].address):
            yield Clue(
                weight=0.6,
                because=f"{tried[0].address} is private: routes that people write lead there",
                seen=tried,
            )
        if privatelink_alias(answers):
            yield Clue(
                weight=-0.5,
                because="a private endpoint's address has a route of its own in its network",
                seen=answers,
            )
        well = works_elsewhere(others)
        if well is not None:
            yield Clue(weight=0.8, because=f"it works from {well.vantage}", seen=(well,))
