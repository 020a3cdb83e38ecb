"""The client is given IPv6 addresses, and IPv6 leads nowhere from here.

What is wrong
    The name (or the client's setting) yields IPv6 addresses, and this host has no IPv6 route, has
    IPv6 switched off, or the way breaks further on. A client that tries IPv6 first fails or stalls.
How it looks
    ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL, or a time-out before IPv4 is tried.
What ends it
    IPv4 for this client (Node ``family: 4``, Java ``-Djava.net.preferIPv4Stack=true``), or IPv6
    that works.
What it is not
    ``route-blackhole``: there IPv4 leads nowhere.
Sources
    RFC 6724; RFC 8305
"""

from __future__ import annotations

from refused.causes.readings import dialled
from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.observations import KernelSettings, RouteLookup, TcpDial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="ipv6-unreachable",
    title="the client is given IPv6 addresses, and IPv6 leads nowhere from here",
    hop="address",
    shows_at=("route", "tcp"),
    bucket="configuration",
    needs=(KernelSettings, RouteLookup, TcpDial),
    remedies=(
        "have the client ask for IPv4 (Node family: 4, Java -Djava.net.preferIPv4Stack=true)",
        "give this host a working IPv6 route",
        "remove AAAA records of addresses that nobody serves",
    ),
    verify="the client dials an IPv4 address, or an IPv6 one that accepts",
    prevent="test both families wherever names have AAAA records",
    expects=(("elsewhere", "works"), ("deeper", "local")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See whether all that failed was IPv6."""
    kernels, routes, dials = (
        evidence.all(KernelSettings),
        evidence.all(RouteLookup),
        dialled(evidence.all(TcpDial)),
    )
    if evidence.broken is None or not (dials or routes):
        return
    tried = {dial.address for dial in dials} | {route.address for route in routes}
    sixes = {
        address for address in tried if ":" in address and not address.lower().startswith("::ffff:")
    }
    if not sixes:
        yield RuledOut(because="no IPv6 address is involved", seen=(*dials, *routes))
        return
    if sixes != tried:
        yield Clue(weight=-1.0, because="IPv4 addresses fail as well", seen=dials)
    dead = next(
        (route for route in routes if route.address in sixes and route.local_address is None), None
    )
    here = any(address in ("::1", "::") for address in sixes)
    if dead is not None and sixes == tried:
        yield Proof(
            because=f"only IPv6 addresses are given, and this host has no route to {dead.address}",
            seen=(dead,),
        )
    elif not here:
        said = next((dial.outcome for dial in dials if dial.address in sixes), "not reached")
        yield Clue(weight=1.2, because=f"{min(sixes)} is {said}", seen=dials)
    if kernels and kernels[0].ipv6_disabled:
        yield Clue(weight=2.5, because="IPv6 is switched off on this host", seen=kernels)


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="ipv6-unreachable-v6-unreachable",
        pattern=r"(?:ENETUNREACH|EHOSTUNREACH|EADDRNOTAVAIL|unreachable|No route to host|Cannot assign requested address)[^\n]{0,60}[0-9a-f]{0,4}:[0-9a-f]{0,4}:[0-9a-f:]{1,30}|dial tcp \[[0-9a-f:]{3,40}\]:[0-9]{2,5}: connect: (?:network|no route|cannot)",
        family="socket",
        weight=4.5,
        says="an IPv6 address is dialled, and there is no way to it",
        example="Error: connect ENETUNREACH 2001:db8::5:6379",
        ignores_case=True,
    ),
    Signature(
        id="ipv6-unreachable-no-family",
        pattern=r"\bEAFNOSUPPORT\b|Address family not supported",
        family="socket",
        weight=4.2,
        says="this host has no such kind of address",
        example="connect EAFNOSUPPORT ::1:6379",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "unreachable": 0.2,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.misses_own_address:
        yield Clue(
            weight=1.4,
            because="localhost may be ::1, an address that a host without IPv6 does not have",
            seen=told.errors,
        )
    if told.is_here and "ipv6-unreachable-v6-unreachable" in told.signatures:
        yield Clue(
            weight=-2.2,
            because="::1 is the client's own host, which no route leads to",
            seen=told.errors,
        )
    if ":" in told.address and told.saw("unreachable", "connect-timeout"):
        yield Clue(weight=2.5, because="an IPv6 address was dialled", seen=told.errors)
