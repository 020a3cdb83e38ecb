"""How long things may take and how many there may be: on the server, on the path, in the client.

Durations are in seconds and say so in their names.
"""

from __future__ import annotations

from refused.service.facts import (
    ACR_ADMINISTRATION,
    ACR_CONFIGURE,
    ACR_CONNECTION,
    ACR_ENTRA,
    ACR_FAILOVER,
    ACR_LOGS,
    ACR_PRIVATE_LINK,
    ACR_SCALE,
    AKS_LOAD_BALANCER,
    AMR_CONNECTION,
    AMR_FAILOVER,
    AMR_LOGS,
    AMR_SCALE,
    APP_SERVICE_OUTBOUND,
    AZURE_FIREWALL,
    LIKELY,
    LINUX_SYSCTL,
    LOAD_BALANCER_IDLE,
    LOAD_BALANCER_SNAT,
    NAT_GATEWAY,
    PRIVATE_DNS,
    SECURITY_GROUPS,
    SURE,
    UNSURE,
    USER_ROUTES,
    WINDOWS_PORTS,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from refused.service.facts import Certainty, Service

# Keeping a connection alive every half minute satisfies all of these.
# Shape: (where, seconds, what the client sees next, source, certainty).
IDLE_LIMITS: tuple[tuple[str, int, str, str, Certainty], ...] = (
    ("acr", 600, "the server has closed the connection", ACR_CONNECTION, SURE),
    ("amr", 600, "the server has closed the connection", AMR_CONNECTION, SURE),
    ("load-balancer", 240, "silence, or a reset where that is on", LOAD_BALANCER_IDLE, SURE),
    ("aks-load-balancer", 1800, "a reset", AKS_LOAD_BALANCER, SURE),
    ("nat-gateway", 240, "a reset", NAT_GATEWAY, SURE),
    ("azure-firewall", 240, "silence or a reset", AZURE_FIREWALL, SURE),
    ("app-service", 240, "silence", APP_SERVICE_OUTBOUND, SURE),
    (
        "go-redis-pool",
        1800,
        "an error on first use, for the server hung up long before",
        "https://github.com/redis/go-redis/blob/HEAD/options.go",
        SURE,
    ),
)

# Shape: (service, kind, least seconds, most seconds, source, certainty).
FAILOVERS: tuple[tuple[Service, str, float, float, str, Certainty], ...] = (
    ("acr", "planned", 0, 1, ACR_FAILOVER, SURE),
    ("acr", "unplanned", 10, 15, ACR_FAILOVER, SURE),
    ("amr", "planned", 0, 1, AMR_FAILOVER, SURE),
    ("amr", "unplanned", 10, 15, AMR_FAILOVER, SURE),
)

# How long a change takes to be felt; nothing is to be undone before that.
# Shape: (change, service ("": any), seconds as a rule, seconds at most (None: not said), source,
# certainty).
SETTLING: tuple[tuple[str, str, int, int | None, str, Certainty], ...] = (
    ("firewall-rule", "acr", 60, None, ACR_CONFIGURE, SURE),
    ("entra-enabled", "acr", 1800, 1800, ACR_ENTRA, SURE),
    ("scale", "acr", 1200, None, ACR_SCALE, SURE),
    ("scale", "amr", 600, None, AMR_SCALE, LIKELY),
    ("logs", "acr", 5400, 5400, ACR_LOGS, SURE),
    ("logs", "amr", 5400, 5400, AMR_LOGS, SURE),
    # No document names a figure for these. Waiting too long costs minutes, undoing too early costs the
    # fix, so what stands here is long on purpose.
    ("public-access", "", 300, None, ACR_CONFIGURE, UNSURE),
    ("private-endpoint", "", 300, None, ACR_PRIVATE_LINK, UNSURE),
    ("private-dns", "", 300, None, PRIVATE_DNS, UNSURE),
    ("nsg-rule", "", 120, None, SECURITY_GROUPS, UNSURE),
    ("route", "", 120, None, USER_ROUTES, UNSURE),
    ("entra-grant", "", 300, None, ACR_ENTRA, UNSURE),
    ("tls", "", 300, None, ACR_CONFIGURE, UNSURE),
    ("restart", "", 300, None, ACR_ADMINISTRATION, UNSURE),
)

# Ports per node and outbound address that a load balancer hands out by itself.
# Shape: (fewest nodes, most nodes, ports, source, certainty).
SNAT_BY_NODES: tuple[tuple[int, int, int, str, Certainty], ...] = (
    (1, 50, 1024, LOAD_BALANCER_SNAT, SURE),
    (51, 100, 512, LOAD_BALANCER_SNAT, SURE),
    (101, 200, 256, LOAD_BALANCER_SNAT, SURE),
    (201, 400, 128, LOAD_BALANCER_SNAT, SURE),
    (401, 800, 64, LOAD_BALANCER_SNAT, SURE),
    (801, 1000, 32, LOAD_BALANCER_SNAT, SURE),
)

# A port is spent per connection to one address and port, and a cache is one.
# Shape: (path, ports, per what, source, certainty).
SNAT_PORTS: tuple[tuple[str, int, str, str, Certainty], ...] = (
    ("load-balancer", 64_000, "public address", LOAD_BALANCER_SNAT, SURE),
    ("nat-gateway", 64_512, "public address, up to 16 of them", NAT_GATEWAY, SURE),
    ("azure-firewall", 2_496, "public address and instance", AZURE_FIREWALL, SURE),
    ("app-service", 128, "instance; more are had where some are free", APP_SERVICE_OUTBOUND, SURE),
)

# A NAT gateway bears so many flows at once to one destination, for each of its addresses.
# Source: NAT_GATEWAY (sure).
NAT_FLOWS_TO_ONE = 50_000
# An Azure Firewall begins with two instances. Source: AZURE_FIREWALL (likely).
FIREWALL_INSTANCES = 2

# A host with a public address of its own is translated one to one: only its own local ports count.
# Source: LOAD_BALANCER_SNAT, "Assign a public IP to the virtual machine" (likely).
OWN_ADDRESS = "public-ip"

# Connections that one instance of a Functions app on the Consumption plan may have open at once, to
# whatever server: its sandbox counts them. From memory of the page, which was not to be had.
# Source: https://learn.microsoft.com/azure/azure-functions/manage-connections (unsure).
FUNCTIONS_CONNECTIONS = 600

# Shape: (size of the App Service instance, TCP connections at most, source, certainty).
APP_SERVICE_CONNECTIONS: tuple[tuple[str, int, str, Certainty], ...] = (
    ("small", 1_920, APP_SERVICE_OUTBOUND, SURE),
    ("medium", 3_968, APP_SERVICE_OUTBOUND, SURE),
    ("large", 8_064, APP_SERVICE_OUTBOUND, SURE),
    ("isolated", 16_000, APP_SERVICE_OUTBOUND, SURE),
)

# Shape: (system, first port, last port, seconds in TIME_WAIT, source, certainty).
EPHEMERAL_PORTS: tuple[tuple[str, int, int, int, str, Certainty], ...] = (
    ("Linux", 32_768, 60_999, 60, LINUX_SYSCTL, SURE),
    (
        "Windows",
        49_152,
        65_535,
        120,
        WINDOWS_PORTS,
        LIKELY,
    ),
)

# Shape: (limit of the server, value, unit, source, certainty).
SERVER_LIMITS: tuple[tuple[str, int, str, str, Certainty], ...] = (
    ("lua-time-limit", 5_000, "ms", ACR_CONFIGURE, SURE),
    ("pubsub-output-buffer-hard", 32, "MB", ACR_CONFIGURE, SURE),
    ("pubsub-output-buffer-soft", 8, "MB for 60 s", ACR_CONFIGURE, SURE),
)

_SER = "https://github.com/StackExchange/StackExchange.Redis/blob/HEAD/docs/Configuration.md"
_REDIS_PY = "https://github.com/redis/redis-py/blob/HEAD/redis/connection.py"
_JEDIS = "https://github.com/redis/jedis/blob/HEAD/src/main/java/redis/clients/jedis/Protocol.java"
_LETTUCE = (
    "https://github.com/redis/lettuce/blob/HEAD/src/main/java/io/lettuce/core/SocketOptions.java"
)
_REDISSON = "https://github.com/redisson/redisson/blob/HEAD/docs/configuration.md"
_IOREDIS = "https://github.com/redis/ioredis/blob/HEAD/lib/redis/RedisOptions.ts"
_NODE_REDIS = "https://github.com/redis/node-redis/blob/HEAD/docs/client-configuration.md"
_GO_REDIS = "https://github.com/redis/go-redis/blob/HEAD/options.go"
_PREDIS = "https://github.com/predis/predis/blob/HEAD/README.md"
_REDIS_RB = "https://github.com/redis-rb/redis-client/blob/HEAD/README.md"

# What a library waits for when nobody told it otherwise. None: it waits as long as the system does.
# Shape: (library, major version ("": whatever is current), seconds to connect, seconds for a
# command, source, certainty).
CLIENT_TIMEOUTS: tuple[tuple[str, str, float | None, float | None, str, Certainty], ...] = (
    ("StackExchange.Redis", "", 5, 5, _SER, SURE),
    ("redis-py", "8", 5, 5, _REDIS_PY, SURE),
    ("redis-py", "5", None, None, _REDIS_PY, SURE),
    ("jedis", "", 2, 2, _JEDIS, SURE),
    ("lettuce", "", 10, 60, _LETTUCE, SURE),
    ("redisson", "", 10, 3, _REDISSON, SURE),
    ("ioredis", "", 10, None, _IOREDIS, SURE),
    ("node-redis", "6", 5, 5, _NODE_REDIS, SURE),
    ("go-redis", "9", 5, 5, _GO_REDIS, SURE),
    ("predis", "", 5, None, _PREDIS, SURE),
    ("redis-rb", "", 1, None, _REDIS_RB, SURE),
)

_SER_DEAD = "https://github.com/StackExchange/StackExchange.Redis/pull/2610"
_JEDIS_SOCKET = "https://github.com/redis/jedis/blob/HEAD/src/main/java/redis/clients/jedis/DefaultJedisSocketFactory.java"

# How a library by itself finds out that its peer is gone.
# Shape: (library, major version ("": whatever is current), TCP keep-alive after so many seconds of
# quiet (0: on, with the system's own time; None: off), seconds between probes and number of probes
# (None: the system's), PING of its own after so many quiet seconds (None: never), after how many
# command time-outs the connection itself is dropped (None: only the command fails), source,
# certainty).
CLIENT_LIVENESS: tuple[
    tuple[str, str, int | None, int | None, int | None, int | None, int | None, str, Certainty],
    ...,
] = (
    # Since 2.7.10: no reply for four times the time-out, while commands time out.
    ("StackExchange.Redis", "", 0, None, None, 60, 4, _SER_DEAD, SURE),
    ("redis-py", "8", 30, 5, 3, None, 1, _REDIS_PY, SURE),
    ("redis-py", "5", None, None, None, None, 1, _REDIS_PY, SURE),
    ("jedis", "", 0, None, None, 30, 1, _JEDIS_SOCKET, LIKELY),
    ("lettuce", "", 13, 13, 3, None, None, _LETTUCE, SURE),
    ("redisson", "", 0, None, None, 30, 1, _REDISSON, LIKELY),
    ("ioredis", "", 30, None, None, None, None, _IOREDIS, SURE),
    ("node-redis", "6", 30, None, None, None, None, _NODE_REDIS, SURE),
    ("go-redis", "9", 300, 300, None, None, 1, _GO_REDIS, LIKELY),
    ("predis", "", None, None, None, None, None, _PREDIS, LIKELY),
)

# Shape: (what, least seconds, most seconds, source, certainty).
ADVISED_TIMEOUTS: tuple[tuple[str, float, float, str, Certainty], ...] = (
    ("connect", 5, 15, ACR_CONNECTION, SURE),
    ("command", 1, 10, ACR_CONNECTION, LIKELY),
)

# The one kernel setting that Microsoft advises for clients of a cache.
# Shape: (setting, advised value, kernel's own value, source, certainty).
ADVISED_SYSCTL: tuple[str, int, int, str, Certainty] = (
    "net.ipv4.tcp_retries2",
    5,
    15,
    ACR_CONNECTION,
    SURE,
)


def idle_limit_s(where: str) -> int | None:
    """Return after how many quiet seconds *where* (see :data:`IDLE_LIMITS`) ends a connection."""
    for name, seconds, _, _, _ in IDLE_LIMITS:
        if name == where:
            return seconds
    return None


def failover_s(service: Service, kind: str) -> tuple[float, float] | None:
    """Return the least and most seconds of a ``planned`` or ``unplanned`` failover."""
    for name, known, least, most, _, _ in FAILOVERS:
        if (name, known) == (service, kind):
            return least, most
    return None


def settling_s(change: str, service: Service) -> int | None:
    """Return how long *change* needs before its effect can be judged; ``None`` where not said."""
    for name, where, usual, most, _, _ in SETTLING:
        if name == change and where in ("", service):
            return usual if most is None else most
    return None


def settling_source(change: str, service: Service) -> str:
    """Return where the figure of :func:`settling_s` is from; ``""`` where there is none."""
    return next(
        (
            source
            for name, where, _, _, source, _ in SETTLING
            if name == change and where in ("", service)
        ),
        "",
    )


def snat_ports_per_node(nodes: int) -> int | None:
    """Return the ports that a load balancer gives each of *nodes*, per outbound address.

    One node more than a step (50, 100, 200 …) halves the ports of all. ``None`` above 1,000 nodes,
    for which nothing is published.

    >>> snat_ports_per_node(50), snat_ports_per_node(51)
    (1024, 512)

    Raises:
        ValueError: *nodes* is below 1.
    """
    if nodes < 1:
        raise ValueError(f"there is no pool of {nodes} nodes")
    for fewest, most, ports, _, _ in SNAT_BY_NODES:
        if fewest <= nodes <= most:
            return ports
    return None


def most_nodes(*, addresses: int, ports_per_node: int) -> int:
    """Return how many nodes fit when each is given *ports_per_node* by hand.

    Azure wants multiples of 8, and counts the surge of an upgrade as nodes.

    Raises:
        ValueError: An argument is below 1.

    Source: learn.microsoft.com, ``aks/load-balancer-standard`` (sure).
    """
    if addresses < 1 or ports_per_node < 1:
        raise ValueError("addresses and ports_per_node start at 1")
    return 64_000 * addresses // ports_per_node


def connections_wanted(*, processes: int, pool_size: int, sockets_per_connection: int = 1) -> int:
    """Return how many connections, and so SNAT ports, *processes* may open to one cache.

    StackExchange.Redis on RESP2 opens two sockets per endpoint, one of them for subscriptions.
    """
    return processes * pool_size * sockets_per_connection


def new_connections_per_s(first_port: int, last_port: int, time_wait_s: int = 60) -> float:
    """Return how many connections a second to one destination the local ports can sustain.

    A port rests in TIME_WAIT after the side that closed first is done with it.

    >>> round(new_connections_per_s(32768, 60999))
    471

    Raises:
        ValueError: The range is empty or *time_wait_s* is below 1.
    """
    if last_port < first_port or time_wait_s < 1:
        raise ValueError("an empty range of ports, or no time to wait")
    return (last_port - first_port + 1) / time_wait_s


def unnoticed_s(
    *, idle_s: int, interval_s: int, probes: int, user_timeout_s: float | None = None
) -> int:
    """Return how long an idle socket keeps believing in a peer that is gone.

    Keepalive starts after *idle_s* of quiet, repeats *probes* times, *interval_s* apart, and gives
    up one interval after the last. It does not run while data is in flight: there,
    :func:`gives_up_s` counts.

    Where TCP_USER_TIMEOUT is set, that decides instead of *probes*: the kernel gives up at the
    first probe that is due after it, but not before one has gone unanswered.

    >>> unnoticed_s(idle_s=30, interval_s=5, probes=3)
    45
    >>> unnoticed_s(idle_s=30, interval_s=5, probes=3, user_timeout_s=32)
    35

    Raises:
        ValueError: An argument is below 1, which the kernel refuses too.

    Source: tcp(7), ``tcp_keepalive_time``, ``tcp_keepalive_intvl``, ``tcp_keepalive_probes``,
    ``TCP_USER_TIMEOUT``; linux, net/ipv4/tcp_timer.c, tcp_keepalive_timer().
    """
    if min(idle_s, interval_s, probes) < 1 or (user_timeout_s is not None and user_timeout_s <= 0):
        raise ValueError("keepalive settings start at 1")
    if user_timeout_s is None:
        return idle_s + interval_s * probes
    late = max(0.0, user_timeout_s - idle_s)
    return idle_s + interval_s * max(1, int(-(-late // interval_s)))


def retransmission_timeout_s(tcp_retries2: int) -> float:
    """Return how long Linux sends unacknowledged data again before it gives the connection up.

    The wait starts at 0.2 s, doubles, and stops growing at 120 s. This is the least there is: a
    slow path starts higher, which is how 15 retries come to mean 13 to 30 minutes.

    >>> retransmission_timeout_s(15), retransmission_timeout_s(5)
    (924.6, 12.6)

    Raises:
        ValueError: *tcp_retries2* is not between 0 and 255.

    Source: https://docs.kernel.org/networking/ip-sysctl.html, ``tcp_retries2``.
    """
    if not 0 <= tcp_retries2 <= 255:
        raise ValueError(f"tcp_retries2 is {tcp_retries2}, and may be 0 to 255")
    return round(sum(min(0.2 * (1 << turn), 120.0) for turn in range(tcp_retries2 + 1)), 1)


# Constants of the kernel's TCP. Source: linux, include/net/tcp.h.
_RTO_LEAST_S, _RTO_MOST_S = 0.2, 120.0
# Most kernels count in ticks of 4 ms (CONFIG_HZ=250), and round up.
_TICK_S = 0.004
# The timer wheel rounds a wait up, by up to an eighth; on average a thirtieth, as measured.
# Source: linux, kernel/time/timer.c.
_LATE = 1.03


def gives_up_s(
    tcp_retries2: int, *, rtt_s: float = 0.0, user_timeout_s: float | None = None
) -> float:
    """Return when Linux really gives unacknowledged data up, in seconds after it was sent.

    :func:`retransmission_timeout_s` is what the kernel holds the time against; it looks at the
    clock only when a retransmission is due, and starts it with the first of them. So what it
    comes to is the next doubling: with 3 retries not 3.0 s, but nearly 7. A tail loss probe goes
    out before the first. TCP_USER_TIMEOUT takes the place of the limit, and is met to the point.

    Measured on Linux 6.18 for 2 to 6 retries and three values of TCP_USER_TIMEOUT: within 3 %.
    Near a limit a longer way tips it: with 3 retries and 10 ms there, it is half.

    >>> round(gives_up_s(5), 1), round(gives_up_s(15) / 60), round(gives_up_s(15, user_timeout_s=30))
    (13.4, 16, 30)

    Args:
        rtt_s: The way there and back.
        user_timeout_s: TCP_USER_TIMEOUT of the socket; it outdoes *tcp_retries2*.

    Raises:
        ValueError: *tcp_retries2* is not between 0 and 255, or a time is below 0.

    Source: linux, net/ipv4/tcp_timer.c, tcp_write_timeout(), retransmits_timed_out(),
    tcp_clamp_rto_to_user_timeout(); net/ipv4/tcp_output.c, tcp_schedule_loss_probe().
    """
    if rtt_s < 0 or (user_timeout_s is not None and user_timeout_s <= 0):
        raise ValueError("a time is above 0")
    limit_s = retransmission_timeout_s(tcp_retries2)
    wait_s = (_RTO_LEAST_S + rtt_s + _TICK_S) * _LATE
    began_s = _RTO_LEAST_S + 2 * rtt_s + wait_s  # the probe, and then the first retransmission
    if user_timeout_s is not None:
        return began_s + user_timeout_s
    waited_s = 0.0
    while waited_s < limit_s:
        wait_s = min(2 * wait_s, _RTO_MOST_S)
        waited_s += wait_s
    return began_s + waited_s


def connect_timeout_s(tcp_syn_retries: int, linear_timeouts: int = 0) -> int:
    """Return how long Linux tries to connect when nobody answers and the program sets no limit.

    The wait starts at 1 s and doubles. Since Linux 6.5 the first *linear_timeouts* (4 by default)
    waits do not double, and come on top.

    >>> connect_timeout_s(6), connect_timeout_s(6, 4)
    (127, 131)

    Raises:
        ValueError: *tcp_syn_retries* is not between 0 and 127, or *linear_timeouts* is below 0.

    Source: https://docs.kernel.org/networking/ip-sysctl.html, ``tcp_syn_retries``.
    """
    if not 0 <= tcp_syn_retries <= 127 or linear_timeouts < 0:
        raise ValueError("tcp_syn_retries may be 0 to 127, linear_timeouts 0 or more")
    return linear_timeouts + sum(min(1 << turn, 120) for turn in range(tcp_syn_retries + 1))


# From which version on a library drops a dead connection by itself; before, the kernel's time counts.
DROPS_SINCE = {"StackExchange.Redis": "2.7.10"}


class Liveness:
    """A library's row of :data:`CLIENT_LIVENESS`, by name."""

    __slots__ = ("keepalive_s", "interval_s", "probes", "ping_s", "drops_after", "source")

    def __init__(
        self,
        *,
        keepalive_s: int | None,
        interval_s: int | None,
        probes: int | None,
        ping_s: int | None,
        drops_after: int | None,
        source: str,
    ) -> None:
        self.keepalive_s, self.interval_s, self.probes = keepalive_s, interval_s, probes
        self.ping_s, self.drops_after, self.source = ping_s, drops_after, source


def client_liveness(library: str, version: str = "") -> Liveness | None:
    """Return how a library finds out that its peer is gone; ``None`` for an unknown one.

    Versions are read as :func:`client_timeouts_s` does.
    """
    rows = [row for row in CLIENT_LIVENESS if row[0].lower() == library.lower()]
    if not rows:
        return None
    row = rows[_nearest([each[1] for each in rows], version)]
    return Liveness(
        keepalive_s=row[2],
        interval_s=row[3],
        probes=row[4],
        ping_s=row[5],
        drops_after=row[6],
        source=row[7],
    )


def _nearest(majors: list[str], version: str) -> int:
    """Return the place of the row for *version*: its own, the nearest older one, else the oldest."""
    major = version.split(".", 1)[0]
    if not (major.isascii() and major.isdigit()):
        return 0  # newest first in the tables; an unknown version is taken for the newest
    for at, known in enumerate(majors):
        if not known or int(known) <= int(major):
            return at
    return len(majors) - 1


def client_timeouts_s(library: str, version: str = "") -> tuple[float | None, float | None] | None:
    """Return a library's own time-outs to connect and for a command; ``None`` for an unknown one.

    *version* may be a full one (``5.0.8``). A version that is not in the table gets the nearest
    older row, else the oldest.
    """
    rows = [row for row in CLIENT_TIMEOUTS if row[0].lower() == library.lower()]
    if not rows:
        return None
    best = rows[_nearest([row[1] for row in rows], version)]
    return best[2], best[3]


def outbound_ports(
    path: str, *, nodes: int | None = None, addresses: int = 1, by_hand: int | None = None
) -> tuple[int, str] | None:
    """Return how many connections to one server a way out bears, and how that figure comes about.

    A figure is for all nodes together. ``None`` where nothing is published, or too little is known:
    a load balancer's share needs the number of nodes.

    >>> outbound_ports("load-balancer", nodes=3)
    (3072, '1,024 ports for each of 3 nodes')
    >>> outbound_ports("nat-gateway", addresses=2)
    (100000, '50,000 flows to one destination for each of 2 addresses')

    Args:
        path: As in :data:`SNAT_PORTS`, or :data:`OWN_ADDRESS`.
        nodes: Hosts, or instances of an App Service plan, behind the way out.
        addresses: Public addresses of the way out.
        by_hand: Ports allocated to each node.

    Raises:
        ValueError: A number is below 1.
    """
    if min(nodes or 1, addresses, by_hand or 1) < 1:
        raise ValueError("nodes, addresses and ports start at 1")
    if path == "load-balancer":
        each = by_hand or (snat_ports_per_node(nodes) if nodes else None)
        if each is None or nodes is None:
            return None
        per_node = each if by_hand else each * addresses
        return per_node * nodes, f"{per_node:,} ports for each of {_count(nodes, 'node')}"
    if path == "nat-gateway":
        most = NAT_FLOWS_TO_ONE * addresses
        flows = f"{NAT_FLOWS_TO_ONE:,} flows to one destination"
        return most, f"{flows} for each of {_count(addresses, 'address')}"
    if path == "app-service":
        # More are had where some are free, which nobody promises.
        per_instance = next(ports for name, ports, _, _, _ in SNAT_PORTS if name == path)
        if nodes is None:
            return None
        said = f"{per_instance} ports for each of {_count(nodes, 'instance')} for certain"
        return per_instance * nodes, said
    if path == OWN_ADDRESS:
        first, last = next((a, b) for name, a, b, _, _, _ in EPHEMERAL_PORTS if name == "Linux")
        own = last - first + 1
        said = f"{own:,} local ports for each of {_count(nodes or 1, 'host')} with an address of its own"
        return own * (nodes or 1), said
    if path == "azure-firewall":
        per_address = next(ports for name, ports, _, _, _ in SNAT_PORTS if name == path)
        # Two instances at least, and more as it grows.
        most = per_address * addresses * FIREWALL_INSTANCES
        said = f"{per_address:,} ports for each of {_count(addresses, 'address')}, on {FIREWALL_INSTANCES} instances"
        return most, said
    return None


def _count(number: int, what: str) -> str:
    if number == 1:
        return f"1 {what}"
    return f"{number:,} {what}{'es' if what.endswith('s') else 's'}"
