"""Every kind of fact that a diagnosis may rest on, one record each.

An observation says what was seen, never what it means. Outcomes are words from a fixed list, with
the raw number beside them where the system gave one, so that a later reader can disagree with us.
A kind is public: bundles carry its name, and a renamed kind would orphan them.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

from refused.evidence.record import Record, nested

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    LookupOutcome = Literal["answered", "not-found", "no-address", "try-again", "failed", "silent"]
    DnsOutcome = Literal[
        "answered",
        "no-address",
        "nxdomain",
        "servfail",
        "refused",
        "silent",
        "unreachable",
        "garbled",
        "other",
    ]
    DialOutcome = Literal[
        "accepted",
        "refused",
        "silent",
        "unreachable",
        "reset",
        "denied",
        "no-local-port",
        "no-descriptor",
        "proxy-failed",
        "other",
    ]
    DialPurpose = Literal["client", "repeat", "control", "node", "sibling-port", "dns-address"]
    TlsOutcome = Literal[
        "ok",
        "untrusted",
        "name-mismatch",
        "expired",
        "not-yet-valid",
        "alert",
        "closed",
        "reset",
        "silent",
        "not-tls",
        "error",
    ]
    TlsPurpose = Literal["client", "unverified", "version", "small-segments", "small-reply", "node"]
    TalkOutcome = Literal["ok", "error", "closed", "reset", "silent", "not-resp"]
    Protocol = Literal[
        "resp",
        "http",
        "tls",
        "ssh",
        "smtp",
        "ftp",
        "mysql",
        "postgresql",
        "memcached",
        "amqp",
        "mongodb",
        "unknown",
        "nothing",
    ]


class Observation(Record):
    """One typed fact: what was seen, from where, when, for how long, and by what means.

    Attributes:
        vantage: Where the probe stood. A cache can be well from here and dead from there.
        at: When the observation ended, in seconds since 1970 UTC.
        took_ms: How long it took, by the monotonic clock.
        source: The means: a system call, a command, a file, an API with its version.
    """

    vantage: str
    at: float
    took_ms: float
    source: str


class Unseen(Record):
    """An observation that was wanted and could not be had. It never counts as "fine".

    Attributes:
        what: The kind of observation, by class name, or a plain noun where no class fits.
        why: What stood in the way.
        how_to_see: What the reader can do to make it visible.
    """

    vantage: str
    what: str
    why: str
    how_to_see: str


# --- what the user asked for -------------------------------------------------------------------


class ClientSettings(Observation):
    """What the client in the target is set to do; ``None`` means that nothing was said.

    Attributes:
        client: ``StackExchange.Redis``, ``redis-py`` … or ``""`` where the form fits many.
        max_tls: The highest TLS version the client may speak, as ``"1.1"``; a cap, not a wish.
        min_tls: The lowest TLS version the client accepts.
        verify: Whether the client checks the certificate chain.
        check_hostname: Whether it checks the name in the certificate.
        sni: The name it sends and checks instead of the host (``sslHost``).
        ca_file: The CA bundle it trusts instead of the system's.
        pool_size: The most connections its pool opens.
        keepalive_s: How long a quiet connection waits before it is kept alive; 0 is never.
        others: The remaining options as given, secrets removed: ``("abortConnect=False", …)``.
        other_hosts: Further ``host:port`` given beside the target's.
    """

    client: str
    connect_timeout_ms: float | None = None
    command_timeout_ms: float | None = None
    max_tls: str | None = None
    min_tls: str | None = None
    verify: bool | None = None
    check_hostname: bool | None = None
    sni: str | None = None
    ca_file: str | None = None
    protocol: int | None = None
    pool_size: int | None = None
    keepalive_s: float | None = None
    retries: int | None = None
    cluster_aware: bool | None = None
    others: tuple[str, ...] = ()
    other_hosts: tuple[str, ...] = ()


# --- name and address --------------------------------------------------------------------------


class NameLookup(Observation):
    """What the application would get from its system: ``getaddrinfo``, hosts file included.

    Attributes:
        addresses: In the order in which a client would try them.
        error: The ``EAI_*`` number, which differs between systems; ``None`` on success.
    """

    host: str
    outcome: LookupOutcome
    addresses: tuple[str, ...] = ()
    error: int | None = None
    error_text: str = ""


@nested
class DnsRecord(Record):
    """One resource record of an answer: ``name IN type value``, time to live in seconds."""

    name: str
    type: str
    value: str
    ttl_s: int


class DnsAnswer(Observation):
    """What one resolver says on the wire to one question.

    Attributes:
        resolver: ``address:port`` that was asked.
        transport: ``udp``, or ``tcp`` where the answer was truncated.
        qtype: ``A`` or ``AAAA``.
        chain: The answer section in order: CNAMEs first, then addresses.
        rcode: The raw response code; ``None`` where no answer came.
    """

    host: str
    resolver: str
    transport: str
    qtype: str
    outcome: DnsOutcome
    chain: tuple[DnsRecord, ...] = ()
    rcode: int | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses at the end of the chain."""
        return tuple(record.value for record in self.chain if record.type == self.qtype)

    @property
    def aliases(self) -> tuple[str, ...]:
        """The names the chain leads through, without a trailing dot, in lower case."""
        return tuple(
            record.value.rstrip(".").lower() for record in self.chain if record.type == "CNAME"
        )


