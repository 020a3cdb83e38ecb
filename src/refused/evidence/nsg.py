"""What network security groups and route tables do with a packet, worked out from their rules alone.

Rules are read as Azure reads them: for one direction in order of priority, the first that matches
decides, and every group ends in the same default rules. A rule may name more than we can decide: a
service tag whose addresses are not published with it, an application security group whose members
were not read. Such a rule matches *perhaps*; a decision on which it bears is ``unknown``, never guessed.

Sources:
    https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview
    https://learn.microsoft.com/azure/virtual-network/service-tags-overview
    https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview

The module keeps to Python 3.8 and the standard library: bundles are judged anywhere.
"""

from __future__ import annotations

from refused.evidence.control_plane import Route, SecurityRule
from refused.evidence.record import Record
from refused.service.addresses import parse
from refused.service.vnet import TAG_ADDRESSES, is_platform_address, required_rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Iterator, Literal, Optional, Sequence, Tuple

    from refused.evidence.control_plane import NetworkSecurityGroup
    from refused.service.vnet import Direction, RequiredRule

    Access = Literal["Allow", "Deny", "unknown"]
    # Whether a rule matches: yes, no, or not to be told from what was read.
    Perhaps = Optional[bool]
    # First and last address of a block, with the version of the protocol.
    Block = Tuple[int, int, int]

PLATFORM = TAG_ADDRESSES[0][1]


class Surroundings(Record):
    """What is known of the virtual network around a subnet, by which its service tags are read.

    Attributes:
        inside: Prefixes known to be the network's: its own, and those of networks peered with it.
        outside: Addresses known to be foreign to it, as a cache's public one.
        routed: Prefixes of the subnet's user-defined routes, which the tag ``VirtualNetwork`` holds too.
        complete: Whether *inside* is all there is: no peer and no gateway that was not read.
    """

    inside: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    routed: tuple[str, ...] = ()
    complete: bool = False


class Flow(Record):
    """One packet that opens a connection.

    Attributes:
        direction: ``Inbound`` or ``Outbound``, as seen from the subnet that the group guards.
        protocol: ``tcp`` or ``udp``.
        source, destination: An address, a prefix (for all of its addresses), or a service tag.
        port: At the destination.
        source_port: ``None`` is any that a client's system may choose.
    """

    direction: str
    protocol: str
    source: str
    destination: str
    port: int
    source_port: int | None = None


class Decision(Record):
    """What a group does with a flow.

    Attributes:
        access: ``Allow``, ``Deny``, or ``unknown`` where a rule that may match says otherwise.
        rule: The first rule that surely matches.
        perhaps: Rules before it that may match as well.
    """

    access: Access
    rule: SecurityRule
    perhaps: tuple[SecurityRule, ...] = ()


def _default(name: str, priority: int, source: str, destination: str, access: str) -> SecurityRule:
    return SecurityRule(
        name=name,
        priority=priority,
        direction="Inbound" if name.endswith("InBound") else "Outbound",
        access=access,
        protocol="*",
        sources=(source,),
        destinations=(destination,),
        default=True,
    )


DEFAULT_RULES: tuple[SecurityRule, ...] = (
    _default("AllowVnetInBound", 65000, "VirtualNetwork", "VirtualNetwork", "Allow"),
    _default("AllowAzureLoadBalancerInBound", 65001, "AzureLoadBalancer", "*", "Allow"),
    _default("DenyAllInBound", 65500, "*", "*", "Deny"),
    _default("AllowVnetOutBound", 65000, "VirtualNetwork", "VirtualNetwork", "Allow"),
    _default("AllowInternetOutBound", 65001, "*", "Internet", "Allow"),
    _default("DenyAllOutBound", 65500, "*", "*", "Deny"),
)


