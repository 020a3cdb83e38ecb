"""Kernel worlds: faults, pairs of faults and healthy oddities in real networks, declared as data.

A world is a name, the cause that a diagnosis should put first, and what is done to a network in
which all is well otherwise: a server (plain on 6379, TLS on 6380, a password), and a resolver that
knows it as ``redis.corp.example``. Of a pair the cause is the one whose hop comes first; what hides
behind it is in ``behind``.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from refused.lab.kernel_stage import (
    AZURE_ADDRESS,
    AZURE_HOST,
    CLIENT,
    KEY,
    OWN_HOST,
    RELAY_MARK,
    RELAY_PORT,
    RESOLVER,
    ROUTER,
    SERVER,
    SERVER6,
)

if TYPE_CHECKING:
    from refused.lab.kernel_stage import Stage

Deed = Callable[["Stage"], object]

_KEY = quote(KEY, safe="")
TLS = f"rediss://:{_KEY}@{OWN_HOST}:6380"
PLAIN = f"redis://:{_KEY}@{OWN_HOST}:6379"
AZURE = f"{AZURE_HOST}:6380,password={KEY},ssl=True,abortConnect=False"
OWN_NAME = (f"--host-record={OWN_HOST},{SERVER}",)
AZURE_NAME = (f"--host-record={AZURE_HOST},{AZURE_ADDRESS}",)
PRIVATE_NAME = (
    f"--cname={AZURE_HOST},contoso.privatelink.redis.cache.windows.net",
    f"--host-record=contoso.privatelink.redis.cache.windows.net,{AZURE_ADDRESS}",
)
# What a rule says of the relay's own packets: leave them alone.
NOT_ITS_OWN = f"meta mark {RELAY_MARK} return"
LOCAL = "ip daddr 127.0.0.0/8 return"


def redis(*options: str, **more: Any) -> Deed:
    """Start the server with further options."""
    return lambda stage: stage.redis(*options, **more)


def papers(*names: str, client: str = "no", **options: Any) -> Deed:
    """Start the server with a certificate of one's own making."""
    return lambda stage: stage.redis(
        "--tls-auth-clients", client, papers=stage.papers(*names, **options)
    )


@dataclass(frozen=True)
class KernelWorld:
    """One world.

    Attributes:
        id: The cause's id with what is special behind a dot; ``healthy…``; ``one+two`` for a pair.
        title: What is wrong, in one line.
        cause: What a diagnosis should put first; ``None`` where nothing is wrong.
        deeds: What is done to the network, in order, when all else stands.
        target: What is diagnosed.
        options: With what ``refused diagnose`` is asked.
        redis: Starts the server; ``None`` for none.
        names: What the resolver knows; ``None`` for no resolver at all.
        before: What is done before anything runs.
        behind: The cause that hides behind the first.
        office: Whether the office, another network, is looked from as well.
    """

    id: str
    title: str
    cause: str | None
    deeds: tuple[Deed, ...] = field(repr=False, default=())
    target: str = field(repr=False, default=TLS)
    options: tuple[str, ...] = ()
    redis: Deed | None = field(repr=False, default=redis())
    names: tuple[str, ...] | None = OWN_NAME
    before: tuple[Deed, ...] = field(repr=False, default=())
    behind: str | None = None
    office: bool = False


def world(name: str, title: str, *deeds: Deed, **more: Any) -> KernelWorld:
    """Declare a world; the cause is what stands before the first dot, or plus, of its name."""
    one, _, two = name.partition("+")
    cause = one.partition(".")[0]
    return KernelWorld(
        id=name,
        title=title,
        cause=None if cause == "healthy" else cause,
        deeds=deeds,
        behind=two.partition(".")[0] or None,
        **more,
    )


# --- what can be done to a network ---------------------------------------------------------------


def server_drops(*rules: str) -> Deed:
    """Filter what comes to the server's host."""
    return lambda stage: stage.filter("server", "input", *rules)


def router_does(*rules: str) -> Deed:
    """Filter what the router passes on."""
    return lambda stage: stage.filter("router", "forward", *rules)


def client_does(*rules: str) -> Deed:
    """Filter what the client sends."""
    return lambda stage: stage.filter("client", "output", *rules)


def ip(place: str, text: str) -> Deed:
    """Run an ``ip`` command in a place."""
    return lambda stage: stage.ip(place, text)


def sysctl(place: str, *settings: str) -> Deed:
    """Set sysctls of a place."""
    return lambda stage: stage.sysctl(place, *settings)


def hosts(*lines: str) -> Deed:
    """Write the client's /etc/hosts."""
    text = "\n".join(("127.0.0.1 localhost", "::1 localhost", *lines, ""))
    return lambda stage: stage.client_file("/etc/hosts", text)


