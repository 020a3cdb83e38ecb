"""The cache's own firewall rules do not hold this client's address.

What is wrong
    Azure Cache for Redis lets everybody in until the first firewall rule exists, and from then on
    only the listed addresses. This client comes from another one: its outbound address changed, or
    it goes out through a NAT gateway, a load balancer or a proxy that is not listed. A Redis of one's
    own has such a rule as well: in protected mode it turns everybody away but this host itself.
How it looks
    Not documented. Reports tell of a time-out, and of a connection that is accepted and closed
    without a word. It is hardly ever "connection refused". Protected mode says ``-DENIED``.
    Where Azure may be asked, its rules are held against this client's outbound address
    (``--client-ip``), and the activity log tells who changed them.
What ends it
    A rule for exactly this client's outbound address, as the service sees it.
What it is not
    ``public-access-disabled``: then nobody outside gets in. ``egress-blocked``: then it is this
    client's own network that holds the packets. Azure Managed Redis has no firewall rules.
Sources
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-network-isolation
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-configure
"""

from __future__ import annotations

from refused.causes.readings import (
    about_changes,
    changed_so,
    dialled,
    endpoint_count,
    fails_elsewhere,
    is_private,
    met_silence,
    of_cache,
    onset,
    privatelink_alias,
    public_door,
    service_behind,
    settled,
    turned_away,
    unread,
    what_changed,
    without_a_word,
    works_elsewhere,
)
from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.control_plane import (
    AzureCache,
    ClientAddress,
    FirewallRules,
    Metric,
    PrivateEndpoint,
    PrivateEndpointList,
    ResourceChange,
)
from refused.evidence.observations import (
    DnsAnswer,
    Elsewhere,
    RedisReply,
    TcpDial,
    TlsHandshake,
    Unseen,
)
from refused.service.addresses import in_range
from refused.service.features import has
from refused.service.limits import settling_s

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.control_plane import FirewallRule
    from refused.evidence.observations import Observation
    from refused.evidence.path import Broken
    from refused.evidence.told import Told

CAUSE = Cause(
    id="firewall-ip-blocked",
    title="the cache's own firewall rules do not hold this client's address",
    hop="tcp",
    shows_at=("tcp", "tls", "resp"),
    bucket="configuration",
    traits=("between", "start"),
    prior=0.3,
    needs=(
        AzureCache,
        ClientAddress,
        DnsAnswer,
        Elsewhere,
        FirewallRules,
        Metric,
        PrivateEndpoint,
        PrivateEndpointList,
        RedisReply,
        ResourceChange,
        TcpDial,
        TlsHandshake,
    ),
    remedies=(
        "on Azure Cache for Redis, add a firewall rule for exactly this client's outbound address",
        "give the client a private endpoint, so that no address has to be listed",
        "on a Redis of one's own in protected mode, give it users or a password, and bind the address that clients use",
    ),
    verify="from this client TLS completes and PING is answered, a minute or two after the rule",
    prevent="a fixed outbound address (NAT gateway) for clients of public endpoints, and rules kept in code beside it",
    expects=(
        ("elsewhere", "works"),
        ("firewall-rules", "lacks-client"),
        ("other-destination", "works"),
        ("resource", "fine"),
    ),
)