def decide(rules: Iterable[SecurityRule], flow: Flow, around: Surroundings) -> Decision:
    """Return what a group with *rules* does with *flow*; default rules that are missing are added."""
    ordered = in_order(rules, flow.direction)
    perhaps: list[SecurityRule] = []
    for rule in ordered:
        fits = matches(rule, flow, around)
        if fits is None:
            perhaps.append(rule)
        elif fits:
            return _decided(rule, perhaps)
    # The last default rule matches everything; only one that was garbled on the way comes here.
    return _decided(ordered[-1], perhaps)


def through(
    group: NetworkSecurityGroup,
    sources: Sequence[str],
    destination: str,
    port: int,
    around: Surroundings,
) -> Decision | None:
    """Return what *group* does with a client's TCP packet on its way to a server.

    Args:
        sources: Where the client may stand; it is decided on only where all fare alike.

    Returns:
        ``None`` where the client's address is not known, or its possible ones fare differently.
    """
    decisions = [
        decide(
            group.rules,
            Flow(
                direction="Outbound" if group.role == "client" else "Inbound",
                protocol="tcp",
                source=source,
                destination=destination,
                port=port,
            ),
            around,
        )
        for source in sources
    ]
    if not decisions or len({each.access for each in decisions}) > 1:
        return None
    return decisions[0]


def _decided(rule: SecurityRule, perhaps: Sequence[SecurityRule]) -> Decision:
    access: Access = "Deny" if _denies(rule) else "Allow"
    if any(_denies(each) != _denies(rule) for each in perhaps):
        access = "unknown"
    return Decision(access=access, rule=rule, perhaps=tuple(perhaps))


def _denies(rule: SecurityRule) -> bool:
    return rule.access.lower() != "allow"


def in_order(rules: Iterable[SecurityRule], direction: str) -> tuple[SecurityRule, ...]:
    """Return the rules of one direction as they are asked, the default rules at the end."""
    own = [rule for rule in rules if rule.direction.lower() == direction.lower()]
    # Nobody can take the default rules away, or write others at their priorities.
    defaults = [rule for rule in DEFAULT_RULES if rule.direction.lower() == direction.lower()]
    have = {rule.name.lower() for rule in own}
    own += [rule for rule in defaults if rule.name.lower() not in have]
    return tuple(sorted(own, key=lambda rule: rule.priority))


def matches(rule: SecurityRule, flow: Flow, around: Surroundings) -> Perhaps:
    """Whether *rule* matches *flow*; ``None`` where that cannot be told."""
    if rule.protocol not in ("*", "Any", "") and rule.protocol.lower() != flow.protocol.lower():
        return False
    return _both(
        _any(_holds_port(entry, flow.port) for entry in rule.destination_ports),
        _any(_holds_source_port(entry, flow.source_port) for entry in rule.source_ports),
        _any(_holds(entry, flow.source, around) for entry in rule.sources),
        _any(_holds(entry, flow.destination, around) for entry in rule.destinations),
    )


def _both(*parts: Perhaps) -> Perhaps:
    if False in parts:
        return False
    return None if None in parts else True


def _any(parts: Iterable[Perhaps]) -> Perhaps:
    seen = tuple(parts)
    if True in seen:
        return True
    return None if None in seen else False


# --- ports -------------------------------------------------------------------------------------

LAST_PORT = 65535
# A client's system chooses from these or fewer; none chooses below (RFC 6335, section 6).
FIRST_CHOSEN = 1024


def _span_of(entry: str) -> Tuple[int, int] | None:
    """Read ``6380``, ``13000-13999`` or ``*``; ``None`` for anything else."""
    if entry in ("*", "Any"):
        return 0, LAST_PORT
    first, dash, last = entry.partition("-")
    first, last = first.strip(), last.strip()
    if not first.isdigit() or (dash and not last.isdigit()):
        return None
    return int(first), int(last) if dash else int(first)


def _holds_port(entry: str, port: int) -> Perhaps:
    span = _span_of(entry)
    return None if span is None else span[0] <= port <= span[1]


def _holds_source_port(entry: str, port: int | None) -> Perhaps:
    span = _span_of(entry)
    if span is None or port is not None:
        return None if span is None or port is None else span[0] <= port <= span[1]
    if span[0] <= FIRST_CHOSEN and span[1] >= LAST_PORT:
        return True
    return False if span[1] < FIRST_CHOSEN else None


