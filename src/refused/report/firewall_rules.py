"""An allow list as the rules of a network security group, of Azure Firewall, or of Kubernetes.

Pure. A rule never lets through more than the need that it stands for: what this client does not need,
or the format cannot say, is left out and named in a remark.
"""

from __future__ import annotations

from refused.report.allow_list import BY_NAME, CACHE_SUBNET, CLIENTS
from refused.service.addresses import parse
from refused.service.vnet import is_platform_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from refused.report.allow_list import AllowList, Need

# Service tags that stand where an address would.
# Source: https://learn.microsoft.com/azure/virtual-network/service-tags-overview
_TAGS = frozenset({"AzureKeyVault", "AzureMonitor", "AzureLoadBalancer", "Internet"})
_FIRST_PRIORITY = 200
# Source: https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview
_LONGEST_DESCRIPTION = 140
_METADATA = "169.254.169.254"
_CLIENTS = "--source CIDR: the network of the clients"
_CACHE_SUBNET = "--cache-subnet CIDR: the network of the cache"
_PROTOCOLS = {"tcp": ("Tcp",), "udp": ("Udp",), "tcp+udp": ("Tcp", "Udp")}


class NotEnough(ValueError):
    """A rule cannot be written from what is known; the message is one line for people."""

    for_people = True


def nsg(
    told: AllowList, *, source: str | None, cache_subnet: str | None = None, where: str = "client"
) -> dict[str, Any]:
    """Return rules of a network security group, as ARM and ``az`` have them.

    Args:
        source: The clients' network, as ``10.1.0.0/24``.
        cache_subnet: The network of an injected cache.
        where: Whose group it is: ``client`` or ``cache``.

    Raises:
        NotEnough: A network is needed and not given, or no rule can be written at all.
    """
    needs, left_out = _of(told, where)
    rules: list[dict[str, Any]] = []
    for need in needs:
        peers = _prefixes(need, source, cache_subnet)
        if not peers:
            left_out.append(_remark(need))
            continue
        near = [source or "VirtualNetwork"] if where == "client" else _blocks(need)
        near = near or [_given(cache_subnet, _CACHE_SUBNET)]
        rules += [
            _nsg_rule(need, near, peers, protocol, number=len(rules) + at)
            for at, protocol in enumerate(_PROTOCOLS[need.protocol])
        ]
    if not rules:
        raise NotEnough(_no_address(told))
    return {"securityRules": rules, "leftOut": left_out, "notes": list(told.notes)}


def _nsg_rule(
    need: Need, near: list[str], peers: list[str], protocol: str, *, number: int
) -> dict[str, Any]:
    is_out = need.direction == "outbound"
    properties: dict[str, Any] = {
        "access": "Allow",
        "description": f"{need.purpose} ({need.source})"[:_LONGEST_DESCRIPTION],
        "direction": "Outbound" if is_out else "Inbound",
        "priority": _FIRST_PRIORITY + 10 * number,
        "protocol": protocol,
        "sourcePortRange": "*",
        "destinationPortRange": need.ports,
    }
    begins, ends = (near, peers) if is_out else (peers, near)
    for name, prefixes in (("source", begins), ("destination", ends)):
        if len(prefixes) == 1:
            properties[f"{name}AddressPrefix"] = prefixes[0]
        else:
            properties[f"{name}AddressPrefixes"] = prefixes
    name = f"refused-{need.where}-{need.direction}-{need.ports}-{protocol.lower()}-{number}"
    return {"name": name, "properties": properties}


