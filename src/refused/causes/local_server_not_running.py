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
from refused.causes.statements import Cause, Clue, RuledOut, Signature
from refused.evidence.observations import DnsAnswer, Elsewhere, TcpDial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

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


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="local-server-not-running-named-local",
        pattern=r"connecting to localhost:6379[^\n]{0,40}(?:refused|actively)|Could not connect to Redis at (?:127\.0\.0\.1|localhost):6379: Connection refused|Error (?:111|61|10061) connecting to (?:localhost|127\.0\.0\.1):6379|localhost:6379 \(Connection refused|Connection refused - connect\(2\) for (?:127\.0\.0\.1|localhost)[^\n]{0,12}6379|Connection refused \[tcp://(?:127\.0\.0\.1|localhost):6379|dial tcp (?:127\.0\.0\.1|\[::1\]):6379: connect: connection refused|connecting to Redis on (?:127\.0\.0\.1|localhost):6379 \((?:Errno::)?ECONNREFUSED|[Cc]onnection refused: (?:localhost|/?127\.0\.0\.1)[^\n]{0,20}:6379",
        family="socket",
        weight=1.6,
        says="the host's own port 6379 refuses: nothing listens there",
        example="Error 111 connecting to localhost:6379. Connection refused.",
    ),
    Signature(
        id="local-server-not-running-server-exits",
        pattern=r"bind: Address already in use|(?:Could not create|Creating) [Ss]erver TCP listening socket|unable to bind socket|Failed listening on port|Can't handle RDB format|Fatal error loading the DB|Bad file format reading the append only file|FATAL CONFIG FILE ERROR|Redis is now ready to exit",
        family="server",
        weight=3.5,
        says="the server itself did not come up",
        example="# Could not create server TCP listening socket *:6379: bind: Address already in use",
    ),
    Signature(
        id="local-server-not-running-cannot-listen",
        pattern=r"Could not create server TCP listening socket [^\n]{0,120}bind: |Failed listening on port [0-9]{1,5} \(",
        family="server",
        weight=6.0,
        says="the server cannot listen, and ends",
        example="Could not create server TCP listening socket *:6379: bind: Cannot assign requested address",
    ),
    # The kernel names the process it ends; a server that cannot allocate says so and aborts (zmalloc's handler).
    Signature(
        id="local-server-not-running-crashed",
        pattern=r"BUG REPORT START: Cut & paste|\b(?:Redis|Valkey|KeyDB) [0-9.]{3,12} crashed by signal|Out Of Memory allocating [0-9]{1,20} bytes|Killed process [0-9]{1,9} \((?:redis|valkey|keydb)|oom-kill[^\n]{0,300}task=(?:redis|valkey|keydb)",
        family="server",
        weight=3.8,
        says="the server's process came to its end",
        example="=== REDIS BUG REPORT START: Cut & paste starting from here ===",
    ),
    Signature(
        id="local-server-not-running-no-socket-file",
        pattern=r"(?:redis|valkey)[^\n]{0,120}\.sock\b[^\n]{0,60}(?:No such file|ENOENT)|ENOENT[^\n]{0,80}(?:redis|valkey)[^ \n]{0,40}\.sock\b",
        family="socket",
        weight=4.2,
        says="no server has opened its local socket there",
        example="Could not connect to Redis at /run/redis/redis.sock: No such file or directory",
        ignores_case=True,
    ),
    Signature(
        id="local-server-not-running-no-accept-handler",
        pattern=r"Failed to configure TLS\. Check logs|Failed to configure CA certificate|Unrecoverable error creating [A-Za-z ]{2,40}accept handler|Unable to listen on this port\. Check server logs",
        family="server",
        weight=4.2,
        says="the server could not open its port",
        example="Failed to configure TLS. Check logs for more info.",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "refused": 1.7,
    "unreachable": 0.1,
    "cannot-connect": 0.3,
    "gave-up": 1.1,
    "pool-failed": 0.9,
    "no-sentinel": 0.2,
    "went-away": 1.5,
    "cannot-reach": 1.4,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.misses_own_address:
        yield Clue(
            weight=2.0,
            because="nothing on the client's own host answers to its name",
            seen=told.errors,
            fact="dialled",
        )
    if (
        told.is_here
        and not told.saw("refused")
        and "cannot-connect" in (*told.wrappers, *told.symptoms)
    ):
        yield Clue(
            weight=2.4,
            because="the client's own host was dialled, and no connection came about",
            seen=told.errors,
            fact="dialled",
        )
    if told.saw("refused") and told.is_here and told.marked("container", "kubernetes"):
        yield Clue(
            weight=-1.2,
            because="a container seldom holds its own server",
            seen=told.errors,
            fact="elsewhere",
        )
    if told.saw("refused") and told.is_here and told.marked("up-elsewhere"):
        yield Clue(
            weight=-1.5,
            because="another Redis answers in the same text, so that none is missing",
            seen=told.errors,
            fact="elsewhere",
        )
    if told.saw("refused") and told.is_here and told.runtime != "node":
        yield Clue(
            weight=0.8, because="the client's own host refuses", seen=told.errors, fact="dialled"
        )
    if told.saw("refused") and told.is_here and told.marked("topology") and told.port != 6379:
        yield Clue(
            weight=-1.0,
            because="a cluster's client dials what the cluster told it",
            seen=told.errors,
            fact="of the cluster",
        )
    if told.saw("name-unknown") and told.host and "." not in told.host:
        # Docker's own resolver knows the containers that run, and no others.
        # https://docs.docker.com/engine/network/#dns-services
        yield Clue(
            weight=1.6,
            because="the name of a container leads nowhere while it does not run",
            seen=told.errors,
            fact="one label",
        )
    if told.saw("refused") and not told.address and not told.host:
        yield Clue(weight=0.9, because="no other host is named", seen=told.errors, fact="dialled")
    if told.saw("refused") and told.is_here and told.runtime == "node":
        yield Clue(
            weight=0.4, because="the client's own host refuses", seen=told.errors, fact="dialled"
        )
    if told.saw("refused") and told.is_here and told.marked("image") and not told.is_on_desk:
        yield Clue(
            weight=-0.6,
            because="the program's path is one of an image, which seldom holds a server",
            seen=told.errors,
            fact="elsewhere",
        )
    if told.saw("refused") and told.is_here and told.is_on_desk:
        yield Clue(
            weight=1.0 if told.runtime == "node" else 0.3,
            because="the client runs on somebody's own machine, where a server of one's own is usual",
            seen=told.errors,
        )
    if told.saw("refused") and (told.is_public or told.is_azure or told.hosted is not None):
        yield Clue(weight=-2.5, because="another host is dialled", seen=told.errors, fact="dialled")
    if told.saw("refused", "cannot-connect") and told.is_azure:
        yield Clue(
            weight=-2.5, because="a cache of Azure's is dialled", seen=told.errors, fact="dialled"
        )