def resolvers(*lines: str) -> Deed:
    """Write the client's /etc/resolv.conf."""
    return lambda stage: stage.client_file("/etc/resolv.conf", "\n".join((*lines, "")))


def redirected(place: str, ports: str, mode: str, *words: str) -> Deed:
    """Lead what goes to *ports* into a real proxy in a place: a sidecar, or the router's."""

    def lead(stage: Stage) -> None:
        if mode == "inspect":
            stage.inspector(place)
        else:
            stage.relay(place, mode, *words)
        hook, own = ("output", (NOT_ITS_OWN, LOCAL)) if place == "client" else ("prerouting", ())
        rule = f"meta nfproto ipv4 tcp dport {ports} redirect to :{RELAY_PORT}"
        stage.translate(place, hook, *own, rule)

    return lead


def tproxied(ports: str, mode: str, *words: str) -> Deed:
    """Lead what the router passes on to *ports* into a proxy that the packets do not show."""

    def lead(stage: Stage) -> None:
        stage.relay("router", mode, *words)
        stage.ip(
            "router", "rule add fwmark 1 lookup 100", "route add local default dev lo table 100"
        )
        rule = (
            f"iifname to-client tcp dport {ports} tproxy to 127.0.0.1:{RELAY_PORT} meta mark set 1"
        )
        chain = f"chain tp {{\ntype filter hook prerouting priority -150;\n{rule} accept\n}}"
        stage.nft("router", f"table ip lab4 {{\n{chain}\n}}\n")

    return lead


def stalled(port: int = 6380) -> Deed:
    """Leave the client a connection whose packets vanish since it was established, with data in it."""

    def stall(stage: Stage) -> None:
        # Retransmissions begin at once here, and not after 200 ms, so that several were seen soon.
        stage.ip("client", f"route change default via {ROUTER} rto_min 2ms")
        stage.hold(1, port)
        sock = stage.spare[-1]
        own = sock.getsockname()[1]  # type: ignore[attr-defined]
        stage.filter("router", "forward", f"ip saddr {CLIENT} tcp sport {own} drop")
        sock.sendall(b"PING\r\n")  # type: ignore[attr-defined]
        time.sleep(0.6)

    return stall


def program(mode: str, *words: str, port: int) -> Deed:
    """Have something that is no Redis listen at the server."""
    return lambda stage: stage.relay("server", mode, *words, port=port)


def full(count: int) -> Deed:
    """Take connections of the server from its own host."""
    return lambda stage: stage.ask(count=count, password="")


def told(*command: str) -> Deed:
    """Send the server one command."""
    return lambda stage: stage.ask(*command)


def covered(stage: Stage) -> None:
    """Give a cluster of one node every slot, and wait until it takes itself for whole."""
    stage.ask("CLUSTER", "ADDSLOTSRANGE", "0", "16383")

    def is_whole() -> bool:
        return b"cluster_state:ok" in stage.answer("CLUSTER", "INFO")

    until = time.monotonic() + 10
    while not is_whole() and time.monotonic() < until:
        time.sleep(0.05)


def client_trusts(**options: Any) -> Deed:
    """Give the client another CA file than that of the server's issuer."""

    def trust(stage: Stage) -> None:
        from refused.lab.certificates import CORPORATE, Authority

        stage.trusts = Authority(stage.folder, root=CORPORATE, issuer=None, **options).ca_file

    return trust


def environ(**variables: str) -> Deed:
    """Set environment variables of the client."""
    return lambda stage: stage.environ.update(variables)


def held(count: int, port: int = 6379, address: str = SERVER) -> Deed:
    """Have the client hold connections to the server."""
    return lambda stage: stage.hold(count, port, address)


def small_segments(place: str) -> Deed:
    """Have a place send packets as they go over the wire, not in lumps that a filter sees as one."""
    return lambda stage: stage.ip(place, "link set eth0 gso_max_segs 1")


def translated_ports(first: int, last: int) -> Deed:
    """Have the router translate the client's address, with so many ports to do it with."""
    rule = f"ip saddr {CLIENT} meta l4proto tcp masquerade to :{first}-{last}"
    return lambda stage: stage.translate("router", "postrouting", rule)


def some_connections_lost(address: str, port: int) -> Deed:
    """Have the router drop every packet of every other connection, as a translation without ports."""
    to = f"ip daddr {address} tcp dport {port}"
    rules = (
        f"{to} tcp sport @lost drop",
        f"{to} tcp sport @through accept",
        f"{to} numgen inc mod 2 0 add @lost {{ tcp sport }} drop",
        f"{to} add @through {{ tcp sport }} accept",
    )
    sets = "\n".join(
        f"set {name} {{ type inet_service; size 4096; flags dynamic; timeout 60s; }}"
        for name in ("lost", "through")
    )

    def lose(stage: Stage) -> None:
        stage.nft("router", f"table inet lab {{\n{sets}\n}}\n")
        stage.filter("router", "forward", *rules)

    return lose