def azure_firewall(
    told: AllowList, *, source: str | None, cache_subnet: str | None = None, where: str = "client"
) -> dict[str, Any]:
    """Return a filter collection of a firewall policy, as ARM and ``az`` have it.

    Redis is no HTTP, so its rule is a network rule by name, which needs the firewall's DNS proxy.
    Source: https://learn.microsoft.com/azure/firewall/fqdn-filtering-network-rules

    Raises:
        NotEnough: The network that is let through was not given.
    """
    is_cache = where == "cache"
    near = _given(cache_subnet if is_cache else source, _CACHE_SUBNET if is_cache else _CLIENTS)
    needs, left_out = _of(told, where, is_by_name=True)
    rules: list[dict[str, Any]] = []
    for need in needs:
        if need.direction == "inbound" or is_platform_address(need.peers[0]):
            continue  # not on the way through a firewall
        rule = _firewall_rule(need, near, len(rules))
        if rule is None:
            left_out.append(_remark(need))
        else:
            rules.append(rule)
    kinds = {"NetworkRule": "refused-network", "ApplicationRule": "refused-application"}
    collections = [
        {
            "ruleCollectionType": "FirewallPolicyFilterRuleCollection",
            "name": name,
            "priority": _FIRST_PRIORITY + 100 * at,
            "action": {"type": "Allow"},
            "rules": [rule for rule in rules if rule["ruleType"] == kind],
        }
        for at, (kind, name) in enumerate(kinds.items())
        if any(rule["ruleType"] == kind for rule in rules)
    ]
    notes = [
        *told.notes,
        "names in network rules need the firewall's DNS proxy, and clients that ask it",
    ]
    return {"ruleCollections": collections, "leftOut": left_out, "notes": notes}


def _firewall_rule(need: Need, source: str, number: int) -> dict[str, Any] | None:
    rule: dict[str, Any] = {
        "name": f"{need.where}-{need.ports}-{number}",
        "description": f"{need.purpose} ({need.source})",
        "sourceAddresses": [source],
    }
    peer = need.peers[0]
    is_name = "." in peer and parse(peer) is None
    if is_name and (need.first_port in (80, 443)):
        kind, port = ("Http", 80) if need.first_port == 80 else ("Https", 443)
        return {
            "ruleType": "ApplicationRule",
            **rule,
            "protocols": [{"protocolType": kind, "port": port}],
            "targetFqdns": [_leftmost_wildcard(peer)],
        }
    network: dict[str, Any] = {
        "ruleType": "NetworkRule",
        **rule,
        "ipProtocols": [word.upper() for word in _PROTOCOLS[need.protocol]],
        "destinationPorts": [need.ports],
    }
    if is_name:
        return {**network, "destinationFqdns": [peer]}
    # What lies in the cache's own subnet passes no firewall, and a rule to the whole internet is left
    # to whoever owns it: the names beside it say what is meant.
    prefixes = [] if peer in (CACHE_SUBNET, "Internet") else _prefixes(need, source, None)
    if not prefixes:
        return None
    return {**network, "destinationAddresses": prefixes}


def _leftmost_wildcard(name: str) -> str:
    """Return a name that Azure Firewall takes: it knows a star in the first place alone.

    Source: https://learn.microsoft.com/azure/firewall/firewall-faq
    """
    label, _, rest = name.partition(".")
    return f"*.{rest}" if "*" in label else name