class ResolverSettings(Observation):
    """Which resolvers the host is told to ask, and how."""

    nameservers: tuple[str, ...]
    search: tuple[str, ...] = ()
    ndots: int = 1
    options: tuple[str, ...] = ()


class HostsEntry(Observation):
    """Lines of the hosts file that name the target's host; empty when there are none."""

    host: str
    addresses: tuple[str, ...]
    lines: tuple[int, ...] = ()


# --- route and tcp -----------------------------------------------------------------------------


class RouteLookup(Observation):
    """Which way the kernel would send a packet, asked without sending one.

    Attributes:
        local_address: The source address the kernel chose; ``None`` where there is no route.
        device: The interface of the best route, where the system tells.
        gateway: The next hop; ``None`` on a directly connected network.
        errno: The error number where there is no route.
    """

    address: str
    local_address: str | None
    device: str | None = None
    gateway: str | None = None
    errno: int | None = None
    kind: str = "unicast"


class TcpDial(Observation):
    """One TCP connection attempt.

    Attributes:
        address: The IP address dialled. Never a host name: name lookup is its own observation.
        errno: The raw error number.
        icmp_from: Who sent the ICMP error that ended the attempt, where the kernel tells.
        icmp: Its ``type/code``, as in ``"3/13"`` (administratively prohibited).
        purpose: ``client``: the hop itself. ``repeat``: the same again, to see whether it is
            constant. ``control``: a port that nobody should answer, to unmask an interceptor.
            ``sibling-port``: another port of the same service. ``node``: a cluster node.
            ``dns-address``: an address that resolvers give and the system does not.
        via: The proxy through which it was dialled, or ``""``.
    """

    address: str
    port: int
    outcome: DialOutcome
    errno: int | None = None
    local_address: str | None = None
    icmp_from: str | None = None
    icmp: str | None = None
    purpose: DialPurpose = "client"
    via: str = ""

    @property
    def failed(self) -> bool:
        """Whether no connection came about."""
        return self.outcome != "accepted"


# --- tls ---------------------------------------------------------------------------------------


class TlsHandshake(Observation):
    """One TLS handshake over a connection that TCP had accepted.

    Attributes:
        sni: The server name sent.
        outcome: ``closed``/``reset``/``silent`` tell how it ended without a TLS answer or after
            one; see *server_spoke*. ``not-tls``: bytes came that are not TLS.
        server_spoke: Whether any TLS byte came back; a stall before and after differ in cause.
        verified: Whether chain and name were checked in this handshake.
        version: The version agreed on, as ``"1.3"``.
        max_tls: The highest version offered; ``None`` means all this library has.
        alert: The name of the alert the peer sent, as ``protocol_version``.
        verify_code: OpenSSL's verification error number, e.g. 19 (self-signed in chain).
        first_bytes: The first bytes in printable form where the peer spoke something else.
        unacked_bytes: Bytes of ours that the peer's kernel had not acknowledged at the end.
        bytes_in: How many bytes came back.
    """

    address: str
    port: int
    sni: str
    outcome: TlsOutcome
    server_spoke: bool = False
    verified: bool = True
    version: str | None = None
    cipher: str | None = None
    max_tls: str | None = None
    min_tls: str | None = None
    alert: str | None = None
    verify_code: int | None = None
    verify_text: str = ""
    error_text: str = ""
    first_bytes: str = ""
    unacked_bytes: int | None = None
    bytes_in: int | None = None
    client_certificate_wanted: bool | None = None
    purpose: TlsPurpose = "client"
    ca: str = "system"

    @property
    def failed(self) -> bool:
        """Whether the handshake did not end well."""
        return self.outcome != "ok"