# --- addresses and tags ------------------------------------------------------------------------

# What no route on the internet leads to: RFC 1918, 6598, 3927, 1122 and 4193, 4291.
_NOT_PUBLIC = (
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "127.0.0.0/8",
    "fc00::/7",
    "fe80::/10",
    "::1/128",
)


def block_of(text: str) -> Block | None:
    """Read an address or a prefix as version, first and last number; ``None`` for any other text."""
    base, slash, length = text.partition("/")
    parsed = parse(base)
    if parsed is None:
        return None
    version, number = parsed
    width = 32 if version == 4 else 128
    if not slash:
        return version, number, number
    if not length.isdigit() or int(length) > width:
        return None
    free = width - int(length)
    first = number >> free << free
    return version, first, first + (1 << free) - 1


def _within(part: Block, whole: Block) -> bool:
    return part[0] == whole[0] and whole[1] <= part[1] and part[2] <= whole[2]


def _apart(one: Block, other: Block) -> bool:
    return one[0] != other[0] or one[2] < other[1] or other[2] < one[1]


def _blocks(prefixes: Iterable[str]) -> Iterator[Block]:
    for prefix in prefixes:
        block = block_of(prefix)
        if block is not None:
            yield block


_PLATFORM: Block = next(_blocks((PLATFORM,)))


def _is_public(block: Block) -> Perhaps:
    """Whether every address of *block* is public by its number (True), or none is (False)."""
    if any(_within(block, private) for private in _blocks(_NOT_PUBLIC)):
        return False
    return True if all(_apart(block, private) for private in _blocks(_NOT_PUBLIC)) else None


def _holds(entry: str, party: str, around: Surroundings) -> Perhaps:
    """Whether what a rule names holds the whole of *party*; False where it holds none of it."""
    if entry in ("*", "Any"):
        return True
    if entry.startswith("/"):
        return None  # an application security group; its members were not read
    if party == "AzureLoadBalancer":
        party = PLATFORM
    block, known = block_of(party), block_of(entry)
    if known is not None:
        return _prefix_holds(known, block)
    tag = entry.lower()
    return _tag_holds_tag(tag, party.lower(), around) if block is None else _tag(tag, block, around)


def _prefix_holds(known: Block, block: Block | None) -> Perhaps:
    if block is not None:
        if _within(block, known):
            return True
        return False if _apart(block, known) else None
    if known[1:] == (0, (1 << (32 if known[0] == 4 else 128)) - 1):
        return True if known[0] == 4 else None
    # The other side is a tag, and tags of services and of the internet hold public addresses alone.
    return False if _is_public(known) is False else None


def _tag(tag: str, block: Block, around: Surroundings) -> Perhaps:
    platform = _PLATFORM
    if tag == "azureloadbalancer":
        return True if block == platform else (False if _apart(block, platform) else None)
    if tag == "virtualnetwork":
        return _in_network(block, around)
    public = _is_public(block)
    if tag == "internet":
        if public is False:
            return False
        inside = _in_network(block, around)
        return False if inside else (None if inside is None or public is None else True)
    if tag.startswith("azureplatform"):
        return None if not _apart(block, platform) or public is False else False
    return False if public is False else None  # which public ones a service has is not in the rule


def _in_network(block: Block, around: Surroundings) -> Perhaps:
    """Whether the tag ``VirtualNetwork`` holds *block*.

    It holds the network, its peers, what lies behind its gateways, the platform's address, and the
    prefixes of user-defined routes; of the last Azure says that it *may* hold a default route.
    """
    inside = tuple(_blocks(around.inside))
    if block == _PLATFORM or any(_within(block, each) for each in inside):
        return True
    if not all(_apart(block, each) for each in (*inside, *_blocks(around.routed))):
        return None
    foreign = any(_within(block, each) for each in _blocks(around.outside))
    return False if foreign or around.complete else None


