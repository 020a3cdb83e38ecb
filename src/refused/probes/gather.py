"""Walk the path once, politely, and look deeper from the hop that broke.

The first pass makes one connection for each address of the target, and one conversation over the
first that is accepted. Only where a hop broke are further connections made, and a handful at most:
their purpose is named in each observation.

Threads carry what may block (name lookups, dials side by side); the main thread only waits, so
that Ctrl-C and the time limit end the walk at once, with what was seen so far.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

import threading

from refused.evidence.bundle import Evidence
from refused.evidence.observations import (
    ClusterTopology,
    DnsAnswer,
    NameLookup,
    NodeVisit,
    Observation,
    RedisReply,
    ResolverSettings,
    ServerInfo,
    TcpDial,
    TlsHandshake,
    Unseen,
)
from refused.evidence.path import is_literal
from refused.probes import names, tcp
from refused.probes.stopwatch import Deadline

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple, Union

    from refused.evidence.observations import ClientSettings, PeerCertificates, TlsPurpose
    from refused.evidence.target import Credentials, Target
    from refused.vantage import Vantage

    Fact = Union[Observation, Unseen]
    Channel = Any

# A name with more addresses than this is dialled at the first of them; each dial is a connection.
MOST_ADDRESSES = 6
MOST_RESOLVERS = 3
MOST_NODES = 64
# How long one dial, one answer may take, as a share of the whole limit: a dial that is met with
# silence must leave time for looking at what else is silent.
DIAL_SHARE = 0.45
REPEATS = 3
# A watch has up to four connections open; of a server with less room, it opens one at a time.
ROOM_FOR_A_WATCH = 8
# Nothing in Redis's world or elsewhere listens here (RFC 863's discard is long switched off); a
# connection that is accepted on it was accepted by something in between.
CONTROL_PORT = 9


class Wishes:
    """How to look: what the user's options ask of the probes.

    Attributes:
        limit_s: Seconds until the answer, in all.
        resolver: ``(address, port)`` that alone is asked, or ``None`` for the system's.
        ca_file: The CA bundle to trust instead of the system's.
        deep: Whether heavier looks are wanted.
        hold_s: How long to hold a connection idle and to try again and again beside it; 0 for not at all.
        write: Whether a value may be written, read back and deleted.
        root: The folder that plays ``/`` for files of the host.
    """

    __slots__ = (
        "limit_s",
        "resolver",
        "ca_file",
        "deep",
        "hold_s",
        "write",
        "root",
        "environ",
        "pid",
    )

    def __init__(
        self,
        *,
        limit_s: float = 5.0,
        resolver: Tuple[str, int] | None = None,
        ca_file: str | None = None,
        deep: bool = False,
        hold_s: float = 0.0,
        write: bool = False,
        root: str = "/",
        environ: Mapping[str, str] | None = None,
        pid: int | None = None,
    ) -> None:
        self.limit_s = limit_s
        self.resolver = resolver
        self.ca_file = ca_file
        self.deep = deep
        self.hold_s = hold_s
        self.write = write
        self.root = root
        self.environ: Mapping[str, str] = environ if environ is not None else {}
        self.pid = pid


class Notebook:
    """Collects facts from several threads; what is written after it was closed is too late."""

    def __init__(self, vantage: str) -> None:
        self.vantage = vantage
        self._facts: List[Fact] = []
        self._lock = threading.Lock()
        self._closed = False

    def write(self, *facts: Fact | None) -> None:
        """Add facts, skipping what is ``None``."""
        with self._lock:
            if not self._closed:
                self._facts.extend(fact for fact in facts if fact is not None)

    def unseen(self, what: str, why: str, how_to_see: str) -> None:
        """Note that something could not be looked at."""
        self.write(Unseen(vantage=self.vantage, what=what, why=why, how_to_see=how_to_see))

    def read(self) -> Tuple[Fact, ...]:
        """Return what is there by now."""
        with self._lock:
            return tuple(self._facts)

    def close(self) -> Tuple[Fact, ...]:
        """Return everything, and take no more."""
        with self._lock:
            self._closed = True
            return tuple(self._facts)


class Walk:
    """One walk of the path from one vantage point."""

    def __init__(
        self,
        target: Target,
        credentials: Credentials,
        settings: ClientSettings | None,
        vantage: Vantage,
        wishes: Wishes,
    ) -> None:
        self.target = target
        self.credentials = credentials
        self.settings = settings
        self.vantage = vantage
        self.wishes = wishes
        self.book = Notebook(vantage.name)
        self.deadline = Deadline(wishes.limit_s)
        self._channel: Channel = None
        self._login_done = False
        self._kept: Any = None
        self._watch: Any = None

    # --- the walk itself -----------------------------------------------------------------------

    def run(self) -> None:
        """Walk; every fact is in :attr:`book` the moment it was seen."""
        host_facts = side(self._host)
        addresses = self._resolve()
        if addresses:
            self._converse(addresses)
        if self.wishes.hold_s > 0:
            self._keep_watch(addresses)
        wait_for([host_facts], self.deadline)
        if self.wishes.deep:
            # The kernel's socket tables take tens of milliseconds: only who asks, or has a fault, pays.
            self._host(full=True)
        self._look_deeper(addresses)
        if self._channel is not None:
            self._channel.close()

    def evidence(self) -> Evidence:
        """Return what was seen so far, as a judge gets it."""
        return Evidence(*self.book.read(), target=self.target, vantage=self.vantage.name)

    def _dial_s(self) -> float:
        """Return how long one dial may take."""
        wanted = self.wishes.limit_s * DIAL_SHARE
        if self.settings is not None and self.settings.connect_timeout_ms:
            wanted = min(wanted, self.settings.connect_timeout_ms / 1000)
        return self.deadline.left(wanted)

    # --- name and address ----------------------------------------------------------------------

    def _resolve(self) -> Tuple[str, ...]:
        """Ask the system and the resolvers on the wire; return the addresses the client gets."""
        host, book, vantage = self.target.host, self.book, self.vantage
        if is_literal(host):
            return (host,)
        wait_s = self.deadline.left(self.wishes.limit_s * 0.8)
        given: List[str] = []
        jobs = []
        if self.wishes.resolver is None and vantage.is_local:
            settings = names.resolver_settings(vantage=vantage.name, root=self.wishes.root)
            book.write(
                settings, names.hosts_entry(host, vantage=vantage.name, root=self.wishes.root)
            )
            servers = _servers(settings)

            def system() -> None:
                found = names.lookup(host, self.target.port, vantage=vantage.name, wait_s=wait_s)
                book.write(found)
                given.extend(found.addresses)

            jobs.append(side(system))
        elif self.wishes.resolver is not None:
            servers = [self.wishes.resolver]
            played = self._played_hosts(host)
            if played:
                given.extend(played)
                jobs.append(side(lambda: None))
        else:
            book.unseen(
                "NameLookup",
                f"names are looked up at the far end of {vantage.name}, which does not tell",
                "name a resolver with --resolver",
            )
            return ()

        answers: List[DnsAnswer] = []
        # From here, and not from when a thread gets its turn: silence has to be told before the end.
        patience = Deadline(wait_s)

        def on_the_wire(server: Tuple[str, int], qtype: str) -> None:
            answer = names.ask(server, host, qtype, vantage=vantage.name, wait_s=patience.left())
            answers.append(answer)
            book.write(answer)

        wire = [side(on_the_wire, server, qtype) for server in servers for qtype in ("A", "AAAA")]
        if jobs:
            # What the application gets decides where we go; the wire's answers may come later.
            wait_for(jobs, self.deadline)
            if not any(isinstance(fact, NameLookup) for fact in book.read()):
                book.unseen("NameLookup", "the time was up", "give more of it with --timeout")
            self._wire = wire
            return tuple(given)
        wait_for(wire, self.deadline)
        if not answers:
            book.unseen("DnsAnswer", "the time was up", "give more of it with --timeout")
        ordered = sorted(answers, key=lambda each: each.qtype)
        return tuple(dict.fromkeys(address for each in ordered for address in each.addresses))

    def _played_hosts(self, host: str) -> Tuple[str, ...]:
        """Return what the hosts file of a played host says; the real one's never counts beside a resolver."""
        if self.wishes.root == "/":
            return ()
        entry = names.hosts_entry(host, vantage=self.vantage.name, root=self.wishes.root)
        self.book.write(entry)
        if isinstance(entry, Unseen) or not entry.addresses:
            return ()
        self.book.write(
            NameLookup(
                vantage=entry.vantage,
                at=entry.at,
                took_ms=entry.took_ms,
                source=entry.source,
                host=host,
                outcome="answered",
                addresses=entry.addresses,
            )
        )
        return entry.addresses

    # --- tcp, tls, resp ------------------------------------------------------------------------

    def _converse(self, addresses: Tuple[str, ...]) -> None:
        """Dial every address side by side; talk over the first, in the client's order, that accepts."""
        book, target = self.book, self.target
        tried = addresses[:MOST_ADDRESSES]
        sockets: Dict[str, socket.socket] = {}
        is_over = threading.Event()
        wait_s = self._dial_s()

        def reach(address: str) -> None:
            if self.vantage.is_local:
                book.write(tcp.route(address, vantage=self.vantage.name))
            sock, dial = self.vantage.dial(address, target.port, wait_s)
            if sock is not None:
                sockets[address] = sock
                if is_over.is_set():  # too late: nobody will talk over it, nor close it
                    sock.close()
            book.write(dial)

        jobs = [side(reach, address) for address in tried]
        for address, job in zip(tried, jobs):
            wait_for([job], self.deadline)
            sock = sockets.pop(address, None)
            if sock is not None:
                self._talk(sock, address)
                break
        for job in jobs:
            job.join(0)
        is_over.set()
        for sock in list(sockets.values()):
            sock.close()

    def _sni(self) -> str:
        return (self.settings and self.settings.sni) or self.target.host

    def _tls_options(self) -> Dict[str, Any]:
        """Return how the client itself would shake hands."""
        given = self.settings
        options: Dict[str, Any] = {"ca_file": self.wishes.ca_file}
        if given is not None:
            if given.ca_file and not self.wishes.ca_file:
                options["ca_file"] = given.ca_file
            if given.verify is not None:
                options["verify"] = given.verify
            if given.check_hostname is not None:
                options["check_hostname"] = given.check_hostname
            options["min_tls"] = given.min_tls
            options["max_tls"] = given.max_tls
        return options

    def _open(
        self,
        sock: socket.socket,
        address: str,
        port: int,
        purpose: TlsPurpose = "client",
        **tls_options: Any,
    ) -> Channel:
        """Bring TLS or plain text up on a dialled socket; ``None`` where TLS failed."""
        wait_s = self.deadline.left(self.wishes.limit_s * DIAL_SHARE)
        channel, shake, certificates = self._shake(
            sock, address, port, wait_s, purpose, **tls_options
        )
        self.book.write(shake, certificates)
        return channel

    def _shake(
        self,
        sock: socket.socket,
        address: str,
        port: int,
        wait_s: float,
        purpose: TlsPurpose = "client",
        **tls_options: Any,
    ) -> Tuple[Channel, TlsHandshake | None, PeerCertificates | None]:
        """Do what :meth:`_open` does, and write nothing down."""
        if not self.target.tls:
            from refused.probes.plain import PlainChannel

            return PlainChannel(sock), None, None
        from refused.probes import tls

        options = {**self._tls_options(), **tls_options}
        return tls.handshake(
            sock,
            address=address,
            port=port,
            sni=options.pop("sni", self._sni()),
            wait_s=wait_s,
            vantage=self.vantage.name,
            purpose=purpose,
            **options,
        )

    def _talk(self, sock: socket.socket, address: str) -> None:
        """Log in and ask what is harmless to ask."""
        from refused.probes import login, resp

        book, target = self.book, self.target
        channel = self._open(sock, address, target.port)
        if channel is None:
            return
        self._channel = channel
        talk = resp.Conversation(
            channel, address=address, port=target.port, vantage=self.vantage.name
        )
        wait_s = self.deadline.left(self.wishes.limit_s * 0.6)
        if self.settings is not None and self.settings.command_timeout_ms:
            wait_s = min(wait_s, self.settings.command_timeout_ms / 1000)
        import time

        book.write(
            login.describe(
                self.credentials, how=target.auth, vantage=self.vantage.name, now=time.time()
            )
        )
        protocol = self.settings.protocol if self.settings is not None else None
        said = login.log_in(
            talk,
            self.credentials,
            target=target,
            protocol=protocol,
            wait_s=wait_s,
            on_old=book.write,
        )
        book.write(*said)
        if any(each.outcome not in ("ok", "error") for each in said):
            self._late_alert(talk)
            return
        if any(each.outcome == "error" and each.error_code in _FINAL for each in said):
            return
        facts = resp.introduce(talk, target, deep=self.wishes.deep, wait_s=wait_s)
        book.write(*facts)
        if any(isinstance(f, RedisReply) and f.outcome not in ("ok", "error") for f in facts):
            self._late_alert(talk)
            return
        if any(isinstance(f, RedisReply) and f.error_code == "NOAUTH" for f in facts):
            return
        self._suspicions(talk, facts)
        if self.wishes.write and not talk.is_over:
            book.write(resp.round_trip(talk, wait_s))
        self._topology(talk, facts, address)
        self._kept = talk

    def _late_alert(self, talk: Any) -> None:
        """Note a TLS alert that came only after the handshake, as TLS 1.3's on client certificates do."""
        alert = getattr(talk, "alert", None)
        shakes = [
            f for f in self.book.read() if isinstance(f, TlsHandshake) and f.purpose == "client"
        ]
        if alert and shakes:
            self.book.write(shakes[-1].replace(outcome="alert", alert=alert, server_spoke=True))

    def _suspicions(self, talk: Any, facts: Tuple[Fact, ...]) -> None:
        """Ask once more, without effect, where INFO gives a reason to doubt that commands work."""
        from refused.probes import resp

        wait_s = self.deadline.left(1.0)
        for info in facts:
            if not isinstance(info, ServerInfo):
                continue
            full = bool(info.max_memory_bytes) and (info.used_memory_bytes or 0) >= 0.98 * (
                info.max_memory_bytes or 0
            )
            no_writes = (
                (full and not (info.eviction_policy or "").startswith("allkeys"))
                or info.snapshot_status == "err"
                or info.aof_write_status == "err"
                # A front door of Azure's leads to the primary, so that a replica behind it is news.
                # Elsewhere a replica is what somebody chose to talk to.
                or (info.role == "replica" and self.target.service != "redis")
            )
            if no_writes:
                said = resp.dry_write(talk, wait_s)
                if said.error_code == "NOPERM":
                    # A user that may not write is no fault; what a writer would be told stays hidden.
                    why = "this user may not write"
                    self.book.unseen("refused writes", why, "log in as the application's own user")
                else:
                    self.book.write(said)
            elif info.role == "replica" and info.primary_link == "down":
                self.book.write(resp.dry_read(talk, "refused:probe", wait_s))

    def _topology(self, talk: Any, facts: Tuple[Fact, ...], address: str) -> None:
        """Look at the cluster through the front door, then visit every node as a client would."""
        from refused.probes import cluster, resp

        target = self.target
        if target.cluster_aware is not True:
            known_to_be_none = _no_cluster(self.vantage.name, facts)
            if known_to_be_none is not None:
                self.book.write(known_to_be_none)
                return
        found = cluster.look(talk, target, wait_s=self.deadline.left(1.5))
        self.book.write(*found)
        topology = next((each for each in found if isinstance(each, ClusterTopology)), None)
        if topology is None or not topology.enabled:
            return
        if target.cluster_aware is not True and target.form != "stackexchange":
            key = cluster.foreign_slot_key(topology, address, target.port)
            if key is not None:
                self.book.write(resp.dry_read(talk, key, self.deadline.left(1.0)))
            if target.cluster_aware is False or not self.wishes.deep:
                return
        self._visit(topology)

    def _visit(self, topology: ClusterTopology) -> None:
        from refused.probes import cluster, login

        wait_s = self.deadline.left(self.wishes.limit_s * DIAL_SHARE)

        def log_in(talk: Any) -> Tuple[RedisReply, ...]:
            return login.log_in(
                talk, self.credentials, target=self.target, protocol=None, wait_s=wait_s
            )

        def visit(node: Any) -> None:
            self.book.write(
                cluster.visit(
                    node,
                    dial=lambda address, port, limit_s: self.vantage.dial(
                        address, port, limit_s, "node"
                    ),
                    resolve=self._addresses_of,
                    tls_options=self._tls_options() if self.target.tls else None,
                    login=log_in,
                    wait_s=wait_s,
                    vantage=self.vantage.name,
                    front_name=self._sni(),
                )
            )

        nodes = topology.nodes[:MOST_NODES]
        if len(topology.nodes) > MOST_NODES:
            self.book.unseen("NodeVisit", f"only the first {MOST_NODES} nodes were visited", "")
        for start in range(0, len(nodes), 8):
            wait_for([side(visit, node) for node in nodes[start : start + 8]], self.deadline)
        seen = sum(isinstance(f, NodeVisit) for f in self.book.read())
        if seen < len(nodes):
            self.book.unseen(
                "NodeVisit",
                f"{len(nodes) - seen} nodes were not reached in time",
                "give more with --timeout",
            )

    def _addresses_of(self, host: str) -> Tuple[str, ...]:
        """Resolve a node's name as the client would, with the resolver it was given."""
        if is_literal(host):
            return (host,)
        if self.wishes.resolver is not None:
            wait_s = self.deadline.left(1.5)
            found = names.ask(
                self.wishes.resolver, host, "A", vantage=self.vantage.name, wait_s=wait_s
            )
            return found.addresses
        return names.lookup(
            host, 0, vantage=self.vantage.name, wait_s=self.deadline.left(1.5)
        ).addresses

    # --- the host ------------------------------------------------------------------------------

    def _host(self, *, full: bool = False, clock: bool = True) -> None:
        from refused.probes import host

        if not self.vantage.is_local and self.wishes.root == "/":
            self.book.unseen(
                "KernelSettings",
                f"the host behind {self.vantage.name} cannot be asked",
                "run refused there",
            )
            return
        self.book.write(
            *host.facts(
                self.target,
                tuple(dial.address for dial in self.book.read() if isinstance(dial, TcpDial)),
                vantage=self.vantage.name,
                root=self.wishes.root,
                environ=self.wishes.environ,
                pid=self.wishes.pid,
                full=full,
                clock=clock,
                # Packet filters are read by a program of their own, which only a fault is worth.
                deep=full,
            )
        )

    # --- over time -------------------------------------------------------------------------------

    def _keep_watch(self, addresses: Tuple[str, ...]) -> None:
        """Leave the conversation quiet for as long as was asked, and try again and again beside it."""
        from refused.probes import announcements, over_time, resp

        if self._is_final():
            self.book.unseen(
                "OverTime", "who was turned away once is turned away again", "mend that first"
            )
            return
        # The user asked for the wait, so it does not count against the limit.
        hold_s, limit_s = self.wishes.hold_s, self.wishes.limit_s
        self.deadline = Deadline(hold_s + limit_s)
        until = Deadline(hold_s)
        how = announcements.LISTENS.get(self.target.service, "")
        is_full = self._is_full()
        listen = None
        if how and self._kept is not None and not is_full:

            def listen(watch: Any) -> None:
                announcements.listen(watch, how)

        self._watch = watch = over_time.Watch(
            self._ways(limit_s * DIAL_SHARE),
            host=self.target.host,
            port=self.target.port,
            addresses=addresses,
            prefers=self._reached_address(),
            vantage=self.vantage.name,
            for_s=hold_s,
            ping_wait_s=self._ping_wait_s(),
            keeps=not is_full,
            listen=listen,
        )
        jobs = [side(work) for work in watch.works()]
        if self._kept is not None and not self._kept.is_over:
            self.book.write(resp.hold_idle(self._kept, hold_s, wait_s=0.8 * limit_s))
        watch.over.wait(until.left())
        watch.over.set()
        # What is under way may end: a dial that was met with silence is worth knowing.
        wait_for(jobs, Deadline(min(self.deadline.left(), 0.6 * limit_s)))
        self.end_watch("done")

    @property
    def is_walking(self) -> bool:
        """Whether the path is still being walked for the first time."""
        return self._watch is None

    def end_watch(self, ended: str) -> None:
        """Write down what the watch has seen, once."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.over.set()
            self.book.write(*watch.facts(ended))

    def _is_full(self) -> bool:
        """Whether the server has so little room that a watch's own connections could fill it."""
        return any(
            isinstance(fact, ServerInfo)
            and fact.max_clients is not None
            and fact.connected_clients is not None
            and fact.max_clients - fact.connected_clients < ROOM_FOR_A_WATCH
            for fact in self.book.read()
        )

    def _reached_address(self) -> str:
        """Return the address that the walk came through to; ``""`` where none accepted."""
        if self._kept is not None:
            return str(self._kept.address)
        dials = [f for f in self.book.read() if isinstance(f, TcpDial) and f.purpose == "client"]
        return next((dial.address for dial in dials if not dial.failed), "")

    def _is_final(self) -> bool:
        """Whether the server refused the login: to try again may lock the user out."""
        return any(
            isinstance(fact, RedisReply)
            and fact.command in ("AUTH", "HELLO")
            and fact.error_code in ("WRONGPASS", "DENIED")
            for fact in self.book.read()
        )

    def _ping_wait_s(self) -> float:
        wait_s = self.wishes.limit_s * DIAL_SHARE
        if self.settings is not None and self.settings.command_timeout_ms:
            wait_s = min(wait_s, self.settings.command_timeout_ms / 1000)
        return wait_s

    def _ways(self, wait_s: float) -> Any:
        """Return how a watch connects: as the walk did, and without its limit."""
        from refused.probes import login, over_time

        if self.settings is not None and self.settings.connect_timeout_ms:
            wait_s = min(wait_s, self.settings.connect_timeout_ms / 1000)
        own = self.settings.protocol if self.settings is not None else None

        def bring_up(sock: socket.socket, address: str) -> Tuple[Channel, Any, Any]:
            return self._shake(sock, address, self.target.port, wait_s)

        def log_in(talk: Any, protocol: int | None) -> Tuple[RedisReply, ...]:
            return login.log_in(
                talk,
                self.credentials,
                target=self.target,
                protocol=protocol or own,
                wait_s=wait_s,
            )

        return over_time.Ways(
            dial=lambda address: self.vantage.dial(address, self.target.port, wait_s, "repeat"),
            open=bring_up,
            log_in=log_in,
            look_up=None if is_literal(self.target.host) else self._name_asker(wait_s),
        )

    def _name_asker(
        self, wait_s: float
    ) -> Callable[[], Tuple[str, str, Tuple[str, ...], int | None]] | None:
        """Return what looks the name up once more; ``None`` where nobody here can."""
        host, vantage = self.target.host, self.vantage.name
        resolver = self.wishes.resolver
        if resolver is not None and not self._played_hosts(host):

            def on_the_wire() -> Tuple[str, str, Tuple[str, ...], int | None]:
                found: Tuple[str, ...] = ()
                ttls: List[int] = []
                outcome = ""
                for qtype in ("A", "AAAA"):
                    answer = names.ask(resolver, host, qtype, vantage=vantage, wait_s=wait_s)
                    found += answer.addresses
                    ttls += [record.ttl_s for record in answer.chain]
                    outcome = outcome if outcome == "answered" else str(answer.outcome)
                name = f"{resolver[0]}:{resolver[1]}"
                return name, outcome, found, min(ttls, default=None)

            return on_the_wire
        if not self.vantage.is_local or resolver is not None:
            return None

        def of_the_system() -> Tuple[str, str, Tuple[str, ...], int | None]:
            found = names.lookup(host, self.target.port, vantage=vantage, wait_s=wait_s)
            return "system", str(found.outcome), found.addresses, None

        return of_the_system

    # --- deeper looks, from the hop that broke ---------------------------------------------------

    def _look_deeper(self, addresses: Tuple[str, ...]) -> None:
        wire = getattr(self, "_wire", [])
        broken = self.evidence().broken
        if wire:
            # Resolvers that have not answered by now matter only to a name that is in doubt.
            wait_for(wire, self.deadline if broken is not None else Deadline(0.0))
        if broken is None or self.deadline.over:
            return
        # A clock that is wrong breaks certificates and tokens, and no connection before them.
        is_of_time = broken.hop in ("tls", "auth")
        jobs = [] if self.wishes.deep else [side(lambda: self._host(full=True, clock=is_of_time))]
        if broken.hop == "tcp":
            jobs += [
                side(self._repeat, addresses[0])
                for _ in range(REPEATS if broken.how in _INCONSTANT else 0)
            ]
            jobs += [side(self._siblings, addresses[0]), side(self._control, addresses[0])]
            jobs += [side(self._fresh, address) for address in self._unused(addresses)]
        elif broken.hop in ("tls", "resp") and addresses:
            jobs += [side(self._fresh, address) for address in self._unused(addresses)]
            reached = next(
                (d.address for d in self.evidence().look(TcpDial) if not d.failed), addresses[0]
            )
            jobs += [side(self._control, reached)]
            jobs += self._deeper_tls(broken.how, reached)
        wait_for(jobs, self.deadline)

    def _repeat(self, address: str) -> None:
        sock, dial = self.vantage.dial(address, self.target.port, self._dial_s(), "repeat")
        self.book.write(dial)
        if sock is not None:
            sock.close()

    def _unused(self, addresses: Tuple[str, ...]) -> List[str]:
        """Return what resolvers give on the wire and the system does not: a hosts entry hides it."""
        given = [a for answer in self.evidence().look(DnsAnswer) for a in answer.addresses]
        return [address for address in dict.fromkeys(given) if address not in addresses][:2]

    def _fresh(self, address: str) -> None:
        sock, dial = self.vantage.dial(
            address, self.target.port, self.deadline.left(1.5), "dns-address"
        )
        self.book.write(dial)
        if sock is not None:
            sock.close()

    def _control(self, address: str) -> None:
        sock, dial = self.vantage.dial(address, CONTROL_PORT, self.deadline.left(1.0), "control")
        self.book.write(dial)
        if sock is not None:
            sock.close()

    def _siblings(self, address: str) -> None:
        """Dial the ports that the service should have, where another one was asked for."""
        from refused.service.ports import expected_ports

        known = expected_ports(self.target.service)  # type: ignore[arg-type]
        ports = [port for port in known if port != self.target.port]
        for port in ports[:3]:
            sock, dial = self.vantage.dial(address, port, self.deadline.left(1.0), "sibling-port")
            self.book.write(dial)
            if sock is not None:
                sock.close()

    def _deeper_tls(self, how: str, address: str) -> List[Side]:
        jobs = []
        broke_at_tls = self.target.tls and self.evidence().broken is not None
        if self.target.tls:
            jobs.append(side(self._plain, address))
            if how in ("untrusted", "name-mismatch", "expired", "not-yet-valid"):
                jobs.append(side(self._unverified, address))
            if how in ("alert", "closed", "reset", "error"):
                jobs.append(side(self._versions, address))
            if how == "silent":
                jobs.append(side(self._stalls, address))
        elif broke_at_tls or how in ("closed", "reset", "silent", "not-resp"):
            # A plain client met silence or a close: perhaps the port speaks TLS.
            jobs.append(side(self._unverified, address))
        return jobs

    def _again(self, address: str) -> socket.socket | None:
        wait_s = self.deadline.left(self._dial_s())
        return self.vantage.dial(address, self.target.port, wait_s, "repeat")[0]

    def _plain(self, address: str) -> None:
        from refused.probes import plain

        sock = self._again(address)
        if sock is not None:
            self.book.write(
                plain.talk(
                    sock,
                    address=address,
                    port=self.target.port,
                    wait_s=self.deadline.left(1.5),
                    vantage=self.vantage.name,
                )
            )

    def _unverified(self, address: str) -> None:
        sock = self._again(address)
        if sock is not None:
            wait_s = self.deadline.left(self._dial_s())
            channel, *facts = self._shake_unverified(sock, address, wait_s, "unverified")
            self.book.write(*facts)
            if channel is not None:
                channel.close()

    def _versions(self, address: str) -> None:
        from refused.probes import tls

        self.book.write(
            *tls.versions(
                lambda: self._again(address),
                address=address,
                port=self.target.port,
                sni=self._sni(),
                wait_s=self._dial_s(),
                vantage=self.vantage.name,
            )
        )

    def _stalls(self, address: str) -> None:
        """Try whether less at a time gets through where full packets do not."""
        from refused.probes import tls

        port = self.target.port
        sock = self._again(address)
        if sock is not None:
            self.book.write(
                tls.small_reply(
                    sock,
                    address=address,
                    port=port,
                    sni=self._sni(),
                    wait_s=self.deadline.left(1.0),
                    vantage=self.vantage.name,
                )
            )
        if not self.vantage.is_local:
            return
        sock, _ = tcp.dial(
            address,
            port,
            vantage=self.vantage.name,
            wait_s=self.deadline.left(1.0),
            purpose="repeat",
            prepare=tls.limit_segments,
        )
        if sock is not None:
            wait_s = self.deadline.left(1.5)
            channel, shake, _ = self._shake_unverified(sock, address, wait_s, "small-segments")
            self.book.write(shake)
            if channel is not None:
                channel.close()

    def _shake_unverified(
        self, sock: socket.socket, address: str, wait_s: float, purpose: TlsPurpose
    ) -> Tuple[Channel, Fact, Fact | None]:
        from refused.probes import tls

        return tls.handshake(
            sock,
            address=address,
            port=self.target.port,
            sni=self._sni(),
            wait_s=wait_s,
            vantage=self.vantage.name,
            verify=False,
            check_hostname=False,
            purpose=purpose,
        )