@nested
class Certificate(Record):
    """What one X.509 certificate says of itself; names as RFC 4514 text, times since 1970 UTC."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: float
    not_after: float
    serial: str
    sha256: str
    is_ca: bool = False

    @property
    def self_signed(self) -> bool:
        """Whether subject and issuer are the same name."""
        return self.subject == self.issuer


class PeerCertificates(Observation):
    """The chain as the server sent it, leaf first, whether or not it is trusted.

    Attributes:
        trusted: Whether the client's trust store leads to it; ``None`` where nobody checked.
        complete: Whether more than the leaf could be read from this Python.
    """

    address: str
    port: int
    sni: str
    chain: tuple[Certificate, ...]
    trusted: bool | None = None
    complete: bool = True


class PlainTalk(Observation):
    """Plain text (``PING``, no secrets) spoken to a port, and what came back.

    Attributes:
        protocol: What the first bytes look like.
        first_bytes: Their printable form, at most 120 characters.
    """

    address: str
    port: int
    outcome: TalkOutcome
    protocol: Protocol
    first_bytes: str = ""


# --- resp and auth -----------------------------------------------------------------------------


class RedisReply(Observation):
    """One command and how it was answered, on the client's own connection.

    Attributes:
        command: The command's name, never its arguments, as in ``AUTH`` or ``CLUSTER SLOTS``.
        error_code: The first word of an error reply, as in ``WRONGPASS``.
        error_text: The whole error reply, at most 200 characters, secrets removed.
        reply: A short form of a plain reply, as in ``PONG``.
        protocol: What the bytes look like where they are not RESP.
    """

    address: str
    port: int
    command: str
    outcome: TalkOutcome
    reply: str = ""
    error_code: str = ""
    error_text: str = ""
    protocol: Protocol = "resp"
    first_bytes: str = ""


class Login(Observation):
    """With what the client tried to log in; the secret itself is never part of evidence.

    Attributes:
        how: ``key``, ``entra`` or ``none``.
        looks_like: What the shape of the secret suggests: ``access-key``, ``token``, ``quoted``,
            ``url-escaped``, ``padded`` (white space at an end), ``empty`` or ``other``.
        token_expires_at: The ``exp`` of a token, seconds since 1970 UTC.
        token_user: The ``oid`` of a token, which Azure's services expect as user name.
        token_audience: The ``aud`` of a token.
    """

    how: str
    user: str | None
    looks_like: str
    token_expires_at: float | None = None
    token_user: str | None = None
    token_audience: str | None = None


class ServerInfo(Observation):
    """What ``INFO`` (and ``TIME``) say; ``None`` means that the server did not say.

    Attributes:
        clock_offset_s: Server time minus local time, to about a round trip.
    """

    address: str
    port: int
    product: str = "redis"
    version: str | None = None
    mode: str | None = None
    role: str | None = None
    uptime_s: int | None = None
    connected_clients: int | None = None
    max_clients: int | None = None
    blocked_clients: int | None = None
    rejected_connections: int | None = None
    total_connections: int | None = None
    used_memory_bytes: int | None = None
    max_memory_bytes: int | None = None
    eviction_policy: str | None = None
    evicted_keys: int | None = None
    loading: bool | None = None
    loading_eta_s: int | None = None
    primary_host: str | None = None
    primary_port: int | None = None
    primary_link: str | None = None
    connected_replicas: int | None = None
    snapshot_status: str | None = None
    aof_write_status: str | None = None
    operations_per_s: int | None = None
    input_kbps: float | None = None
    output_kbps: float | None = None
    cluster_enabled: bool | None = None
    idle_timeout_s: int | None = None
    clock_offset_s: float | None = None


class ClientList(Observation):
    """``CLIENT LIST`` summed up (asked for only with ``--deep``)."""

    total: int
    by_address: tuple[tuple[str, int], ...]
    by_name: tuple[tuple[str, int], ...] = ()
    idle_over_300_s: int = 0
    mine: int = 0


class ServerPace(Observation):
    """Round trips of ``PING`` on one open connection, in milliseconds."""

    address: str
    port: int
    round_trips_ms: tuple[float, ...]


class RoundTrip(Observation):
    """A value written under a key of our own, read back and deleted (only where the user asked for it).

    Attributes:
        step: The command that ended it: ``SET``, ``GET`` or ``DEL``.
        outcome: As of a command; ``lost`` where another value, or none, came back.
    """

    address: str
    port: int
    step: str
    outcome: str
    error_text: str = ""


class IdleHold(Observation):
    """A connection left quiet on purpose, and whether it still answered.

    Attributes:
        idle_s: How long it had been quiet when it ended or was asked again.
        outcome: ``ok``: it still answered.
        unacked_bytes: Bytes of the question that the peer's kernel had not acknowledged at the
            end: above 0 the question did not arrive, 0 it did and nobody answered it.
    """

    address: str
    port: int
    idle_s: float
    outcome: TalkOutcome
    unacked_bytes: int | None = None


# --- over time ---------------------------------------------------------------------------------


@nested
class Attempt(Record):
    """One try of a watch, from the first packet to the answer or the end.

    Attributes:
        at: When it began, in seconds since 1970 UTC.
        kind: ``dial``: a new connection, up to its PING. ``ping``: a PING on one that is kept open.
        stage: How far it came: ``tcp``, ``tls``, ``resp``, ``auth``, ``command``, or ``done``.
        outcome: The outcome word of that stage, or the code of an error reply.
        address: Where it went.
        retransmits: How many of its segments the kernel sent again; of a PING that met silence, how
            often it was sent again in vain. ``None`` where the kernel does not tell.
        certificate: The first 16 digits of the leaf's SHA-256, where TLS was spoken.
    """

    at: float
    took_ms: float
    kind: str
    stage: str
    outcome: str
    address: str = ""
    retransmits: int | None = None
    certificate: str = ""

    @property
    def failed(self) -> bool:
        """Whether it did not come to an answer."""
        return self.stage != "done"


class OverTime(Observation):
    """One target tried again and again for a while.

    Of PINGs on the connection that was kept open, *attempts* holds those that failed and the last
    good one before each; the others are summed up.

    Attributes:
        planned_s: How long the watch was to last; *took_ms* says how long it did.
        every_s: How far apart new connections were made while all was well.
        attempts: In the order in which they began.
        pings: How many PINGs were sent on the open connection.
        ping_ms: Their round trips: least, median, 99th percentile, most; empty where none was answered.
        segments_sent: TCP segments with data that the open connection sent; ``None`` where the
            kernel does not tell.
        segments_resent: Segments of any connection of the watch that were sent again.
        ended: ``done``, ``interrupted``, or why it was given up.
    """

    host: str
    port: int
    planned_s: float
    every_s: float
    attempts: tuple[Attempt, ...] = ()
    pings: int = 0
    ping_ms: tuple[float, ...] = ()
    segments_sent: int | None = None
    segments_resent: int | None = None
    ended: str = "done"


@nested
class NameMoment(Record):
    """What a name led to from one moment on, until the next one of the series.

    Attributes:
        at: When it was first seen so, in seconds since 1970 UTC.
        asked: ``system``, or ``address:port`` of the resolver.
        addresses: In the order of their numbers: resolvers turn them as they like.
        ttl_s: The least time to live in the answer; ``None`` where the system does not tell.
        count: How often it was seen so in a row.
    """

    at: float
    asked: str
    outcome: str
    addresses: tuple[str, ...] = ()
    ttl_s: int | None = None
    count: int = 1


class NamesOverTime(Observation):
    """What a name led to during a watch: one moment for each change.

    Attributes:
        asked: How often it was looked up.
    """

    host: str
    asked: int
    moments: tuple[NameMoment, ...] = ()


class MaintenanceEvent(Observation):
    """What the service itself announced while we listened.

    Attributes:
        channel: ``AzureRedisEvents``, or ``push`` for an unasked RESP3 message.
        event: ``NodeMaintenanceStarting``, ``FAILING_OVER`` …
        starts_at: When it begins, as far as the service knows, in seconds since 1970 UTC.
        is_replica: Whether it concerns a node that no client has to do with.
        address: The node's address, or where a push tells the client to go.
        text: The message as it came, at most 300 characters.
    """

    channel: str
    event: str
    starts_at: float | None = None
    is_replica: bool | None = None
    address: str = ""
    port: int | None = None
    text: str = ""


class ClientFleet(Observation):
    """How many clients there are and what they share on the way out, as the user tells.

    Its *vantage* is ``user``. ``None`` means that nothing was said.

    Attributes:
        pods: Pods, or instances of an App Service or Functions plan, or hosts.
        processes: Processes in each that open connections of their own.
        pool_size: Connections that each process may open to each node of the server.
        shards: Nodes of the server that each client connects to; with a plain client 1.
        nodes: Hosts among which the way out shares its ports.
        outbound: The way out: ``load-balancer``, ``nat-gateway``, ``azure-firewall``, ``app-service``,
            or ``public-ip``: each host has an address of its own.
        outbound_addresses: Its public addresses.
        ports_per_node: Ports that were allocated to each node by hand.
    """

    pods: int | None = None
    processes: int | None = None
    pool_size: int | None = None
    shards: int | None = None
    nodes: int | None = None
    outbound: str = ""
    outbound_addresses: int | None = None
    ports_per_node: int | None = None


# --- topology ----------------------------------------------------------------------------------


@nested
class ClusterNode(Record):
    """One node as the cluster announces it; slots as ``(first, last)`` pairs."""

    host: str
    port: int
    role: str
    slots: tuple[tuple[int, int], ...] = ()
    node_id: str = ""
    health: str = ""


class ClusterTopology(Observation):
    """What the cluster says of itself through the front door.

    Attributes:
        enabled: Whether the server runs in cluster mode; ``None`` where it would not say.
        state: ``ok`` or ``fail`` from ``CLUSTER INFO``.
        slots_covered: How many of the 16,384 slots have a node.
    """

    enabled: bool | None
    state: str | None = None
    slots_covered: int | None = None
    slots_failing: int | None = None
    nodes: tuple[ClusterNode, ...] = ()


class NodeVisit(Observation):
    """One announced node, dialled as a cluster client would.

    Attributes:
        host: As announced; may be a name, an address, or empty.
        address: The address that was dialled; ``""`` where the name had none.
        stage: How far it came: ``name``, ``tcp``, ``tls``, ``resp``, or ``done``.
        outcome: The outcome word of that stage.
    """

    host: str
    port: int
    address: str
    role: str
    stage: str
    outcome: str
    detail: str = ""

    @property
    def failed(self) -> bool:
        """Whether a cluster client could not use the node."""
        return self.stage != "done"


# --- host --------------------------------------------------------------------------------------


class KernelSettings(Observation):
    """Linux settings that bear on connections; ``None`` where the kernel does not say.

    Source: ``Documentation/networking/ip-sysctl.rst`` of the kernel.
    """

    tcp_retries2: int | None = None
    tcp_syn_retries: int | None = None
    keepalive_time_s: int | None = None
    keepalive_interval_s: int | None = None
    keepalive_probes: int | None = None
    port_first: int | None = None
    port_last: int | None = None
    reserved_ports: str = ""
    tcp_tw_reuse: int | None = None
    tcp_mtu_probing: int | None = None
    somaxconn: int | None = None
    ipv6_disabled: bool | None = None


class PortUse(Observation):
    """Local ports in use, of those the kernel may choose.

    Attributes:
        to_target: Of these, towards the target's address and port.
    """

    available: int
    used: int
    time_wait: int
    to_target: int


class DescriptorUse(Observation):
    """Open files against their limit: of a given process, else of this one, and of the system."""

    pid: int
    open: int
    soft_limit: int
    system_open: int | None = None
    system_limit: int | None = None


class ConntrackUse(Observation):
    """Entries of the connection-tracking table against its size."""

    entries: int
    limit: int
    drops: int | None = None


@nested
class OpenSocket(Record):
    """One socket of this host towards the target, by the kernel's table.

    Attributes:
        retransmits: How often the oldest unanswered segment was sent again.
        unacked_bytes: What lies in the send queue.
    """

    local: str
    remote: str
    state: str
    retransmits: int = 0
    unacked_bytes: int = 0
    unread_bytes: int = 0
    pid: int | None = None


class SocketsToTarget(Observation):
    """This host's sockets towards the target, counted by state, with the stuck ones in full."""

    by_state: tuple[tuple[str, int], ...]
    stuck: tuple[OpenSocket, ...] = ()