def _tag_holds_tag(tag: str, party: str, around: Surroundings) -> Perhaps:
    if tag == party or party.startswith(f"{tag}."):
        return True
    if tag == "azureloadbalancer":
        return False
    if tag == "virtualnetwork":
        return None if around.routed or party == "virtualnetwork" else False
    if tag == "internet" and party not in ("virtualnetwork", "*"):
        # The internet's tag holds Azure's own public addresses as well.
        return None if around.routed else True
    return None


# --- everything a cache in a subnet needs ------------------------------------------------------


class Blocked(Record):
    """A part of what a cache in a virtual network needs, and the rule that blocks it.

    Attributes:
        first, last: The ports, both included.
        peer: The other side, in the words of :data:`refused.service.vnet.REQUIRED_RULES`.
        certain: False where it cannot be told whether *rule* matches.
    """

    direction: str
    first: int
    last: int
    protocol: str
    peer: str
    purpose: str
    rule: SecurityRule
    certain: bool = True


def blocked_requirements(
    rules: Sequence[SecurityRule],
    *,
    subnet: Sequence[str],
    around: Surroundings,
    clients: Sequence[str] = (),
    geo_peers: Sequence[str] = (),
    dns_servers: Sequence[str] = (),
    is_clustered: bool = True,
) -> Tuple[Blocked, ...]:
    """Hold the group of an injected cache's subnet against every port that the service needs.

    Args:
        rules: Of the group, default rules included.
        subnet: Prefixes of the cache's subnet.
        clients: Addresses or prefixes of clients; those of unknown clients are not looked at.
        geo_peers: Prefixes of the subnet of a geo-replication partner.
        dns_servers: The network's own; Azure's are not subject to the rules.
    """
    found: list[Blocked] = []
    directions: Tuple[Direction, ...] = ("outbound", "inbound")
    for direction in directions:
        wanted = required_rules(
            direction,
            is_geo_replicated=bool(geo_peers),
            is_clustered=is_clustered,
        )
        for need in wanted:
            for party in _parties(need, subnet, clients, geo_peers, dns_servers):
                for own in subnet:
                    found += _blocks_of(rules, need, (own, party), around)
    return tuple(dict.fromkeys(found))


def _parties(
    need: RequiredRule,
    subnet: Sequence[str],
    clients: Sequence[str],
    geo_peers: Sequence[str],
    dns_servers: Sequence[str],
) -> Sequence[str]:
    own = {
        "any": ("Internet",),
        "redis-subnet": subnet,
        "client-subnet": clients,
        "geo-peer-subnet": geo_peers,
        # Rules do not apply to the platform's own addresses, unless one names their tag.
        "dns": tuple(each for each in dns_servers if not is_platform_address(each)),
    }
    return own.get(need[4], (need[4],))


def _blocks_of(
    rules: Sequence[SecurityRule], need: RequiredRule, ends: Tuple[str, str], around: Surroundings
) -> Iterator[Blocked]:
    """Return what of one need is blocked between the cache's subnet and the other side."""
    outward = need[0] == "outbound"
    source, destination = ends if outward else ends[::-1]
    for protocol in need[3].split("+"):
        flow = Flow(
            direction="Outbound" if outward else "Inbound",
            protocol=protocol,
            source=source,
            destination=destination,
            port=need[1],
        )
        # A group may have a thousand rules: what does not depend on the port is asked once for each.
        bearing = tuple(_bearing(rules, flow, around, need[2]))
        for first, last in _steps(bearing, need[1], need[2]):
            decision = _at_port(bearing, first)
            if decision.access == "Allow":
                continue
            rule = decision.rule
            if decision.access == "unknown":
                rule = next((each for each in decision.perhaps if _denies(each)), rule)
            yield Blocked(
                direction=flow.direction,
                first=first,
                last=last,
                protocol=protocol,
                peer=need[4],
                purpose=need[5],
                rule=rule,
                certain=decision.access == "Deny",
            )


