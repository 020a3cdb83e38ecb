"""What the errors of a text, taken together, tell a judge.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

from refused.evidence.error_words import SYMPTOMS
from refused.evidence.path import INSIDE
from refused.service.hosted import hosted_service

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Optional, Sequence, Tuple

    from refused.evidence.observations import LoggedError

PRIVATE = frozenset({"private", "shared", "link-local"})
PUBLIC = frozenset({"public", "documentation"})


class Told:
    """A reading of several :class:`LoggedError`.

    Attributes:
        symptoms: What was seen to fail, the most exact alone: a wrapper counts where nothing else is said.
        wrappers: What only wraps it.
        signatures: The ids of all signatures that match.
        counters: The first count of each name.
        service: ``acr``, ``acre``, ``amr`` or ``redis``, by the host names.
        hosted: What else is known of the service by its host name; ``None`` where it is not listed.
    """

    def __init__(self, errors: Sequence[LoggedError]) -> None:
        self.errors = tuple(errors)
        named = dict.fromkeys(name for each in errors for name in each.symptoms if name in SYMPTOMS)
        exact = tuple(name for name in named if not SYMPTOMS[name].is_wrapper)
        self.wrappers = tuple(name for name in named if SYMPTOMS[name].is_wrapper)
        self.signatures = frozenset(name for each in errors for name in each.signatures)
        if "socket-failure" in exact:
            # Windows words a read and a dial that time out alike.
            exact = tuple(name for name in exact if name != "connect-timeout")
        if "tls-unverified" in exact:
            # The handshake failed, and here is the reason.
            exact = tuple(name for name in exact if name != "tls-refused")
        self.symptoms = frozenset(exact or (() if self.signatures else self.wrappers))
        self.marks = frozenset(mark for each in errors for mark in each.marks)
        self.clients = frozenset(each.client for each in errors if each.client)
        self.runtime = next((each.runtime for each in errors if each.runtime), "")
        self.counters: Dict[str, float] = {}
        for each in errors:
            for name, value in each.counters:
                self.counters.setdefault(name, value)
        self.host = next((each.host for each in errors if each.host), "")
        # The port of this host, or one that stands without a name; never another host's.
        placed = [each for each in errors if each.port is not None and each.host in (self.host, "")]
        placed.sort(key=lambda each: each.host != self.host)
        self.port = placed[0].port if placed else None
        self.address = next((each.address for each in errors if each.address), "")
        self.address_class = next((each.address_class for each in errors if each.address_class), "")
        self.addresses = frozenset(each.address for each in errors if each.address)
        self.over_tls = any(each.over_tls for each in errors)
        self.elapsed_ms = next((e.elapsed_ms for e in errors if e.elapsed_ms is not None), None)
        self.timeout_ms = next((e.timeout_ms for e in errors if e.timeout_ms is not None), None)
        self.elsewhere = tuple(dict.fromkeys(place for each in errors for place in each.elsewhere))
        hosts = tuple(each.host for each in errors if each.host)
        self.service = _service(hosts)
        self.hosted = next(filter(None, map(hosted_service, hosts)), None)
        self.errno = next((each.errno for each in errors if each.errno is not None), None)

    @property
    def is_azure(self) -> bool:
        """Whether the host name is one of Azure's Redis services."""
        return self.service != "redis"

    @property
    def is_private(self) -> bool:
        """Whether a private address was dialled."""
        return self.address_class in PRIVATE

    @property
    def is_public(self) -> bool:
        """Whether a public address was dialled."""
        return self.address_class in PUBLIC

    @property
    def is_here(self) -> bool:
        """Whether the client dialled its own host."""
        return self.address_class in ("loopback", "unspecified")

    @property
    def in_containers(self) -> bool:
        """Whether what was dialled is a container: by an address of Docker's own networks, or by a bare name."""
        if self.is_here or self.is_azure:
            return False
        first, _, rest = self.address.partition(".")
        second = rest.partition(".")[0]
        by_address = first == "172" and second.isdigit() and 17 <= int(second) <= 30
        return by_address or bool(self.host and "." not in self.host and not self.address)

    @property
    def is_on_desk(self) -> bool:
        """Whether the client runs on somebody's own machine: by its paths, its name, or the numbers of macOS."""
        return self.marked("client=desk") or self.errno in (60, 61)

    @property
    def is_outside(self) -> bool:
        """Whether a public address was dialled, or a name of several labels that no private network keeps for itself."""
        if self.host:
            last = self.host.rpartition(".")[2]
            return "." in self.host and last not in INSIDE and not self.is_private
        return self.is_public

    @property
    def is_here_by_name(self) -> bool:
        """Whether the client dialled its own host by a name, or by an address of IPv6: which one that is depends."""
        return self.is_here and self.address != "127.0.0.1"

    @property
    def misses_own_address(self) -> bool:
        """Whether an address of the client's own host cannot be had, rather than a port of it."""
        by_words = "ephemeral-port-or-fd-exhaustion-no-local-port" in self.signatures
        return by_words and self.is_here_by_name and not self.marked("time-wait")

    @property
    def is_cut_again(self) -> bool:
        """Whether connections end one after the other, each within the pause before a client's next try."""
        return (
            not self.was_up
            and self.symptoms <= {"broken-pipe", "reset", "closed"}
            and any(
                error.count > 1 and error.gaps_s and max(error.gaps_s) < 3 for error in self.errors
            )
        )

    @property
    def was_up(self) -> bool:
        """Whether the text shows that a connection had come about before."""
        return self.marked("once-up", "lived", "mid-reply")

    @property
    def is_no_host(self) -> bool:
        """Whether what was dialled is no host: a setting's name, a URL, nothing."""
        return self.marked("host=setting", "host=template", "host=nothing", "host=url")

    def saw(self, *symptoms: str) -> bool:
        """Whether one of *symptoms* was seen."""
        return not self.symptoms.isdisjoint(symptoms)

    def marked(self, *marks: str) -> bool:
        """Whether one of *marks* stands in the text."""
        return not self.marks.isdisjoint(marks)

    def speaks(self, *clients: str) -> bool:
        """Whether one of *clients* speaks."""
        return not self.clients.isdisjoint(clients)

    def count(self, name: str) -> float:
        """Return what the exception counts under *name*; 0 where it does not."""
        return self.counters.get(name, 0.0)

    @property
    def starved_threads(self) -> bool:
        """Whether many times as many threads are busy as the pool keeps ready: the next ones come at two a second."""
        return any(
            0 < self.count(f"{pool}-min") * 5 <= self.count(f"{pool}-busy")
            and self.count(f"{pool}-busy") >= 20
            for pool in ("worker", "iocp")
        )

    @property
    def is_counted(self) -> bool:
        """Whether StackExchange.Redis printed its counters."""
        return bool(self.counters)

    @property
    def period_s(self) -> Optional[float]:
        """The time between equal errors where they come at a steady pace, above five seconds."""
        return self._steady()

    def _steady(self) -> Optional[float]:
        for error in self.errors:
            long = [gap for gap in error.gaps_s if gap > 5]
            if (
                len(long) >= 1
                and max(long) <= 1.2 * min(long)
                and len(long) * 2 >= len(error.gaps_s)
            ):
                return sum(long) / len(long)
        return None

    @property
    def hops(self) -> Tuple[str, ...]:
        """The hops that the symptoms show to be broken, in the order told."""
        return tuple(
            dict.fromkeys(
                SYMPTOMS[name].hop
                for name in SYMPTOMS
                if name in self.symptoms and SYMPTOMS[name].hop
            )
        )


def _service(hosts: Tuple[str, ...]) -> str:
    from refused.service.clouds import service_of

    for host in hosts:
        found = service_of(host).service
        if found != "redis":
            return str(found)
    return "redis"