# Error codes at login after which no client gets any further.
_FINAL = frozenset({"WRONGPASS", "NOAUTH", "NOPERM", "ERR", "DENIED"})
# Dial outcomes that may be different the next time.
_INCONSTANT = frozenset({"silent", "reset", "refused", "unreachable"})


def _no_cluster(vantage: str, facts: Tuple[Fact, ...]) -> ClusterTopology | None:
    """Return that the server is no cluster, where it said so itself; silence is no such word."""
    said = [each for each in facts if isinstance(each, ServerInfo)]
    if not said or any(each.cluster_enabled is not False for each in said):
        return None
    return ClusterTopology(
        vantage=vantage, at=said[0].at, took_ms=0.0, source="INFO", enabled=False
    )


def _servers(settings: ResolverSettings | Unseen) -> List[Tuple[str, int]]:
    if isinstance(settings, Unseen):
        return []
    return [(server, 53) for server in settings.nameservers[:MOST_RESOLVERS]]


class Side(threading.Thread):
    """Work beside the others; what it raised is kept, for whoever waits for it.

    A thread of its own would print a traceback that nobody has searched for secrets.
    """

    def __init__(self, work: Callable[..., None], args: Tuple[Any, ...]) -> None:
        # A daemon, so that no lookup that hangs can keep the program alive.
        super().__init__(daemon=True)
        self._work, self._given = work, args
        self.failure: BaseException | None = None

    def run(self) -> None:
        """Work, and keep what goes wrong."""
        try:
            self._work(*self._given)
        except BaseException as failure:  # noqa: BLE001 - it is raised again, by whoever waits
            self.failure = failure