def _bearing(
    rules: Iterable[SecurityRule], flow: Flow, around: Surroundings, last: int
) -> Iterator[Tuple[SecurityRule, Perhaps]]:
    """Return, in order, the rules that may match *flow* at some port from its own to *last*."""
    anywhere = ("*",)
    for rule in in_order(rules, flow.direction):
        spans = [_span_of(entry) for entry in rule.destination_ports]
        if all(span is not None and (span[1] < flow.port or span[0] > last) for span in spans):
            continue
        fits = matches(rule.replace(destination_ports=anywhere), flow, around)
        if fits is not False:
            yield rule, fits


def _at_port(bearing: Iterable[Tuple[SecurityRule, Perhaps]], port: int) -> Decision:
    """Decide on one port among rules that match apart from their ports."""
    perhaps: list[SecurityRule] = []
    rule = DEFAULT_RULES[-1]
    for rule, fits in bearing:
        both = _both(fits, _any(_holds_port(entry, port) for entry in rule.destination_ports))
        if both:
            break
        if both is None:
            perhaps.append(rule)
    return _decided(rule, perhaps)


def _steps(
    bearing: Iterable[Tuple[SecurityRule, Perhaps]], first: int, last: int
) -> Iterator[Tuple[int, int]]:
    """Cut a span of ports where a rule begins or ends, so that every port of a piece fares alike."""
    cuts = {first}
    for rule, _ in bearing:
        for entry in rule.destination_ports:
            span = _span_of(entry)
            if span is not None:
                cuts.update(cut for cut in (span[0], span[1] + 1) if first < cut <= last)
    ordered = sorted(cuts)
    for at, cut in enumerate(ordered):
        yield cut, ordered[at + 1] - 1 if at + 1 < len(ordered) else last


# --- routes ------------------------------------------------------------------------------------

# Azure drops what goes to these unless the network, a peer or a gateway has them.
_DROPPED = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")


class Way(Record):
    """Where a subnet sends what goes to one address.

    Attributes:
        next_hop: ``VnetLocal``, ``Internet``, ``VirtualAppliance``, ``VirtualNetworkGateway``,
            ``PrivateEndpoint`` or ``None`` (dropped).
        route: The user-defined route that says so; ``None`` where one of Azure's own does.
        prefix: Of the route.
        certain: False where a route that was not read (of a peer, learnt by a gateway) may be longer.
    """

    next_hop: str
    prefix: str
    route: Route | None = None
    certain: bool = True


def way_to(
    address: str,
    routes: Iterable[Route],
    around: Surroundings,
    *,
    is_private_endpoint: bool = False,
) -> Way | None:
    """Return the longest route to *address*; ``None`` for what is no address.

    Of equally long ones a user-defined route wins over Azure's own. A private endpoint has a route
    of its own, as long as an address, in its network and those peered with it.
    """
    block = block_of(address)
    if block is None or block[1] != block[2]:
        return None
    width = 32 if block[0] == 4 else 128
    usual = "0.0.0.0/0" if block[0] == 4 else "::/0"
    own = [*((prefix, "VnetLocal") for prefix in around.inside), (usual, "Internet")]
    own += [(prefix, "None") for prefix in _DROPPED]
    if is_private_endpoint:
        own.append((f"{address}/{width}", "PrivateEndpoint"))
    best = Way(next_hop="Internet", prefix=usual)
    least = 1 << width
    asked = [(route.prefix, route.next_hop, route) for route in routes]
    for prefix, hop, route in (*asked, *((*each, None) for each in own)):
        whole = block_of(prefix)
        # A service tag may stand for a prefix; which addresses it holds is not told here. Of equally
        # long ones the first is kept.
        if whole is not None and _within(block, whole) and whole[2] - whole[1] < least:
            least = whole[2] - whole[1]
            best = Way(next_hop=hop, prefix=prefix, route=route)
    local = best.route is None and best.next_hop in ("VnetLocal", "PrivateEndpoint")
    tagged = any(block_of(route.prefix) is None for _, _, route in asked)
    return best.replace(certain=least == 0 or local or (around.complete and not tagged))
