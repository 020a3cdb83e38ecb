"""One look at the control plane: begun beside the walk of the path, ended with it.

It never raises for what Azure does, never outlasts the time limit, and whatever has not come by then
is *unseen*. Errors for people (an endpoint that is not https, an address that is none) are raised
before anything is asked.
"""

from __future__ import annotations

from refused.evidence.control_plane import CONTROL_PLANE, ResourceSearch
from refused.evidence.observations import RedisReply, Unseen
from refused.evidence.path import is_literal, is_old
from refused.probes.azure import find, signs
from refused.probes.azure.client import Plane
from refused.probes.azure.crew import Crew
from refused.probes.azure.endpoint import endpoint_of
from refused.probes.azure.read import CHANGES_S, Book, Reader, has_address, interface_with
from refused.probes.azure.ways import items, same, text, whole
from refused.service.addresses import address_class
from refused.service.arm import api_version
from refused.service.clouds import CLOUDS, HOST_SUFFIXES, service_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from refused.evidence.bundle import Fact
    from refused.evidence.observations import ClientSettings
    from refused.evidence.parse_target import Resource
    from refused.evidence.redaction import Secret
    from refused.evidence.target import Credentials, Target
    from refused.probes.azure.deleted import Sought
    from refused.probes.azure.find import Found
    from refused.probes.stopwatch import Deadline

# What a judge will want to know, where not even the cache could be found.
_WANTED = (
    "AzureCache",
    "FirewallRules",
    "PrivateEndpointList",
    "Metric",
    "ResourceChange",
    "ResourceHealth",
)
_REFUSED_LOGINS = frozenset({"WRONGPASS", "NOAUTH", "ERR", "DENIED"})
_METADATA_S = 0.5


class Asked:
    """What the user wants of the control plane.

    Attributes:
        resource: The id of the cache; ``None`` finds it by its host name.
        client_ip: The address from which the service sees the client.
        client_subnet: The id of the subnet that the client stands in.
        subscription: Where to look for the cache; ``None`` is everywhere.
        changes: A file or a command with the user's own history of changes.
        echo: The URL of a service that says from where it was asked.
        keeps_raw: Whether the raw answers are wanted.
        local: The name of the local vantage point; ``None`` where nobody looks from here.
        asks: Whether the control plane itself is asked, and not only the user and this machine.
        resolver: The one resolver to ask for an alias; ``None`` asks the system's.
    """

    __slots__ = (
        "resource",
        "client_ip",
        "client_subnet",
        "subscription",
        "changes",
        "echo",
        "keeps_raw",
        "local",
        "deep",
        "asks",
        "resolver",
    )

    def __init__(
        self,
        *,
        resource: Resource | None = None,
        client_ip: str | None = None,
        client_subnet: str | None = None,
        subscription: str | None = None,
        changes: str | None = None,
        echo: str | None = None,
        keeps_raw: bool = False,
        local: str | None = "here",
        deep: bool = False,
        asks: bool = True,
        resolver: tuple[str, int] | None = None,
    ) -> None:
        self.resolver = resolver
        self.resource, self.client_ip, self.client_subnet = resource, client_ip, client_subnet
        self.subscription, self.changes, self.echo = subscription, changes, echo
        self.keeps_raw, self.local, self.deep, self.asks = keeps_raw, local, deep, asks


class Aim:
    """Where a resource is reached.

    Attributes:
        why: Why it is not known, or how it was guessed; ``""`` where Azure said it.
        how: What would help.
    """

    __slots__ = ("host", "port", "tls", "why", "how")

    def __init__(
        self, host: str, port: int, *, tls: bool = True, why: str = "", how: str = ""
    ) -> None:
        self.host, self.port, self.tls, self.why, self.how = host, port, tls, why, how