class ProxyVariables(Observation):
    """Names of proxy variables that are set, with their hosts; credentials removed."""

    variables: tuple[tuple[str, str], ...]


class Platform(Observation):
    """Where the client runs, as far as the environment tells.

    Attributes:
        system: ``Linux``, ``Darwin``, ``Windows`` …
        kind: ``kubernetes``, ``app-service``, ``functions``, ``container-apps``, ``container`` or ``host``.
        mesh: The sidecar that the host shows signs of: ``istio``, ``linkerd``, ``dapr``,
            ``consul``; ``""`` where none is seen, which is not proof of absence.
        mesh_signs: What was seen.
        clock_synchronised: What the kernel says of its clock; ``None`` where it does not tell.
        clock_before_build: Whether the clock stands before the day this program was made.
    """

    system: str
    kind: str = "host"
    mesh: str = ""
    mesh_signs: tuple[str, ...] = ()
    clock_synchronised: bool | None = None
    clock_before_build: bool = False


class RedirectRules(Observation):
    """Packet-filter rules of this host that bear on the target's port.

    Attributes:
        redirects: Rules that send the traffic elsewhere (REDIRECT, DNAT, TPROXY), as text.
        blocks: Rules that drop or reject it, as text.
    """

    redirects: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()


class PathMtu(Observation):
    """The path MTU the kernel has learnt towards an address, and the device's own, in bytes."""

    address: str
    path_mtu: int | None
    device_mtu: int | None = None