CHANGES = ("firewallRules/delete", "firewallRules/write")
LISTED = 4


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See whether the service could filter by address, and whether its rules hold this client."""
    answers, others, dials = evidence.all(DnsAnswer), evidence.all(Elsewhere), evidence.all(TcpDial)
    azure, broken, tried = tuple(_azure_says(evidence)), evidence.broken, dialled(dials)
    denied = next((each for each in evidence.all(RedisReply) if each.error_code == "DENIED"), None)
    if denied is not None:
        yield Proof(because=f"the server says: {denied.error_text[:120]}", seen=(denied,))
        return
    yield from azure
    silent, wordless = met_silence(broken), without_a_word(broken)
    if settled(azure) or not (silent or wordless):
        return
    service = service_behind(evidence.target, answers)
    face = (
        "the dial met silence" if silent else "the connection was accepted and ended without a word"
    )
    yield Clue(
        weight=0.6 if silent else 0.3,
        because=f"{face}, as reports of blocked addresses tell",
        seen=tried,
    )
    if service == "acr":
        yield Clue(
            weight=0.9,
            because="this service filters by client address once it has a first rule",
            seen=answers,
        )
    else:
        yield Clue(
            weight=-0.6, because="whether this server filters by address is not known", seen=answers
        )
    if privatelink_alias(answers):
        yield Clue(
            weight=-2.0,
            because="the cache has a private endpoint, with which firewall rules cannot be used",
            seen=answers,
        )
    if tried and all(is_private(dial.address) for dial in tried):
        yield Clue(
            weight=-2.0,
            because=f"{tried[0].address} is private; firewall rules are for public clients",
            seen=dials,
        )
    well, ill = works_elsewhere(others), fails_elsewhere(others)
    if well is not None:
        yield Clue(
            weight=2.2,
            because=f"the same works from {well.vantage}, which comes from another address",
            seen=(well,),
        )
    elif ill is not None:
        yield Clue(weight=-1.0, because=f"it fails from {ill.vantage} as well", seen=(ill,))


def _azure_says(evidence: Evidence) -> Iterator[Statement]:
    """Hold the rules against the address from which the service sees this client."""
    caches, shakes = evidence.all(AzureCache), evidence.all(TlsHandshake)
    sets, client = evidence.all(FirewallRules), _client(evidence.all(ClientAddress))
    changes = of_cache(evidence.all(ResourceChange), caches, evidence.target)
    metrics = evidence.all(Metric)
    endpoints = endpoint_count(evidence.all(PrivateEndpointList), evidence.all(PrivateEndpoint))
    tried, answers = dialled(evidence.all(TcpDial)), evidence.all(DnsAnswer)
    broken = evidence.broken
    if not (turned_away(broken, shakes) or without_a_word(broken)):
        return
    cache = caches[-1] if caches else None
    service = cache.service if cache is not None else service_behind(evidence.target, answers)
    if has(service, "firewall-rules") is False:  # type: ignore[arg-type]
        yield RuledOut(because="this service has no firewall rules", seen=caches)
    elif public_door(cache, endpoints) is False:
        yield RuledOut(because="public access is off, so that no rule is asked", seen=caches)
    elif not sets:
        began = onset([*tried, *shakes[-1:]], metrics)
        changed = about_changes(changes, CHANGES, began)
        if changed is not None:
            yield changed
        if service != "redis":
            yield unread(
                evidence.gap(FirewallRules),
                evidence.gap(AzureCache),
                "the cache's firewall rules",
                "az redis firewall-rules list, against the address the service sees of this client",
                asked=bool(caches),
            )
    elif not sets[-1].rules:
        said = "the cache has no firewall rules, and so lets every address in"
        yield RuledOut(because=said, seen=sets)
    elif (
        tried
        and all(is_private(dial.address) for dial in tried)
        and (cache is None or not cache.subnet_id)
    ):
        said = f"{tried[0].address} is a private endpoint's, where no firewall rule is asked"
        yield RuledOut(because=said, seen=(*sets, *tried))
    elif client is None:
        said = f"only listed addresses are let in: {_listed(sets[-1].rules)}"
        yield Clue(weight=0.6, because=said, seen=sets)
        yield Unseen(
            vantage=evidence.vantage,
            what="the address from which the service sees this client",
            why="it was not given, and no service was asked for it",
            how_to_see="--client-ip ADDRESS: the client's outbound address, behind every NAT",
        )
    else:
        seen = (*tried, *shakes[-1:])
        began = onset(seen, metrics)
        held = _held(sets[-1], client, seen, changes=changes, began=began, broken=broken)
        if isinstance(held, RuledOut) and works_elsewhere(evidence.all(Elsewhere)) is not None:
            # One address was given for several places: it may be that of the one that works.
            held = Clue(weight=-0.8, because=held.because, seen=held.seen)
        yield held


def _held(
    rules: FirewallRules,
    client: ClientAddress,
    seen: tuple[Observation, ...],
    *,
    changes: tuple[ResourceChange, ...],
    began: float | None,
    broken: Broken | None,
) -> Statement:
    """Say whether *rules* hold *client*, and who changed them last."""
    holder = next(
        (rule for rule in rules.rules if in_range(client.address, rule.first, rule.last)), None
    )
    if client.how not in ("given", "echo"):
        verb, weight = ("hold", -1.0) if holder is not None else ("do not hold", 1.2)
        said = f"the firewall rules {verb} {client.address}, which the instance's metadata give and a NAT may hide"
        return Clue(weight=weight, because=said, seen=(rules, client))
    if holder is not None:
        said = f"the rule {holder.name} ({holder.first} to {holder.last}) holds this client's address {client.address}"
        lately = what_changed(changes, ("firewallRules/write",), None)
        settling = 2 * (settling_s("firewall-rule", "acr") or 0)
        if lately is None or not 0 <= client.at - lately.when < settling:
            return RuledOut(because=said, seen=(rules, client))
        said = f"{said}, but {changed_so(lately, None)}, and rules need about a minute"
        return Clue(weight=-0.6, because=said, seen=(rules, client, lately))
    said = f"the firewall rules ({_listed(rules.rules)}) do not hold this client's address {client.address}"
    change = what_changed(changes, CHANGES, began)
    if change is not None:
        said = f"{said}; {changed_so(change, began)}"
        seen = (*seen, change)
    # After TLS was up, the client was let in, whatever the rules say; something else ended it.
    if broken is not None and broken.hop == "resp" and any(_is_up(each) for each in seen):
        return Clue(weight=0.8, because=said, seen=(rules, client, *seen))
    return Proof(because=said, seen=(rules, client, *seen))


def _is_up(seen: Observation) -> bool:
    return isinstance(seen, TlsHandshake) and not seen.failed


def _client(addresses: tuple[ClientAddress, ...]) -> ClientAddress | None:
    """Return the best word on where this client comes from: given, then echoed, then a hint."""
    order = ("given", "echo", "metadata")
    known = sorted(addresses, key=lambda each: order.index(each.how) if each.how in order else 3)
    return known[0] if known else None


def _listed(rules: tuple[FirewallRule, ...]) -> str:
    """Name the rules with their addresses, the first few in full."""
    told = [
        f"{rule.name}: {rule.first}" + ("" if rule.first == rule.last else f" to {rule.last}")
        for rule in rules[:LISTED]
    ]
    more = f" and {len(rules) - LISTED} more" if len(rules) > LISTED else ""
    return "; ".join(told) + more


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="firewall-ip-blocked-not-on-list",
        pattern=r"(?:client|your) (?:ip|address)[^\n]{0,60}(?:not (?:in|on) (?:the )?(?:allow|white)|not allowed|is blocked|denied)|ERR [^\n]{0,40}(?:ip|address) [^\n]{0,40}not (?:allowed|whitelisted|permitted)|not in (?:the )?allowlist",
        family="server",
        weight=4.8,
        says="the service says that the client's address is not on its list",
        example="ERR Client IP address is not in the allowlist.",
        ignores_case=True,
    ),
    # Alibaba Cloud's answer to an address that is not on the instance's white list:
    # https://www.alibabacloud.com/help/en/redis/user-guide/configure-whitelists
    Signature(
        id="firewall-ip-blocked-illegal-address",
        pattern=r"\b(?:ERR|ResponseError:|ReplyError:|Exception:) illegal address\b",
        family="server",
        weight=4.8,
        says="the service says that the client's address is not on its list",
        example="(error) ERR illegal address: 203.0.113.5:40000",
    ),
    # networking.c: no password is set, nothing is bound, and the client comes over no loopback.
    Signature(
        id="firewall-ip-blocked-protected-mode",
        pattern=r"DENIED (?:[A-Z][A-Za-z]{2,20} is r|R)unning in protected mode",
        family="server",
        weight=3.4,
        says="a server of one's own answers its own host alone (protected mode)",
        example="-DENIED Redis is running in protected mode because protected mode is enabled",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "connect-timeout": 0.9,
    "still-connecting": 1.0,
    "cannot-connect": 0.8,
    "not-connected": 0.8,
    "gave-up": 0.9,
    "pool-failed": 0.5,
    "timed-out": 0.6,
    "queue-full": 0.1,
    "no-sentinel": 0.7,
    "went-away": 0.7,
    "cannot-reach": 0.7,
    "no-node": 0.6,
    "cannot-reconnect": 0.5,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.hosted is not None and not told.hosted.has_public_side:
        yield Clue(
            weight=-1.5,
            because=f"{told.hosted.name} keeps no list of addresses of its own",
            seen=told.errors,
        )
    if told.saw("connect-timeout") and told.speaks("stackexchange") and not told.address:
        yield Clue(
            weight=0.3,
            because="a client of .NET, mostly met on Azure, dials by name",
            seen=told.errors,
            fact="dialled",
        )
    if told.saw("connect-timeout", "cannot-connect", "still-connecting") and told.is_private:
        yield Clue(
            weight=-2.0, because="a private address was dialled", seen=told.errors, fact="dialled"
        )
    if (
        told.saw("connect-timeout", "cannot-connect", "still-connecting")
        and (told.is_public or told.is_azure)
        and not told.is_private
    ):
        yield Clue(
            weight=0.5,
            because="the public side of a hosted service was dialled",
            seen=told.errors,
            fact="dialled",
        )
    if (
        told.marked("rs=NotStarted")
        and told.count("conn-sec") == 0
        and told.is_azure
        and not told.is_private
    ):
        yield Clue(
            weight=1.4,
            because="the reader never started: the connection never came about",
            seen=told.errors,
        )