WRONG_KEY = TLS.replace(_KEY, "bm90IHRoZSBrZXkgb2YgdGhpcyBzZXJ2ZXIgYXQgYWxsISE%3D")
NO_KEY = f"rediss://{OWN_HOST}:6380"
NO_HOST = TLS.replace("redis.corp", "reddis.corp")
TLS_TO_PLAIN = TLS.replace(":6380", ":6379")
PLAIN_TO_TLS = PLAIN.replace(":6379", ":6380")
SIX_ONLY = (f"--host-record={OWN_HOST},{SERVER6}",)
BOTH = (f"--host-record={OWN_HOST},{SERVER},{SERVER6}",)
DAY = 86400.0

# --- name and address ----------------------------------------------------------------------------

NAMES = (
    world("wrong-hostname.nxdomain", "The name has a slip", target=NO_HOST),
    world(
        "wrong-hostname.azure",
        "The suffix of the name has a slip",
        target=AZURE.replace("windows.net", "windows.com"),
    ),
    world(
        "dns-resolver-failure.dropped",
        "The resolver's host drops the questions",
        server_drops("udp dport 53 drop", "tcp dport 53 drop"),
    ),
    world(
        "dns-resolver-failure.refusing-port",
        "No resolver runs where the client asks",
        names=None,
    ),
    world(
        "dns-resolver-failure.gateway",
        "The client's gateway prohibits questions to the resolver",
        router_does("udp dport 53 reject with icmpx admin-prohibited"),
    ),
    world(
        "dns-resolver-failure.forwarder",
        "The resolver forwards to one that is gone",
        names=("--server=/corp.example/10.99.2.99",),
    ),
    world(
        "ip-address-changed.hosts",
        "A line of the hosts file holds last year's address, where nobody answers",
        hosts(f"10.99.2.77 {OWN_HOST}"),
    ),
    world(
        "ip-address-changed.reused",
        "A line of the hosts file holds an address that another host has now",
        ip("server", "addr add 10.99.2.78/24 dev eth0"),
        hosts(f"10.99.2.78 {OWN_HOST}"),
        server_drops("ip daddr 10.99.2.78 tcp dport 1-65535 reject with tcp reset"),
    ),
    world(
        "ipv6-unreachable.no-route",
        "The name has an IPv6 address alone, and this host has no IPv6 route",
        ip("client", "route del ::/0"),
        names=SIX_ONLY,
    ),
    world(
        "private-endpoint-dns.public",
        "The private zone is not linked, and the public address is silent",
        server_drops(f"ip daddr {AZURE_ADDRESS} drop"),
        names=PRIVATE_NAME,
        target=AZURE,
    ),
)

# --- route and tcp -------------------------------------------------------------------------------

ROUTES = (
    world(
        "route-blackhole.none",
        "The client has no route at all",
        ip("client", "route del default"),
        hosts(f"{SERVER} {OWN_HOST}"),
    ),
    world(
        "route-blackhole.blackhole",
        "A black-hole route of the client's own",
        ip("client", f"route add blackhole {SERVER}/32"),
    ),
    world(
        "route-blackhole.prohibit",
        "A prohibiting route of the client's own",
        ip("client", f"route add prohibit {SERVER}/32"),
    ),
    world(
        "route-blackhole.router",
        "The router knows no way to the server's host, and says so",
        ip("router", f"route add unreachable {SERVER}/32"),
    ),
    world(
        "route-blackhole.nobody",
        "The address belongs to nobody any more, and the last router says so",
        names=(f"--host-record={OWN_HOST},10.99.2.88",),
        redis=None,
    ),
    world(
        "route-blackhole.silent",
        "Everything to the server's address gets lost on the way",
        router_does(f"ip daddr {SERVER} drop"),
    ),
)