# --- other vantage points ----------------------------------------------------------------------


class Elsewhere(Observation):
    """What another vantage point saw, summed up; *vantage* is the other one.

    Attributes:
        path: ``(hop, status)`` pairs, statuses as in the report.
        addresses: The addresses it was given.
        source_address: The local address it dialled from.
        certificate_issuer: Who signed the certificate it was shown.
        broken_at: The first hop that failed there, and in *broken_how* its outcome word.
        resolvers: The resolvers that it is told to ask.
        answers: ``(resolver, what it says)`` on the wire: names of the chain, then addresses.
        route: The way the kernel there would send a packet, as text.
        mesh: The sidecar that it shows signs of, ``""`` where none is seen.
        proxies: ``(variable, proxy)``, as in :class:`ProxyVariables`.
        filters: Packet-filter rules there that bear on the target's port.
        kernel: ``(setting, value)``, as in :class:`KernelSettings`.
    """

    healthy: bool
    path: tuple[tuple[str, str], ...]
    addresses: tuple[str, ...] = ()
    source_address: str | None = None
    certificate_issuer: str | None = None
    broken_at: str = ""
    broken_how: str = ""
    resolvers: tuple[str, ...] = ()
    answers: tuple[tuple[str, str], ...] = ()
    route: str | None = None
    tls_version: str | None = None
    platform: str | None = None
    mesh: str | None = None
    proxies: tuple[tuple[str, str], ...] | None = None
    filters: tuple[str, ...] | None = None
    path_mtu: int | None = None
    kernel: tuple[tuple[str, str], ...] = ()