def network_policy(
    told: AllowList, *, namespace: str, labels: Sequence[tuple[str, str]], name: str
) -> str:
    """Return a Kubernetes NetworkPolicy as YAML: the pods' way to names and to the target.

    It knows addresses and no names, and what a policy does not allow it denies, to all the pods that
    it selects.
    Source: https://kubernetes.io/docs/concepts/services-networking/network-policies

    Raises:
        NotEnough: The target has no address, or no pods are named.
    """
    if not labels:
        raise NotEnough(
            "--format network-policy needs --pods LABEL=VALUE: whose traffic is allowed"
        )
    needs, left_out = _of(told, "client")
    needs = [need for need in needs if need.first_port != 53]
    # The way to the metadata service is the way to the node's own identity: nobody gets it unasked.
    written = [need for need in needs if _blocks(need) and need.peers != (_METADATA,)]
    left_out += [_remark(need) for need in needs if need not in written]
    if not any(need.peers == (told.host,) for need in written):
        raise NotEnough(_no_address(told))
    lines = [
        "# What this policy does not allow, it denies to the pods that it selects: add their other needs.",
        *(f"# {note}" for note in told.notes),
        *(f"# not in here: {each}" for each in left_out),
        "apiVersion: networking.k8s.io/v1",
        "kind: NetworkPolicy",
        "metadata:",
        f"  name: {_quoted(name)}",
        f"  namespace: {_quoted(namespace)}",
        "spec:",
        "  podSelector:",
        "    matchLabels:",
        *(f"      {_quoted(key)}: {_quoted(value)}" for key, value in labels),
        "  policyTypes:",
        "    - Egress",
        "  egress:",
        "    # name lookup",
        "    - to:",
        "        - namespaceSelector:",
        "            matchLabels:",
        "              kubernetes.io/metadata.name: kube-system",
        "          podSelector:",
        "            matchLabels:",
        "              k8s-app: kube-dns",
        "      ports:",
        "        - protocol: UDP",
        "          port: 53",
        "        - protocol: TCP",
        "          port: 53",
    ]
    for need in written:
        lines += _egress(need)
    return "\n".join(lines)


def _egress(need: Need) -> Iterator[str]:
    yield f"    # {need.purpose}" + (f", for {need.when}" if need.when else "")
    yield "    - to:"
    for block in _blocks(need):
        yield "        - ipBlock:"
        yield f"            cidr: {_quoted(block)}"
    yield "      ports:"
    for protocol in _PROTOCOLS[need.protocol]:
        yield f"        - protocol: {protocol.upper()}"
        yield f"          port: {need.first_port}"
        if need.last_port != need.first_port:
            yield f"          endPort: {need.last_port}"


def _quoted(text: str) -> str:
    from json import dumps

    return dumps(text)  # JSON's strings are YAML's


# --- what several formats share ------------------------------------------------------------------


def _of(told: AllowList, where: str, *, is_by_name: bool = False) -> tuple[list[Need], list[str]]:
    """Return what is needed on one side, and in words what only other clients need.

    Raises:
        NotEnough: That side has no rules.
    """
    found = [need for need in told.needs if need.where == where]
    if not found:
        raise NotEnough(
            f"the cache of {told.host} has no subnet whose rules are yours ({told.topology}); "
            "--topology says otherwise"
        )
    usual = ("", BY_NAME) if is_by_name else ("",)
    needs = [need for need in found if need.when in usual]
    return needs, [_remark(need) for need in found if need.when not in usual]


def _prefixes(need: Need, source: str | None, cache_subnet: str | None) -> list[str]:
    """Return the peer as addresses and tags; nothing where it is only known by name.

    Raises:
        NotEnough: The peer is a network, which was not given.
    """
    if need.addresses and need.direction == "outbound":
        return _blocks(need)
    peer = need.peers[0]
    if peer == CLIENTS:
        return [_given(source, _CLIENTS)]
    if peer == CACHE_SUBNET:
        return [_given(cache_subnet, _CACHE_SUBNET)]
    if peer in _TAGS:
        return [peer]
    return [f"{peer}/32"] if parse(peer) is not None and ":" not in peer else []


def _given(network: str | None, wanted: str) -> str:
    if network is None:
        raise NotEnough(f"these rules need {wanted}")
    return network


def _blocks(need: Need) -> list[str]:
    return [f"{each}/{128 if ':' in each else 32}" for each in need.addresses]


def _remark(need: Need) -> str:
    towards = "to" if need.direction == "outbound" else "from"
    only = f", for {need.when} alone" if need.when else ""
    peers = ", ".join(need.peers)
    return f"{need.direction} {need.protocol} {need.ports} {towards} {peers}: {need.purpose}{only}"


def _no_address(told: AllowList) -> str:
    return f"{told.host} has no address that a rule could name: give --address IP, or a --resolver that knows it"