def side(work: Callable[..., None], *args: Any) -> Side:
    """Run *work* beside the others."""
    job = Side(work, args)
    job.start()
    return job


def wait_for(jobs: Sequence[Side], deadline: Deadline) -> None:
    """Wait until all are done or the time is up.

    Raises:
        BaseException: What one of them raised.
    """
    for job in jobs:
        job.join(deadline.left())
    for job in jobs:
        if job.failure is not None:
            raise job.failure


def gather(
    target: Target,
    credentials: Credentials,
    settings: ClientSettings | None,
    vantage: Vantage,
    wishes: Wishes,
) -> Tuple[Fact, ...]:
    """Return the evidence of one vantage point, within the time limit whatever happens.

    Raises:
        ValueError: The CA file cannot be used.
        KeyboardInterrupt: Never; Ctrl-C ends the walk, is noted, and what was seen is returned.
    """
    walk = Walk(target, credentials, settings, vantage, wishes)
    job = side(walk.run)
    try:
        slack_s = 0.05
        while job.is_alive() and walk.deadline.left() + slack_s > slack_s:
            job.join(min(0.2, walk.deadline.left() + slack_s))
        if job.is_alive():
            walk.end_watch("the time was up")
            walk.book.unseen(
                "the rest of the path", "the time was up", "give more of it with --timeout"
            )
    except KeyboardInterrupt:
        what = "the rest of the path" if walk.is_walking else "the rest of the watch"
        walk.end_watch("interrupted")
        walk.book.unseen(what, "you interrupted it", "let it run to its end")
    if job.failure is not None:
        raise job.failure
    return walk.book.close()
