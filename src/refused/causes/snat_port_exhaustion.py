"""The way out has no port left for one more connection to this server.

What is wrong
    Many clients share one outbound address, and each connection to the same server needs a port of
    it. Pods, processes and pool sizes together have used them up; new dials are dropped until one is free.
How it looks
    Connect time-outs, never refusals, at random and worse with load; connections that are open go
    on working, and another network has no trouble.
What ends it
    A private endpoint, which needs no such ports; a NAT gateway; fewer, longer connections.
What it is not
    ``ephemeral-port-or-fd-exhaustion``: there this host itself is out of ports, and says so.
    ``conntrack-table-full``: there the host's table is full.
Sources
    https://learn.microsoft.com/azure/load-balancer/load-balancer-outbound-connections
    https://learn.microsoft.com/azure/app-service/troubleshoot-intermittent-outbound-connection-errors
"""

from __future__ import annotations

from refused.causes.readings import dialled, is_here, is_private, is_public, works_elsewhere
from refused.causes.statements import Cause, Clue, RuledOut, Signature
from refused.evidence.fleet import demand, supply
from refused.evidence.observations import (
    ClientFleet,
    ClientSettings,
    Elsewhere,
    OverTime,
    Platform,
    PortUse,
    TcpDial,
    Unseen,
)
from refused.evidence.over_time import is_scattered, outages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="snat-port-exhaustion",
    title="the way out has no port left for one more connection to this server",
    hop="tcp",
    shows_at=("tcp",),
    bucket="capacity",
    traits=("between", "start"),
    needs=(ClientFleet, ClientSettings, Elsewhere, OverTime, Platform, PortUse, TcpDial),
    remedies=(
        "use a private endpoint: private traffic needs no translated port",
        "put a NAT gateway in front of the clients, or give the load balancer more outbound addresses",
        "share one connection per process, and keep it",
    ),
    verify="twenty dials in a row are accepted at the busiest hour",
    prevent="reckon pods, processes and pool size against the ports per node; an alert on failed SNAT connections",
    expects=(("again", "recovers"), ("elsewhere", "works"), ("network-rules", "allows")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See whether dials to one public address fail at random, from a place that shares its way out."""
    others, platforms, ports = (
        evidence.all(Elsewhere),
        evidence.all(Platform),
        evidence.all(PortUse),
    )
    reckoned = tuple(_reckon(evidence, platforms))
    watches = evidence.all(OverTime)
    dials, broken = evidence.all(TcpDial), evidence.broken
    tried = (*dialled(dials), *dialled(dials, "repeat"))
    if broken is None or broken.hop != "tcp" or broken.how not in ("flaky", "silent") or not tried:
        return
    if is_here(tried[0].address):
        yield RuledOut(because=f"{tried[0].address} is this host itself", seen=tried)
        return
    failed = [dial for dial in tried if dial.failed]
    is_answered = bool(failed) and all(dial.outcome in ANSWERED for dial in failed)
    if is_answered:
        yield Clue(
            weight=-2.0,
            because=f"{len(failed)} of {len(tried)} dials were refused, which is an answer; one without a port meets silence",
            seen=tried,
        )
    elif broken.how == "flaky":
        well = len(tried) - len(failed)
        yield Clue(
            weight=1.4,
            because=f"{well} of {len(tried)} dials to the same port were accepted, the others met silence",
            seen=tried,
        )
    else:
        yield Clue(weight=0.1, because="the dials met silence", seen=tried)
        yield Clue(
            weight=-1.0,
            because=f"all {len(tried)} dials failed, which exhaustion seldom does",
            seen=tried,
        )
    yield from reckoned
    yield from () if is_answered else _rhythm(watches)
    if is_private(tried[0].address):
        yield Clue(
            weight=-1.5,
            because=f"{tried[0].address} is private, and private traffic is not translated",
            seen=tried,
        )
    elif is_public(tried[0].address):
        yield Clue(
            weight=0.6,
            because=f"{tried[0].address} is public, so that addresses are translated on the way",
            seen=tried,
        )
    for platform in platforms:
        if platform.kind in ("kubernetes", "app-service", "functions", "container-apps"):
            yield Clue(
                weight=1.3,
                because=f"{platform.kind} shares few outbound ports among its instances",
                seen=(platform,),
            )
    for use in ports:
        if use.to_target >= 64:
            yield Clue(
                weight=1.0,
                because=f"this host alone holds {use.to_target} connections to the server",
                seen=(use,),
            )
    if works_elsewhere(others) is not None:
        yield Clue(weight=0.6, because="another network has no trouble", seen=others)
    yield Unseen(
        vantage=evidence.vantage,
        what="ports of the outbound translation",
        why="only the platform's own metrics tell",
        how_to_see="the load balancer's UsedSnatPorts and SnatConnectionCount (state Failed)",
    )


def _reckon(evidence: Evidence, platforms: tuple[Platform, ...]) -> Iterator[Clue]:
    """Hold the connections that the clients may open against what the way out bears."""
    fleets, settings = evidence.all(ClientFleet), evidence.all(ClientSettings)
    for fleet in fleets[-1:]:
        wanted, way = demand(fleet, settings), supply(fleet, platforms)
        if wanted is None or way is None:
            continue
        said = f"{wanted.said}; the way out bears {way.ports:,} ({way.said})"
        # Where nobody said which way out there is, the platform's usual one is a guess.
        share = wanted.to_one / way.ports
        if share > 1:
            yield Clue(weight=1.0 if way.is_guess else 2.0, because=said, seen=(fleet,))
        elif share < HALF:
            yield Clue(weight=-0.5 if way.is_guess else -1.5, because=said, seen=(fleet,))


HALF = 0.5
ANSWERED = ("refused", "reset")


def _rhythm(watches: tuple[OverTime, ...]) -> Iterator[Clue]:
    """Tell ports that come free now and then from a server that is away for a while."""
    scattered = is_scattered(watches)
    if scattered:
        yield Clue(
            weight=0.6,
            because="dials fail singly, among others that are accepted, as when a port comes free now and then",
            seen=watches,
            fact="rhythm",
        )
    stretches = outages(watches)
    if scattered is False and len(stretches) == 1 and stretches[0].most_s is not None:
        yield Clue(
            weight=-1.0,
            because=f"dials failed in one stretch of {stretches[0].said}, and not before or after",
            seen=watches,
            fact="rhythm",
        )


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="snat-port-exhaustion-said-so",
        pattern=r"SNAT[^\n]{0,40}(?:exhaust|port|fail)|(?:exhaust|out of)[^\n]{0,20}SNAT",
        family="azure",
        weight=5.0,
        says="the text says that SNAT ports are used up",
        example="SNAT port exhaustion on the outbound load balancer",
        ignores_case=True,
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "denied": 1.9,
    "local-ports": 0.1,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.saw("denied") and told.runtime == "dotnet":
        yield Clue(
            weight=0.6,
            because="Windows forbids the socket, as App Service does at its limit of connections",
            seen=told.errors,
        )
    if bool(told.elsewhere) and told.saw("connect-timeout"):
        yield Clue(
            weight=3.4,
            because="connections to other services time out as well",
            seen=told.errors,
        )
    elif told.elsewhere and told.saw("cannot-connect", "still-connecting", "timed-out"):
        yield Clue(
            weight=1.8,
            because="connections to other services fail as well",
            seen=told.errors,
        )