FILTERS = (
    world(
        "vnet-nsg-blocked.one-port",
        "The server's host drops the TLS port",
        server_drops("tcp dport 6380 drop"),
    ),
    world(
        "vnet-nsg-blocked.plain",
        "The server's host drops the plain port",
        server_drops("tcp dport 6379 drop"),
        target=PLAIN,
    ),
    world(
        "vnet-nsg-blocked.rejected",
        "The server's host rejects the port by ICMP",
        server_drops("tcp dport 6380 reject with icmp admin-prohibited"),
    ),
    world(
        "vnet-nsg-blocked.source",
        "The server's host lets the office in, and not the client",
        server_drops(f"ip saddr {CLIENT} tcp dport 6380 drop"),
    ),
    world(
        "vnet-nsg-blocked.office",
        "The same, and the office is looked from as well",
        server_drops(f"ip saddr {CLIENT} tcp dport 6380 drop"),
        office=True,
    ),
    world(
        "firewall-ip-blocked.office",
        "The public address lets the office in, and meets the client with silence",
        server_drops(f"ip saddr {CLIENT} ip daddr {AZURE_ADDRESS} drop"),
        names=AZURE_NAME,
        target=AZURE,
        office=True,
    ),
    world(
        "vnet-nsg-blocked.on-the-way",
        "A router drops the port, and lets others through",
        router_does("tcp dport 6380 drop"),
    ),
    world(
        "egress-blocked.own-drop",
        "This host's own filter drops the port",
        client_does("tcp dport 6380 drop"),
    ),
    world(
        "egress-blocked.own-reject",
        "This host's own filter rejects the port",
        client_does("tcp dport 6380 reject"),
    ),
    world(
        "egress-blocked.own-reset",
        "This host's own filter answers with a reset",
        client_does("meta l4proto tcp tcp dport 6380 reject with tcp reset"),
    ),
    world(
        "egress-blocked.gateway",
        "The client's gateway prohibits the port",
        router_does("tcp dport 6380 reject with icmp admin-prohibited"),
    ),
    world(
        "egress-blocked.reset-to-azure",
        "A firewall on the way resets what goes to Azure",
        router_does(f"ip daddr {AZURE_ADDRESS} meta l4proto tcp reject with tcp reset"),
        names=AZURE_NAME,
        target=AZURE,
    ),
    world(
        "firewall-ip-blocked.protected-mode",
        "The server is in protected mode, and turns away everybody but its own host",
        redis=redis("--protected-mode", "yes", "--requirepass", "", tls=False),
        target=f"redis://{OWN_HOST}:6379",
    ),
)

PORTS = (
    world(
        "wrong-port.tls",
        "The server listens on 6379 alone, and the client dials 6380",
        redis=redis(tls=False),
    ),
    world(
        "wrong-port.odd",
        "The server listens on 6390 alone, beside it nothing",
        redis=redis(tls=False),
        target=PLAIN.replace("6379", "6378"),
    ),
    world("local-server-not-running.gone", "No server runs on the host", redis=None, target=PLAIN),
    world(
        "local-server-not-running.bound-to-loopback",
        "The server listens on its own loopback alone",
        redis=redis("--bind", "127.0.0.1", tls=False),
        target=PLAIN,
    ),
    world(
        "local-server-not-running.localhost",
        "The client dials its own host, where no server runs",
        target="redis://localhost:6379",
    ),
    world(
        "non-ssl-port-disabled.azure",
        "An old setting says 6379, and the cache refuses it",
        redis=redis("--port", "0"),
        names=AZURE_NAME,
        target=f"{AZURE_HOST}:6379,password={KEY},ssl=False",
    ),
    world(
        "ephemeral-port-or-fd-exhaustion.ports",
        "Every local port towards the server is taken",
        sysctl("client", "net.ipv4.ip_local_port_range=40000 40007"),
        held(8, 6380),
        options=("--deep",),
    ),
    world(
        "snat-port-exhaustion.some",
        "Of the dials to Azure some get no port of the translation, and are dropped",
        some_connections_lost(AZURE_ADDRESS, 6380),
        names=AZURE_NAME,
        target=AZURE,
    ),
)

QUIET = (
    world(
        "idle-timeout.router",
        "A stateful router forgets what is quiet for a second, and drops what it does not know",
        sysctl("router", "net.netfilter.nf_conntrack_tcp_timeout_established=1"),
        router_does(
            "ct state established,related accept",
            "tcp flags syn / syn,ack accept",
            "meta l4proto { udp, icmp } accept",
            "drop",
        ),
        sysctl("router", "net.netfilter.nf_conntrack_tcp_loose=0"),
        options=("--for", "3"),
    ),
    world(
        "linux-tcp-stall.half-open",
        "A connection is half open: what the client sends vanishes, and new ones work",
        stalled(),
        options=("--deep",),
    ),
)

SIDECARS = (
    world(
        "service-mesh-intercept.no-route",
        "A sidecar takes every connection, and has no route to the server",
        redirected("client", "1-65535", "close"),
    ),
    world(
        "service-mesh-intercept.reset",
        "A sidecar takes every connection, and resets it",
        redirected("client", "1-65535", "reset"),
    ),
    world(
        "service-mesh-intercept.hangs",
        "A sidecar takes every connection, and says nothing",
        redirected("client", "1-65535", "hang"),
    ),
    world(
        "service-mesh-intercept.plain",
        "The same with a plain client",
        redirected("client", "1-65535", "close"),
        target=PLAIN,
    ),
)

# --- tls -----------------------------------------------------------------------------------------

