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
    traits=("start",),
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
    # Docker's links and Kubernetes' services put REDIS_PORT=tcp://10.1.2.3:6379 into a container's environment, which is
    # what many programs call their own setting: https://kubernetes.io/docs/concepts/services-networking/service/
    Signature(
        id="wrong-port-holds-url",
        pattern=r":tcp://[0-9.]{7,15}:[0-9]{2,5}|\bport\b[^\n]{0,60}tcp://[0-9.]{7,15}:[0-9]{2,5}|(?:invalid literal for int|NumberFormatException|strconv\.[A-Za-z]{2,10}: parsing|invalid digit|convert|cast|parse)[^\n]{0,80}tcp://[0-9.]{7,15}:[0-9]{2,5}|\bvalue: \"?tcp://[0-9.]{7,15}:[0-9]{2,5}",
        family="socket",
        weight=6.0,
        says="the port is an address that the container's environment holds under the same name",
        example="ValueError: invalid literal for int() with base 10: 'tcp://10.1.2.3:6379'",
        ignores_case=True,
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
    if told.hosted is None and not told.is_azure:
        yield from _by_number(told)
    if told.is_azure and told.port is not None and not _is_open(told.port, told.service):
        yield Clue(
            weight=4.2,
            because=f"{told.host} has no port {told.port}",
            seen=told.errors,
            fact="port",
        )
    if (
        told.port == SENTINELS
        and told.marked("plain-url", "tls-url")
        and not told.marked("sentinel")
    ):
        said = "26379 is the port of Sentinels, which hold no data and know few commands"
        yield Clue(weight=3.4, because=said, seen=told.errors, fact="port")
    if told.saw("odd-reply") and told.port is not None and told.port not in (6379, 6380, 10000):
        yield Clue(weight=1.2, because="the port is not a usual one of Redis", seen=told.errors)
    if told.saw("refused") and told.marked("topology"):
        yield Clue(
            weight=-1.2,
            because="a cluster's nodes have ports of their own, and tell them",
            seen=told.errors,
        )
    if told.saw("refused") and told.port == 6379 and not told.is_here:
        yield Clue(weight=-0.8, because="6379 is the usual port", seen=told.errors)
    elif told.saw("refused") and told.is_here and told.port == 6379:
        weight = -0.8 if told.runtime == "node" else 0.2
        yield Clue(weight=weight, because="6379 is the usual port", seen=told.errors)


def _is_open(port: int, service: str) -> bool:
    """Whether a service of Azure's listens on *port*, for clients or as a node of its cluster."""
    return port in expected_ports(service) or is_node_port(port, service)  # type: ignore[arg-type]


SENTINELS = 26379
USUAL = (6379, 6380, 10000, SENTINELS)


def _by_number(told: Told) -> Iterator[Clue]:
    """Weigh the port's number, where no provider gives ports of its own."""
    port = told.port
    if port is None or (port in USUAL[:3] and not told.in_containers):
        return
    never_up = told.marked("rs=NotStarted") and told.count("conn-sec") == 0
    if is_slip(port) and (never_up or told.saw("refused", "connect-timeout", "cannot-connect")):
        yield Clue(
            weight=3.4 if never_up else 2.6,
            because=f"{port} is one slip of the finger from a usual port of Redis",
            seen=told.errors,
            fact="port",
        )
    if told.saw("refused") and port not in USUAL[:3]:
        # Whoever rents out databases gives each a port of its own.
        yield Clue(
            weight=0.2 if told.is_outside else 1.6,
            because="the port is not a usual one of Redis",
            seen=told.errors,
            fact="port",
        )
    elif told.is_here and port not in USUAL and told.saw("cannot-connect", "cannot-reach"):
        yield Clue(
            weight=1.6,
            because="the port is not a usual one of Redis",
            seen=told.errors,
            fact="port",
        )
    if told.saw("refused") and told.in_containers and port not in (6379, 26379):
        yield Clue(
            weight=1.4,
            because="a port that is published on the host is dialled inside the containers' network, where the server has its own",
            seen=told.errors,
            fact="port",
        )


def is_slip(port: int) -> bool:
    """Whether *port* is a usual one with two digits swapped, one left out, or one written twice.

    >>> is_slip(6739), is_slip(637), is_slip(63799), is_slip(6381)
    (True, True, True, False)
    """
    typed = str(port)
    for usual in map(str, USUAL):
        if typed == usual:
            return False
        swapped = [
            usual[:at] + usual[at + 1] + usual[at] + usual[at + 2 :] for at in range(len(usual) - 1)
        ]
        missing = [usual[:at] + usual[at + 1 :] for at in range(len(usual))]
        twice = [usual[: at + 1] + usual[at:] for at in range(len(usual))]
        if typed in (*swapped, *missing, *twice) and len(typed) >= 3 and typed != "1000":
            return True
    return False
