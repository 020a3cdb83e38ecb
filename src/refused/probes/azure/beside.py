"""Whether the control plane is asked beside the walk, and where a target leads that only it can tell.

An ARM id and a bare cache's name become a host and a port here. Without ``--azure`` or ``--no-azure``
it is asked where the host name is Azure's or a resource was given, and a credential is at hand.
"""

from __future__ import annotations

from refused.evidence.observations import Unseen
from refused.evidence.parse_target import BadTarget, kind_of, parse_resource
from refused.evidence.target import Parsed
from refused.probes.azure import signs
from refused.service.clouds import is_cache_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from typing_extensions import Self

    from refused.evidence.bundle import Fact
    from refused.probes.azure.look import Aim, Look
    from refused.probes.stopwatch import Deadline

_LOG_IN = (
    "log in with az login, or set REFUSED_ARM_TOKEN; the roles Reader and Monitoring Reader do"
)
_RESOLVES_S = 0.3
# As in refused.evidence.control_plane, whose records a run that asks nobody need not load.
_CONTROL_PLANE = "control-plane"


class Wanted:
    """The user's options that concern the control plane; ``azure`` is ``None`` where nobody said.

    Attributes:
        local: The name of the local vantage point; ``None`` where nobody looks from here.
        resolver: The one resolver that may be asked; ``None`` is the system's.
    """

    __slots__ = (
        "azure",
        "resource",
        "client_ip",
        "client_subnet",
        "subscription",
        "changes",
        "echo",
        "keeps_raw",
        "deep",
        "local",
        "resolver",
    )

    def __init__(
        self,
        *,
        azure: bool | None = None,
        resource: str | None = None,
        client_ip: str | None = None,
        client_subnet: str | None = None,
        subscription: str | None = None,
        changes: str | None = None,
        echo: str | None = None,
        keeps_raw: bool = False,
        deep: bool = False,
        local: str | None = "here",
        resolver: tuple[str, int] | None = None,
    ) -> None:
        self.azure, self.resource, self.client_ip = azure, resource, client_ip
        self.client_subnet, self.subscription = client_subnet, subscription
        self.changes, self.echo, self.keeps_raw = changes, echo, keeps_raw
        self.deep, self.local, self.resolver = deep, local, resolver


class Start:
    """How to begin; a context manager, within which the control plane is asked.

    Attributes:
        parsed: The target, which may have become another: an id is now a host and a port.
        look: The look at the control plane; ``None`` where none is taken.
        facts: Why none is taken, where that is worth saying.
        is_delayed: Whether the control plane had to be asked first, which has taken of the time.
    """

    __slots__ = ("parsed", "look", "facts", "is_delayed")

    def __init__(
        self, parsed: Parsed, look: Look | None, *facts: Fact, is_delayed: bool = False
    ) -> None:
        self.parsed, self.look, self.facts, self.is_delayed = parsed, look, facts, is_delayed

    def __enter__(self) -> Self:
        if self.look is not None:
            self.look.begin(self.parsed.target, self.parsed.settings)
        return self

    def __exit__(self, *_: object) -> None:
        if self.look is not None:
            self.look.close()

    def end(self, seen: Sequence[Fact]) -> tuple[Fact, ...]:
        """Finish the look within the time limit, knowing what the walk has *seen*."""
        return () if self.look is None else self.look.end(self.parsed.credentials, seen)


def start(
    target: str,
    read: Callable[[str], Parsed],
    wanted: Wanted,
    *,
    deadline: Deadline,
    environ: Mapping[str, str],
    root: str = "/",
) -> Start:
    """Decide whether to ask, and find out where the target is if only Azure knows.

    Args:
        read: Reads a target's text as the user's options say.

    Raises:
        BadTarget: The target needs the control plane, which does not help; one line says why.
        BadEndpoint: The control plane cannot be asked the way the environment says.
        BadAddress: The client's address is none.
    """
    if wanted.client_subnet and "/subnets/" not in wanted.client_subnet.lower():
        raise BadTarget(
            "--client-subnet is no subnet's id; one is /subscriptions/…/virtualNetworks/NAME/subnets/NAME"
        )
    return _Beginning(read, wanted, deadline, environ, root).of(target)