SECURE = (
    world(
        "mtu-blackhole.lost",
        "The way back loses every packet of full size, and nobody says so",
        small_segments("server"),
        router_does(f"ip saddr {SERVER} meta length gt 700 drop"),
    ),
    world(
        "mtu-blackhole.tunnel",
        "A tunnel takes 900 bytes, and the router's ICMP is filtered",
        small_segments("server"),
        ip("router", "link set to-client mtu 900"),
        lambda stage: stage.filter("router", "output", "icmp type destination-unreachable drop"),
    ),
    world("tls-plaintext-mixup.plain-client", "Plain text to the TLS port", target=PLAIN_TO_TLS),
    world("tls-plaintext-mixup.tls-client", "TLS to the plain port", target=TLS_TO_PLAIN),
    world(
        "tls-certificate-untrusted.other-ca",
        "The client trusts another authority",
        client_trusts(),
    ),
    world(
        "tls-certificate-untrusted.expired",
        "The certificate has run out",
        redis=papers(valid_from_s=-90 * DAY, valid_until_s=-2 * DAY),
    ),
    world(
        "tls-certificate-untrusted.self-signed",
        "The certificate is signed by itself",
        redis=papers(self_signed=True),
    ),
    world(
        "tls-certificate-untrusted.intermediate",
        "The server does not send its intermediate",
        redis=papers(send_intermediate=False),
    ),
    world(
        "tls-hostname-mismatch.old-name",
        "The certificate is for the server's old name",
        redis=papers("cache.corp.example"),
    ),
    world(
        "tls-hostname-mismatch.address",
        "The client dials the address",
        target=TLS.replace(OWN_HOST, SERVER),
    ),
    world(
        "tls-client-certificate-required.tls13",
        "The server asks every client for a certificate",
        redis=papers(client="yes"),
    ),
    world(
        "tls-version-mismatch.client-cap",
        "The client stops at TLS 1.2, and the server begins with 1.3",
        redis=redis("--tls-protocols", "TLSv1.3"),
        names=OWN_NAME,
        target=f"{OWN_HOST}:6380,password={KEY},ssl=True,sslProtocols=tls12",
    ),
    world(
        "tls-inspection.proxy",
        "A proxy on the way breaks TLS open",
        redirected("router", "6380", "inspect"),
        names=AZURE_NAME,
        target=AZURE,
    ),
)

# --- resp, auth and behind -----------------------------------------------------------------------

SERVERS = (
    world(
        "not-redis.web",
        "A web server answers",
        program("http", port=6379),
        redis=None,
        target=f"redis://{OWN_HOST}:6379",
    ),
    world(
        "not-redis.ssh",
        "An SSH server answers",
        program("say", "SSH-2.0-OpenSSH_9.2p1 Debian-2", port=6379),
        redis=None,
        target=f"redis://{OWN_HOST}:6379",
    ),
    world(
        "auth-missing.string",
        "The connection string has no password",
        target=f"{OWN_HOST}:6380,ssl=True,abortConnect=False",
    ),
    world(
        "cluster-slots-uncovered.all",
        "A cluster of which no slot belongs to anybody",
        redis=redis("--cluster-enabled", "yes", "--tls-cluster", "yes"),
        options=("--cluster",),
    ),
    world(
        "cluster-topology-unreachable.announced",
        "The node announces an address that nobody has",
        covered,
        redis=redis(
            *("--cluster-enabled", "yes", "--tls-cluster", "yes"),
            *("--cluster-announce-ip", "10.99.2.99"),
        ),
        options=("--cluster",),
    ),
    world(
        "memory-pressure-oom.full",
        "The data has reached the limit, and nothing may be evicted",
        redis=redis("--maxmemory", "100kb", "--maxmemory-policy", "noeviction"),
    ),
    world(
        "server-persistence-failure.folder",
        "Snapshots fail, and the server takes no writes",
        told("CONFIG", "SET", "dir", "/proc"),
        told("SET", "a", "b"),
        told("BGSAVE"),
        redis=redis("--enable-protected-configs", "yes", "--save", "3600 1"),
    ),
    world("auth-wrong-key.old", "The client has another key", target=WRONG_KEY),
    world(
        "auth-acl-no-permission.reader",
        "The user may read, and not ping",
        told("ACL", "SETUSER", "reader", "on", f">{KEY}", "~*", "+get", "+hello", "+auth"),
        target=f"rediss://reader:{_KEY}@{OWN_HOST}:6380",
    ),
    world(
        "unsupported-command-or-db.range",
        "The database does not exist",
        target=f"{TLS}/99",
    ),
    world(
        "max-clients-reached.plain",
        "Every connection is taken, and the server says so",
        full(8),
        redis=redis("--maxclients", "8"),
        target=PLAIN,
    ),
    world(
        "max-clients-reached.tls",
        "Every connection is taken, and behind TLS nobody says so",
        full(8),
        redis=redis("--maxclients", "8"),
    ),
    world(
        "server-overloaded.slow-command",
        "A slow command holds the server's one thread",
        lambda stage: stage.start_asking("DEBUG", "SLEEP", "30"),
        redis=redis("--enable-debug-command", "yes"),
        target=PLAIN,
    ),
    world(
        "server-failover-maintenance.primary-lost",
        "A replica has lost its primary, and serves nothing meanwhile",
        redis=redis(*("--replicaof", "10.99.2.99", "6379", "--replica-serve-stale-data", "no")),
    ),
)