class Look:
    """One look.

    Raises:
        BadEndpoint: The control plane cannot be asked the way the environment says.
        BadAddress: The client's address is none.
    """

    def __init__(
        self, asked: Asked, deadline: Deadline, environ: Mapping[str, str], root: str = "/"
    ) -> None:
        self.asked, self.deadline, self.environ, self.root = asked, deadline, environ, root
        self.book = Book()
        self.crew = Crew(self._failed)
        if asked.client_ip:
            from refused.probes.azure.address import given

            self.book.write(given(asked.client_ip))
        endpoint = endpoint_of(environ)
        self.plane = Plane(
            endpoint,
            self._token,
            deadline=deadline,
            environ=environ,
            on_raw=self.book.write if asked.keeps_raw else None,
        )
        self.reader: Reader | None = None
        self._target: Target | None = None
        self._has_searched = False
        self._lost: Sought | None = None

    def _token(self) -> Secret:
        from refused.probes.azure.credentials import token

        return token(self.plane.endpoint, self.environ, self.deadline)

    # --- where a resource is reached ---------------------------------------------------------------

    def find(self, name: str) -> Aim | None:
        """Find the one cache called *name* and say where it is; ``None`` where it is not known."""
        self._has_searched = True
        found = self._found(name, "")
        if found is None:
            return None
        self.book.write(*found.facts)
        if found.chosen is None:
            self._lost = _lost(found, name, "")
            return None
        self._choose(found.chosen)
        return self.aim()

    def why_not_found(self) -> str:
        """Return why a search came to nothing."""
        gaps = [fact.why for fact in self.book.read() if isinstance(fact, Unseen)]
        return gaps[0] if gaps else "it was not found"

    def aim(self) -> Aim:
        """Say where the resource that was given, or found, is reached."""
        resource = self.asked.resource
        if resource is None:
            raise ValueError("there is no resource to aim at")
        cache_id = id_of(resource)
        version = api_version(resource.type)
        answer = self.plane.ask(cache_id, version)
        host = (text(answer.body, "properties", "hostName") or "") if answer.ok else ""
        if same(resource.type, "Microsoft.Cache/redis"):
            if host:
                return Aim(host, whole(answer.body, "properties", "sslPort") or 6380)
            # Names of Azure Cache for Redis follow from the cloud; the others hold a region.
            cloud = self.plane.endpoint.cloud or "public"
            suffix = next(
                (s for of, at, _, s, _, _ in HOST_SUFFIXES if (of, at) == ("acr", cloud)), ""
            )
            guess = f"{resource.name}.{suffix}" if suffix else ""
            return Aim(
                guess.lower(), 6380, why=answer.why or "it says no host name", how=answer.how
            )
        if not host:
            return Aim("", 10000, why=answer.why or "it says no host name", how=answer.how)
        bases = self.plane.ask_all(f"{cache_id}/databases", version)
        base = next(iter(items(bases.body, "value")), None)
        tls = not same(text(base, "properties", "clientProtocol"), "Plaintext")
        return Aim(host, whole(base, "properties", "port") or 10000, tls=tls)

    def _choose(self, cache_id: str) -> None:
        from refused.evidence.parse_target import parse_resource

        self.asked.resource = parse_resource(cache_id)

    # --- the look itself -----------------------------------------------------------------------------

    def begin(self, target: Target, settings: ClientSettings | None) -> None:
        """Begin to read, beside whatever else the program does."""
        self._target = target
        sni = settings.sni if settings is not None else None
        if not self.asked.asks:
            pass
        elif self.asked.resource is not None:
            self._read(id_of(self.asked.resource), target.host)
        elif not self._has_searched:
            self.crew.add("ResourceSearch", self._search, target.host, sni)
        elif self._lost is not None:
            self.crew.add("ResourceChange", self._seek_deletion, self._lost)
        if self.asked.changes:
            self.crew.add("your own changes", self._read_changes, self.asked.changes)
        if not self.asked.client_ip:
            self._seek_address()

    def end(self, credentials_: Credentials, facts: Sequence[Fact]) -> tuple[Fact, ...]:
        """Finish within the time limit, knowing what the walk has seen; returns all facts."""
        interrupted = any(isinstance(f, Unseen) and f.why == "you interrupted it" for f in facts)
        why, how = "the time was up", "give more of it with --timeout"
        undone: tuple[str, ...] = ()
        try:
            if not interrupted:
                undone = self.crew.wait(self.deadline)
            reader, key = self.reader, credentials_.password
            if reader is not None and key is not None and self._wants_keys(key, facts):
                reader.compare_key(key)
                undone = self.crew.wait(self.deadline)
        except KeyboardInterrupt:
            interrupted = True
        if interrupted:
            from refused.probes.stopwatch import Deadline

            why, how = "you interrupted it", "let it run to its end"
            undone = self.crew.wait(Deadline(0.0))
        if self.reader is not None:
            self.reader.close()
        self.close()
        for what in undone:
            if what == "ResourceSearch":
                self._miss(why, how)
            if not self.book.holds(what):
                self.book.write(_unseen(what, why, how))
        return self.book.close()

    def close(self) -> None:
        """Ask nothing more, and close every connection; again is no harm."""
        self.crew.close()
        self.plane.close()

    def _wants_keys(self, key: Secret, facts: Sequence[Fact]) -> bool:
        """Whether to compare keys: only where a key was given, and it was refused or all is wanted."""
        if not key or self._target is None or self._target.auth == "entra":
            return False
        return self.asked.deep or any(
            isinstance(fact, RedisReply)
            and fact.command in ("AUTH", "HELLO")
            and fact.error_code in _REFUSED_LOGINS
            and not is_old(fact)
            for fact in facts
        )

    def _failed(self, what: str, failure: BaseException) -> None:
        """Note that a piece of work of ours failed: that costs its own fact, never the look."""
        self.book.write(
            _unseen(
                what,
                f"reading it failed within refused ({type(failure).__name__})",
                "please report it, with the output of refused probe --azure",
            )
        )

    # --- finding -------------------------------------------------------------------------------------

    def _search(self, host: str, sni: str | None) -> None:
        name_from = next((each for each in (host, sni) if each and service_of(each).is_azure), None)
        if name_from is None:
            name_from = self._alias_of(host) or host
        name = None if is_literal(name_from) else find.name_of(name_from)
        if name is None:
            why = "the target's name leads to no cache of Azure's"
            how = "give the cache's id with --resource"
            self.book.write(_unseen("ResourceSearch", why, how))
            self._miss(why, how)
            return
        elsewhere = self._other_cloud(name_from)
        if elsewhere is not None:
            self.book.write(elsewhere)
            self._miss(elsewhere.why, elsewhere.how_to_see)
            return
        found = self._found(name, name_from if service_of(name_from).is_azure else "")
        if found is None:
            return
        self.book.write(*found.facts)
        if found.chosen is None:
            gap = next((f for f in found.facts if isinstance(f, Unseen)), None)
            lost = _lost(found, name, name_from if service_of(name_from).is_azure else "")
            if gap is not None:
                seeks = "" if lost is None else "ResourceChange"
                self._miss(gap.why, gap.how_to_see, but=seeks)
            if lost is not None:
                self._seek_deletion(lost)
            return
        self._choose(found.chosen)
        self._read(found.chosen, name_from)

    def _found(self, name: str, host: str) -> Found | None:
        """Search in the subscription that was given; ``None`` where there is no such one."""
        given = self.asked.subscription
        if given is not None:
            answer, given = find.subscription_id(self.plane, given)
            if given is None and answer is not None:
                self.book.write(answer.unseen("ResourceSearch"))
                self._miss(answer.why, answer.how)
                return None
        return find.search(self.plane, name, host, given)

    def _other_cloud(self, host: str) -> Unseen | None:
        """Say that *host* is of another cloud than the one that would be asked; none knows another's."""
        cloud, asked = service_of(host).cloud, self.plane.endpoint.cloud
        if cloud is None or asked is None or cloud == asked:
            return None
        titles = {name: (title, known_as) for name, title, known_as, *_ in CLOUDS}
        title, known_as = titles[cloud]
        how = f"az cloud set --name {known_as}, and log in; or " if known_as else ""
        return _unseen(
            "ResourceSearch",
            f"the host name is one of {title}, and {titles[asked][0]} would be asked",
            f"{how}name its control plane in REFUSED_ARM_ENDPOINT",
        )

    def _miss(self, why: str, how: str, *, but: str = "") -> None:
        for what in _WANTED:
            if what != but and not self.book.holds(what):
                self.book.write(_unseen(what, why, how))

    def _seek_deletion(self, lost: Sought) -> None:
        """Look in the activity logs for who deleted a cache that no list holds."""
        import time

        from refused.probes.azure.deleted import seek

        seek(self.plane, self.crew, self.book, lost, time.time())

    def _alias_of(self, host: str) -> str | None:
        """Return the name of Azure's that *host* is an alias of, as the client's resolver tells."""
        if is_literal(host) or "." not in host:
            return None
        names = self._aliases(host)
        return next((name for name in names if service_of(name).is_azure), None)

    def _aliases(self, host: str) -> tuple[str, ...]:
        if self.asked.resolver is not None:
            from refused.probes.names import ask

            wait_s = self.deadline.left(2.0)
            return ask(self.asked.resolver, host, "A", vantage="here", wait_s=wait_s).aliases
        import socket

        try:
            rows = socket.getaddrinfo(host, None, flags=socket.AI_CANONNAME)
        except (OSError, UnicodeError):
            return ()
        return tuple(str(row[3]).rstrip(".").lower() for row in rows if row[3])

    def _read(self, cache_id: str, host: str) -> None:
        target = self._target
        self.reader = Reader(
            self.plane,
            self.crew,
            self.book,
            cache_id,
            host=host,
            is_thorough=self.asked.deep or (target is not None and target.auth == "entra"),
        )
        self.reader.begin()
        if self.asked.client_subnet:
            self.reader.read_client_subnet(self.asked.client_subnet)
        elif self.asked.client_ip and address_class(self.asked.client_ip) == "private":
            self.crew.add("the client's subnet", self._read_interface_at, self.asked.client_ip)

    # --- the client ----------------------------------------------------------------------------------

    def _seek_address(self) -> None:
        asked = self.asked
        if asked.local is None:
            why = "nobody said from which address the service sees the client over there"
            self.book.write(_unseen("ClientAddress", why, "give it with --client-ip"))
            return
        if asked.echo:
            self.crew.add("ClientAddress", self._read_echo, asked.echo, asked.local)
        known = "AZURE_POD_IDENTITY_AUTHORITY_HOST" in self.environ
        if known or signs.is_azure_machine(self.root):
            self.crew.add("instance metadata", self._read_machine, asked.local)
        elif not asked.echo:
            self.book.write(
                Unseen(
                    vantage=asked.local,
                    what="ClientAddress",
                    why="nobody said from which address the service sees this client",
                    how_to_see="give it with --client-ip, or name an echo service with --echo",
                )
            )

    def _read_echo(self, url: str, vantage: str) -> None:
        from refused.probes.azure.address import echoed

        wait_s = self.deadline.left(3.0)
        self.book.write(echoed(url, vantage=vantage, wait_s=wait_s, environ=self.environ))

    def _read_machine(self, vantage: str) -> None:
        from refused.probes.azure.address import machine

        wait_s = self.deadline.left(_METADATA_S)
        found = machine(vantage=vantage, wait_s=wait_s, environ=self.environ)
        if found is None:
            return
        self.book.write(*found.facts)
        if found.resource_id and not self.asked.client_subnet:
            self._read_interface_of(found.resource_id)

    def _read_interface_of(self, machine_id: str) -> None:
        """Read what guards the interface of the machine that we run on."""
        answer, found = interface_with(
            self.plane,
            lambda each: same(text(each, "properties", "virtualMachine", "id"), machine_id),
            f"properties.virtualMachine.id =~ '{machine_id}'" if "'" not in machine_id else "",
        )
        reader = self._reader()
        if not answer.ok:
            self.book.write(answer.unseen("the client's subnet"))
        for each in found:
            if reader is not None:
                reader.read_client_interface(each)

    def _read_interface_at(self, private: str) -> None:
        """Read what guards the one interface that bears the client's private address."""
        answer, found = interface_with(self.plane, lambda each: has_address(each, private), "")
        if not answer.ok:
            self.book.write(answer.unseen("the client's subnet"))
        elif len(found) == 1 and self.reader is not None:
            self.reader.read_client_interface(found[0])
        else:
            why = "no visible interface bears" if not found else f"{len(found)} interfaces bear"
            self.book.write(
                _unseen(
                    "the client's subnet",
                    f"{why} the client's private address",
                    "give the subnet's id with --client-subnet",
                )
            )

    def _reader(self) -> Reader | None:
        """Return the reader once the resource is known, ``None`` where it is not in time."""
        import time

        while self.reader is None and not self.deadline.over and not self.book.holds("AzureCache"):
            time.sleep(0.02)
        return self.reader

    def _read_changes(self, source: str) -> None:
        import time

        from refused.probes.azure import changes

        now = time.time()
        self.book.write(
            *changes.look(source, since=now - CHANGES_S, until=now, wait_s=self.deadline.left())
        )


def _lost(found: Found, name: str, host: str) -> Sought | None:
    """Return what to look for in the logs where a search was made and nothing fits; else ``None``."""
    made = next((fact for fact in found.facts if isinstance(fact, ResourceSearch)), None)
    if made is None or made.found:
        return None
    from refused.probes.azure.deleted import Sought

    return Sought(name, host, found.places)


def id_of(resource: Resource) -> str:
    """Return the ARM id of a cache."""
    return (
        f"/subscriptions/{resource.subscription}/resourceGroups/{resource.group}"
        f"/providers/{resource.type}/{resource.name}"
    )


def _unseen(what: str, why: str, how: str) -> Unseen:
    return Unseen(vantage=CONTROL_PLANE, what=what, why=why, how_to_see=how)


__all__ = ["Aim", "Asked", "Look", "id_of"]
