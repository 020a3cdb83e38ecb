"""The client dials a port on which the service does not listen.

What is wrong
    6379, 6380 and 10000 are not interchangeable: Azure Cache for Redis has 6380 (and 6379 if its
    owner opened it), Azure Managed Redis has 10000 alone, and most others 6379.
How it looks
    Refused, or silence; on the right port the same host answers at once. StackExchange.Redis
    without a port dials 6380 when TLS is on, which is wrong on Managed Redis.
What ends it
    The port of the service, written out.
What it is not
    ``non-ssl-port-disabled``: 6379 on Azure Cache for Redis. ``not-redis``: there something listens
    on the port, and is not Redis.
Sources
    https://learn.microsoft.com/azure/redis/architecture
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-configure
"""

from __future__ import annotations

from refused.causes.readings import accepted, dialled, service_behind
from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.control_plane import (
    AzureCache,
)
from refused.evidence.observations import DnsAnswer, TcpDial
from refused.service.ports import expected_ports, is_node_port

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.target import (
        Target,
    )
    from refused.evidence.told import Told

CAUSE = Cause(
    id="wrong-port",
    title="the client dials a port on which the service does not listen",
    hop="tcp",
    shows_at=("tcp", "tls", "resp"),
    bucket="configuration",
    needs=(
        AzureCache,
        DnsAnswer,
        TcpDial,
    ),
    remedies=(
        "set the port that the service listens on: 6380 (Azure Cache for Redis), 10000 (Azure Managed Redis), 6379 (most others)",
    ),
    verify="the dial is accepted on the service's port",
    prevent="write the port out in every connection string; take it from the deployment's output",
    expects=(("server-side", "other-port"), ("elsewhere", "fails"), ("resource", "fine")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """Hold the port against those of the service, and see which of them accept."""
    answers, dials = evidence.all(DnsAnswer), evidence.all(TcpDial)
    caches = evidence.all(AzureCache)
    broken, target, tried = evidence.broken, evidence.target, dialled(evidence.all(TcpDial))
    if (
        broken is None
        or target is None
        or broken.hop != "tcp"
        or broken.how not in ("refused", "silent", "reset")
    ):
        return
    service = service_behind(target, answers)
    said_by_azure = _azure_says(caches[-1], target, broken.how) if caches else None
    if said_by_azure is not None:
        yield said_by_azure
        return
    sibling = accepted(dials, "sibling-port")
    unmasked = accepted(dials, "control") is not None
    known = expected_ports(service)  # type: ignore[arg-type]
    if service != "redis" and target.port not in known and not is_node_port(target.port, service):  # type: ignore[arg-type]
        listens = " and ".join(str(port) for port in known)
        yield Proof(
            because=f"this service listens on {listens}, never on {target.port}, and the dial was {broken.how}",
            seen=tried,
        )
    elif sibling is not None and not unmasked and not (service == "acr" and target.port == 6379):
        weight = 3.0 if broken.how == "refused" else 1.2
        yield Clue(
            weight=weight,
            because=f"port {sibling.port} of the same host accepts",
            seen=(sibling, *tried),
        )
    elif broken.how == "refused" and service == "redis":
        yield Clue(weight=0.3, because=f"nothing listens on port {target.port}", seen=tried)
        if target.port not in known:
            yield Clue(
                weight=0.7, because=f"{target.port} is not a usual port of Redis", seen=tried
            )


def _azure_says(cache: AzureCache, target: Target, how: str) -> Statement | None:
    """Hold the port against those on which Azure says that the cache listens."""
    listens = {port for port in (cache.tls_port, cache.plain_port) if port}
    nodes = {port for node in cache.node_ports for port in node[:2] if port}
    if target.port in listens | nodes:
        said = f"Azure says that the cache listens on port {target.port}"
        return RuledOut(because=said, seen=(cache,))
    # The plain port has a cause of its own, nodes come and go, and a cache that was moved keeps its old port.
    exempt = target.port == 6379 or is_node_port(target.port, cache.service)  # type: ignore[arg-type]
    if not listens or exempt or cache.redirected_to:
        return None
    ports = " and ".join(str(port) for port in sorted(listens))
    said = (
        f"Azure says that the cache listens on {ports}, and the client dials {target.port} ({how})"
    )
    return Proof(because=said, seen=(cache,))


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="wrong-port-http-at-server",
        pattern=r"Possible SECURITY ATTACK detected",
        family="server",
        weight=4.6,
        says="HTTP was spoken to the port of Redis",
        example="# Possible SECURITY ATTACK detected. It looks like somebody is sending POST",
    ),
    Signature(
        id="wrong-port-http-answers",
        pattern="got \\\"?'?H\\\"?'? as reply|first byte: 72\\b|Unknown reply: H|RESP (?:data )?type:? ?['\\\"`]?(?:H|72)\\b|invalid[^\\n]{0,30}HTTP/1|Expected [^\\n]{1,30}got 'H'|malformed HTTP response \\\"-ERR|(?:Protocol Error|InvalidResponse|Invalid response)[^\\n]{0,40}HTTP/1",
        family="socket",
        weight=4.5,
        says="an HTTP server answers on the port",
        example='Protocol error, got "H" as reply type byte',
    ),
    Signature(
        id="wrong-port-other-service-answers",
        pattern='first byte: (?:74|83|50|53|91)\\b|RESP (?:data )?type:? ?[\'\\"`]?(?:[JSR]|74|83)\\b|Unknown reply: [JSR5]\\b|got \\"?[JS]\\"? as reply',
        family="socket",
        weight=4.2,
        says="another protocol answers on the port",
        example="Invalid first byte: 74",
    ),
    Signature(
        id="wrong-port-bad-port",
        pattern=r"port (?:should be|must be|out of range|is invalid)[^\n]{0,40}|Port out of range|ERR_SOCKET_BAD_PORT|invalid port\b|port value out of range|NumberFormatException[^\n]{0,60}port",
        family="socket",
        weight=3.6,
        says="the port is no port",
        example="RangeError [ERR_SOCKET_BAD_PORT]: Port should be >= 0 and < 65536",
        ignores_case=True,
    ),
    Signature(
        id="wrong-port-http-reply",
        pattern=r"(?:can't parse|unexpected response line|invalid reply|bad reply)[^\n]{0,12}HTTP/1",
        family="go",
        weight=4.5,
        says="a web server answers on this port",
        example="redis: can't parse HTTP/1.1 400 Bad Request",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "refused": 1.2,
    "cannot-connect": 0.2,
    "odd-reply": 1.7,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.saw("odd-reply") and told.marked("byte=72"):
        yield Clue(
            weight=4.5, because="what came back begins as HTTP does", seen=told.errors, fact="said"
        )
    if told.saw("odd-reply") and told.marked("byte=74", "byte=83"):
        yield Clue(
            weight=4.2,
            because="what came back begins as the greeting of another service does",
            seen=told.errors,
            fact="said",
        )
    if told.saw("refused") and told.port is not None and told.port not in (6379, 6380, 10000):
        yield Clue(weight=1.6, because="the port is not a usual one of Redis", seen=told.errors)
    if told.saw("odd-reply") and told.port is not None and told.port not in (6379, 6380, 10000):
        yield Clue(weight=1.2, because="the port is not a usual one of Redis", seen=told.errors)
    if told.saw("refused") and told.is_here and told.port == 6379:
        yield Clue(weight=-1.0, because="6379 is the usual port", seen=told.errors)