# --- two at once: the hop that comes first decides -----------------------------------------------

PAIRS = (
    world(
        "wrong-hostname+auth-wrong-key",
        "The name has a slip, and the key is old",
        target=WRONG_KEY.replace("redis.corp", "reddis.corp"),
    ),
    world(
        "wrong-hostname+vnet-nsg-blocked",
        "The name has a slip, and the server's host drops the port",
        server_drops("tcp dport 6380 drop"),
        target=NO_HOST,
    ),
    world(
        "dns-resolver-failure+auth-wrong-key",
        "The resolver is silent, and the key is old",
        server_drops("udp dport 53 drop", "tcp dport 53 drop"),
        target=WRONG_KEY,
    ),
    world(
        "dns-resolver-failure+local-server-not-running",
        "The resolver is silent, and no server runs",
        server_drops("udp dport 53 drop", "tcp dport 53 drop"),
        redis=None,
    ),
    world(
        "ip-address-changed+tls-plaintext-mixup",
        "The hosts file is old, and TLS is meant for a plain port",
        hosts(f"10.99.2.77 {OWN_HOST}"),
        target=TLS_TO_PLAIN,
    ),
    world(
        "route-blackhole+vnet-nsg-blocked",
        "The client has no route, and the server's host drops the port",
        ip("client", f"route add blackhole {SERVER}/32"),
        server_drops("tcp dport 6380 drop"),
    ),
    world(
        "vnet-nsg-blocked+auth-wrong-key",
        "The server's host drops the port, and the key is old",
        server_drops("tcp dport 6380 drop"),
        target=WRONG_KEY,
    ),
    world(
        "vnet-nsg-blocked+tls-certificate-untrusted",
        "The server's host drops the port, and its certificate has run out",
        server_drops("tcp dport 6380 drop"),
        redis=papers(valid_from_s=-90 * DAY, valid_until_s=-2 * DAY),
    ),
    world(
        "egress-blocked+vnet-nsg-blocked",
        "This host's own filter drops the port, and so does the server's",
        client_does("tcp dport 6380 drop"),
        server_drops("tcp dport 6380 drop"),
    ),
    world(
        "egress-blocked+max-clients-reached",
        "The gateway prohibits the port, and the server is full",
        router_does("tcp dport 6380 reject with icmp admin-prohibited"),
        full(8),
        redis=redis("--maxclients", "8"),
    ),
    world(
        "wrong-port+auth-wrong-key",
        "The port is another one, and the key is old",
        redis=redis(tls=False),
        target=WRONG_KEY,
    ),
    world(
        "service-mesh-intercept+tls-hostname-mismatch",
        "The sidecar has no route, and the certificate is for another name",
        redirected("client", "1-65535", "close"),
        redis=papers("cache.corp.example"),
    ),
    world(
        "mtu-blackhole+auth-wrong-key",
        "Large packets get lost, and the key is old",
        small_segments("server"),
        router_does(f"ip saddr {SERVER} meta length gt 700 drop"),
        target=WRONG_KEY,
    ),
    world(
        "tls-plaintext-mixup+auth-wrong-key",
        "TLS goes to the plain port, and the key is old",
        target=WRONG_KEY.replace(":6380", ":6379"),
    ),
    world(
        "tls-certificate-untrusted+auth-wrong-key",
        "The certificate has run out, and the key is old",
        redis=papers(valid_from_s=-90 * DAY, valid_until_s=-2 * DAY),
        target=WRONG_KEY,
    ),
    world(
        "tls-hostname-mismatch+unsupported-command-or-db",
        "The certificate is for another name, and the database does not exist",
        redis=papers("cache.corp.example"),
        target=f"{TLS}/99",
    ),
    world(
        "auth-wrong-key+unsupported-command-or-db",
        "The key is old, and the database does not exist",
        target=f"{WRONG_KEY}/99",
    ),
)

# --- odd and healthy -----------------------------------------------------------------------------