class _Beginning:
    """What every way to begin needs."""

    def __init__(
        self,
        read: Callable[[str], Parsed],
        wanted: Wanted,
        deadline: Deadline,
        environ: Mapping[str, str],
        root: str,
    ) -> None:
        self.read, self.wanted, self.deadline = read, wanted, deadline
        self.environ, self.root = environ, root

    def of(self, target: str) -> Start:
        """Begin in the way that *target* asks for."""
        if kind_of(target) == "resource":
            return self.by_id(target)
        parsed, wanted = self.read(target), self.wanted
        if wanted.azure is False:
            return Start(parsed, self.quiet_look())
        if is_bare(parsed):
            return self.by_name(target, parsed)
        concerns = parsed.target.service != "redis" or wanted.resource is not None
        if wanted.azure or (concerns and self.is_logged_in()):
            return Start(parsed, self.look())
        return Start(parsed, self.quiet_look(), *([_nobody_logged_in()] if concerns else []))

    def is_logged_in(self) -> bool:
        """Whether there are signs of a credential."""
        return bool(signs.at_hand(self.environ, self.root))

    def look(self, resource: str | None = None, *, asks: bool = True) -> Look:
        """Return the look that the options ask for."""
        from refused.probes.azure.look import Asked, Look

        wanted = self.wanted
        given = resource or wanted.resource
        asked = Asked(
            resource=parse_resource(given) if given else None,
            client_ip=wanted.client_ip,
            client_subnet=wanted.client_subnet,
            subscription=wanted.subscription,
            changes=wanted.changes,
            echo=wanted.echo,
            keeps_raw=wanted.keeps_raw,
            local=wanted.local,
            deep=wanted.deep,
            asks=asks,
            resolver=wanted.resolver,
        )
        return Look(asked, self.deadline, self.environ, self.root)

    def quiet_look(self) -> Look | None:
        """Return a look that asks the user and this machine alone; ``None`` with nothing to ask."""
        wanted = self.wanted
        if not (wanted.client_ip or wanted.changes or wanted.echo):
            return None
        return self.look(asks=False)

    def by_id(self, target: str) -> Start:
        """Find out where the resource of an ARM id is reached."""
        resource = parse_resource(target)  # a mistake in it is said before anything is asked
        if self.wanted.azure is False:
            raise BadTarget(
                "a resource id needs the control plane, which --no-azure forbids; give the host name"
            )
        if not self.wanted.azure and not self.is_logged_in():
            raise BadTarget(
                "a resource id needs the control plane, and no credential for Azure is at hand: "
                f"{_LOG_IN}; or give the host name"
            )
        look = self.look(target)
        aim = look.aim()
        if not aim.host:
            look.close()
            raise BadTarget(
                f"Azure did not say where {resource.name} is reached: {aim.why}; {aim.how}; "
                "or give the host name"
            )
        return self._placed(target, look, aim)

    def by_name(self, target: str, parsed: Parsed) -> Start:
        """Look a bare name up: a host that is known by it comes first, unless ``--azure`` was said."""
        wanted = self.wanted
        if not wanted.azure:
            if wanted.resolver is None and _resolves(parsed.target.host):
                return Start(parsed, self.quiet_look())
            if not self.is_logged_in():
                gap = Unseen(
                    vantage=_CONTROL_PLANE,
                    what="ResourceSearch",
                    why="one word may be a cache's name, and no credential for Azure is at hand",
                    how_to_see=f"{_LOG_IN}; or give the whole host name",
                )
                return Start(parsed, self.quiet_look(), gap)
        look = self.look()
        aim = look.find(parsed.target.host) if look.asked.resource is None else look.aim()
        if aim is not None and aim.host:
            return self._placed(target, look, aim)
        if wanted.azure:
            why = aim.why if aim is not None else look.why_not_found()
            look.close()
            raise BadTarget(
                f"Azure was asked for a cache of that name: {why}; give the host name, or --resource "
                "with the cache's id"
            )
        return Start(parsed, look, is_delayed=True)

    def _placed(self, target: str, look: Look, aim: Aim) -> Start:
        found = self.read(f"{'rediss' if aim.tls else 'redis'}://{aim.host}:{aim.port}")
        placed = found.target.replace(text=target.strip(), form="name", port_given=False)
        read = Parsed(placed, found.settings, found.credentials)
        if not aim.why:
            return Start(read, look, is_delayed=True)
        guess = Unseen(
            vantage=_CONTROL_PLANE,
            what="the host name of the resource",
            why=f"{aim.why}; {aim.host} follows from its name",
            how_to_see=aim.how,
        )
        return Start(read, look, guess, is_delayed=True)


def _nobody_logged_in() -> Unseen:
    return Unseen(
        vantage=_CONTROL_PLANE,
        what="AzureCache",
        why="no credential for Azure is at hand",
        how_to_see=_LOG_IN,
    )


def is_bare(parsed: Parsed) -> bool:
    """Whether the target is one word that may be a cache's name as well as a host's."""
    target = parsed.target
    return (
        target.form == "name"
        and not target.port_given
        and target.host != "localhost"
        and "." not in target.host
        and is_cache_name(target.host)
    )


def _resolves(host: str) -> bool:
    """Whether the system knows *host*; asked beside, because a resolver that is silent takes seconds."""
    from refused.probes.names import lookup

    return lookup(host, 0, vantage="here", wait_s=_RESOLVES_S).outcome == "answered"