# --- what others wrote down --------------------------------------------------------------------


class LoggedError(Observation):
    """One kind of error as read from a text or a log: hearsay, with its exact words.

    Its *vantage* is ``user``: whoever gave us the text. Equal errors are one record with a count.

    Attributes:
        quote: The line as written, secrets removed, at most 300 characters.
        symptoms: What went wrong, in the words of :mod:`refused.evidence.error_words`.
        signatures: The ids of the causes' signatures that match.
        client: The client family that speaks, as in ``ioredis``; ``""`` where it does not show.
        runtime: ``node``, ``jvm``, ``dotnet``, ``python``, ``go``, ``php``, ``ruby`` … or ``""``.
        file: The file it was read from; ``""`` for standard input or a pasted text.
        line: The number of the first line, from 1.
        first_at: When it was first met, in seconds since 1970 UTC, where the lines carry times.
        gaps_s: Seconds between one occurrence and the next, where the lines carry times.
        host: The name that was dialled.
        address: The address that was dialled.
        address_class: As :func:`refused.service.addresses.address_class` says.
        errno: The raw error number, as the runtime prints it.
        counters: What the exception counts, as in ``("qs", 12.0)``.
        depth: How many exceptions are wrapped around it; 0 is the outermost.
        over_tls: Whether the text shows that TLS was spoken.
        marks: Further words on the text as a whole that a judge may want, such as ``lambda``.
        elsewhere: Other services whose connections fail in the same text.
    """

    quote: str
    symptoms: tuple[str, ...] = ()
    signatures: tuple[str, ...] = ()
    client: str = ""
    runtime: str = ""
    file: str = ""
    line: int = 1
    count: int = 1
    first_at: float | None = None
    last_at: float | None = None
    gaps_s: tuple[float, ...] = ()
    host: str = ""
    port: int | None = None
    address: str = ""
    address_class: str = ""
    errno: int | None = None
    elapsed_ms: float | None = None
    timeout_ms: float | None = None
    counters: tuple[tuple[str, float], ...] = ()
    depth: int = 0
    over_tls: bool | None = None
    marks: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