HEALTHY = (
    world("healthy.tls", "Nothing is wrong"),
    world("healthy.office", "Nothing is wrong, from the office either", office=True),
    world("healthy.plain", "Nothing is wrong, without TLS", target=PLAIN),
    world("healthy.azure-name", "A name of Azure's", names=AZURE_NAME, target=AZURE),
    world(
        "healthy.slow-dns",
        "The first resolver is dead, and the second answers",
        resolvers(
            "nameserver 10.99.2.50", f"nameserver {RESOLVER}", "options timeout:1 attempts:1"
        ),
    ),
    world(
        "healthy.lossy-dns",
        "Every fifth question gets lost",
        router_does("udp dport 53 numgen inc mod 5 0 drop"),
        resolvers(f"nameserver {RESOLVER}", "options timeout:1 attempts:3"),
        options=("--timeout", "6"),
    ),
    world(
        "healthy.search-domain",
        "A search list",
        resolvers(
            f"nameserver {RESOLVER}",
            "search corp.example svc.cluster.local",
            "options ndots:5 timeout:1 attempts:1",
        ),
    ),
    world(
        "healthy.hosts-file", "The hosts file says the same as DNS", hosts(f"{SERVER} {OWN_HOST}")
    ),
    world(
        "healthy.no-resolver-needed",
        "The hosts file has the name, and no resolver runs",
        hosts(f"{SERVER} {OWN_HOST}"),
        names=None,
    ),
    world("healthy.dual-stack", "Both families work", names=BOTH),
    world("healthy.ipv6-alone", "IPv6 alone, and it works", names=SIX_ONLY),
    world(
        "healthy.ipv6-half-present",
        "The name has both families, and IPv6 has no route here",
        ip("client", "route del ::/0"),
        names=BOTH,
    ),
    world(
        "healthy.ipv6-half-refused",
        "The name has both families, and IPv6 is refused",
        server_drops("meta nfproto ipv6 meta l4proto tcp reject with tcp reset"),
        names=BOTH,
    ),
    world(
        "healthy.ipv6-off",
        "IPv6 is switched off on this host",
        sysctl("client", "net.ipv6.conf.all.disable_ipv6=1"),
        names=BOTH,
    ),
    world(
        "healthy.far-away",
        "A relay on the way takes 60 ms each way",
        redirected("router", "6380", "delay", "0.06"),
    ),
    world(
        "healthy.very-far-away",
        "A relay on the way takes 150 ms each way",
        redirected("router", "6380", "delay", "0.15"),
    ),
    world(
        "healthy.mesh",
        "A sidecar takes every connection, and brings it to the server",
        redirected("client", "1-65535", "pass"),
    ),
    world(
        "healthy.mesh-plain",
        "The same with a plain client",
        redirected("client", "1-65535", "pass"),
        target=PLAIN,
    ),
    world(
        "healthy.mesh-excluded",
        "A sidecar that leaves the server's ports alone",
        redirected("client", "{ 80, 443, 8080 }", "close"),
    ),
    world(
        "healthy.proxy-variables",
        "The network has a proxy for the web, which Redis does not need",
        environ(HTTPS_PROXY="http://10.99.1.1:3128", HTTP_PROXY="http://10.99.1.1:3128"),
    ),
    world(
        "healthy.transparent-proxy",
        "A proxy on the router passes all on",
        redirected("router", "1-65535", "pass"),
    ),
    world(
        "healthy.tproxy",
        "A proxy on the router that the packets do not show passes all on",
        tproxied("{ 6379, 6380 }", "pass"),
    ),
    world(
        "healthy.cluster",
        "A cluster of one node, and a client that knows clusters",
        covered,
        redis=redis(
            "--cluster-enabled", "yes", "--cluster-announce-ip", SERVER, "--tls-cluster", "yes"
        ),
        options=("--cluster",),
    ),
    world(
        "healthy.quiet-for-a-while",
        "A stateful router remembers for longer than the watch",
        router_does("ct state established,related accept", "ct state new accept", "drop"),
        options=("--for", "2"),
    ),
    world(
        "healthy.nat", "The router translates the client's address", translated_ports(40000, 50000)
    ),
    world(
        "healthy.loss-of-dials",
        "Every second dial gets lost, and the kernel sends it again",
        router_does("tcp dport 6380 tcp flags syn / syn,ack numgen inc mod 2 0 drop"),
    ),
    world(
        "healthy.loss",
        "One packet in twenty gets lost",
        router_does("meta l4proto tcp numgen inc mod 20 0 drop"),
    ),
    world(
        "healthy.small-mtu",
        "The client's link takes 1280 bytes",
        ip("client", "link set eth0 mtu 1280"),
    ),
    world(
        "healthy.mtu-differs",
        "The server's link takes 1500 bytes and the client's 600, and routers say so",
        small_segments("server"),
        ip("router", "link set to-client mtu 600"),
    ),
    world(
        "healthy.jumbo",
        "The server's link takes 9000 bytes",
        ip("server", "link set eth0 mtu 9000"),
        ip("router", "link set to-server mtu 9000"),
    ),
    world(
        "healthy.no-icmp",
        "Routers and hosts keep silent",
        lambda stage: stage.filter("router", "output", "meta l4proto icmp drop"),
        server_drops("meta l4proto icmp drop"),
    ),
    world(
        "healthy.strict-filter",
        "The server's host drops all but what it serves",
        server_drops(
            "ct state established,related accept",
            "tcp dport { 53, 6379, 6380 } accept",
            "udp dport 53 accept",
            "icmp type echo-request accept",
            "iif lo accept",
            "meta nfproto ipv4 drop",
        ),
    ),
    world(
        "healthy.client-filter",
        "This host's filter drops what is not Redis",
        client_does("tcp dport { 25, 445, 3306 } drop", "udp dport 123 drop"),
    ),
    world(
        "healthy.many-sockets",
        "This host holds three hundred connections",
        held(300),
        target=PLAIN,
        options=("--deep",),
    ),
    world(
        "healthy.few-ports",
        "This host has a narrow port range, and room in it",
        sysctl("client", "net.ipv4.ip_local_port_range=40000 40199"),
        options=("--deep",),
    ),
    world(
        "healthy.odd-sysctls",
        "This host gives up late, keeps no connection alive, and has no timestamps",
        sysctl(
            "client",
            "net.ipv4.tcp_retries2=15",
            "net.ipv4.tcp_syn_retries=6",
            "net.ipv4.tcp_keepalive_time=7200",
            "net.ipv4.tcp_timestamps=0",
            "net.ipv4.tcp_sack=0",
        ),
        options=("--deep",),
    ),
    world(
        "healthy.black-hole-for-others",
        "A black-hole route to somebody else's network",
        ip("client", "route add blackhole 10.50.0.0/16"),
    ),
    world(
        "healthy.asymmetric",
        "The server answers by another way than the questions come",
        ip("server", "route add 10.99.1.0/24 via 10.99.2.1 metric 5"),
        sysctl("router", "net.ipv4.conf.all.rp_filter=2"),
    ),
    world(
        "healthy.busy",
        "The server has most of its connections taken",
        full(40),
        redis=redis("--maxclients", "64"),
    ),
    world(
        "healthy.no-credentials",
        "The server asks for a key, and the target has none",
        target=NO_KEY,
    ),
    world(
        "healthy.tls12",
        "The server speaks TLS 1.2 alone",
        redis=redis("--tls-protocols", "TLSv1.2"),
    ),
    world(
        "healthy.wildcard",
        "The certificate is for all names of the domain",
        redis=papers("*.corp.example"),
    ),
    world(
        "healthy.young-certificate",
        "The certificate was made an hour ago",
        redis=papers(valid_from_s=-3600.0),
    ),
    world("healthy.slow-server", "A short slow command now and then", told("SLOWLOG", "RESET")),
    world(
        "healthy.acl-user",
        "A user of one's own with all that is needed",
        told("ACL", "SETUSER", "app", "on", f">{KEY}", "~*", "+@all"),
        target=f"rediss://app:{_KEY}@{OWN_HOST}:6380",
    ),
    world("healthy.database", "A database of one's own", target=f"{TLS}/3"),
    world(
        "healthy.stateful-router",
        "The router lets in what belongs to a connection",
        router_does(
            "ct state established,related accept",
            "tcp dport { 53, 6379, 6380 } ct state new accept",
            "udp dport 53 accept",
            "meta l4proto icmp accept",
            f"ip daddr {SERVER} tcp dport 1-65535 reject with tcp reset",
        ),
    ),
    world(
        "healthy.counted",
        "The router counts connections, and there is room",
        router_does("tcp dport 6380 ct count over 200 drop"),
    ),
)

WORLDS = (
    *NAMES,
    *ROUTES,
    *FILTERS,
    *PORTS,
    *QUIET,
    *SIDECARS,
    *SECURE,
    *SERVERS,
    *PAIRS,
    *HEALTHY,
)


class UnknownWorld(KeyError):  # the contract's word
    """No kernel world bears that id; the message names those that come near."""

    def __str__(self) -> str:
        return str(self.args[0])


@functools.cache
def _by_id() -> dict[str, KernelWorld]:
    return {each.id: each for each in WORLDS}


def by_id(name: str) -> KernelWorld:
    """Return one world.

    Raises:
        UnknownWorld: None is called *name*.
    """
    known = _by_id()
    if name not in known:
        from difflib import get_close_matches

        near = get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UnknownWorld(f"the lab has no kernel world {name[:80]!r}{hint}")
    return known[name]


__all__ = ["ROUTER", "WORLDS", "KernelWorld", "UnknownWorld", "by_id"]
