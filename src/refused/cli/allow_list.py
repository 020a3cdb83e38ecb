"""Say what to let through for TARGET: names, ports, directions and addresses for the firewall team.

TARGET is looked up, and nothing else is done with it; @bundle.json takes what was seen there. Formats:
a table, JSON, rules of a network security group or of Azure Firewall (as ARM and az have them), or a
Kubernetes NetworkPolicy. Exit code 0, or 2 where the rules cannot be written from what is known.
"""

from __future__ import annotations

import os

from refused.cli.options import print_json
from refused.vantage.words import BadOption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

    from refused.evidence.target import Target
    from refused.report.allow_list import AllowList

FORMATS = ("table", "json", "nsg", "azure-firewall", "network-policy")
LOOKUP_S = 3.0


def arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "target",
        metavar="TARGET",
        help="host[:port], redis:// or rediss:// URL, a client's connection string, @bundle.json",
    )
    parser.add_argument("--format", choices=FORMATS, default="table", help="default: table")
    parser.add_argument(
        "--topology",
        choices=("direct", "private-endpoint", "vnet-injected"),
        help="how the service is reached (default: read from its address)",
    )
    parser.add_argument(
        "--cluster", action="store_true", default=None, help="the client is cluster-aware"
    )
    parser.add_argument("--auth", choices=("key", "entra", "none"), help="how to log in")
    parser.add_argument(
        "--address", action="append", metavar="IP", help="the service's address (repeatable)"
    )
    parser.add_argument("--resolver", metavar="IP[:PORT]", help="ask this resolver alone")
    parser.add_argument("--source", metavar="CIDR", help="the network of the clients")
    parser.add_argument("--cache-subnet", metavar="CIDR", help="the network of an injected cache")
    parser.add_argument(
        "--of",
        choices=("client", "cache"),
        default="client",
        help="whose rules: the clients' side, or the subnet of the cache (default: client)",
    )
    parser.add_argument(
        "--pods",
        action="append",
        metavar="LABEL=VALUE",
        help="the pods of a NetworkPolicy (repeatable)",
    )
    parser.add_argument("--namespace", default="default", help="their namespace")
    parser.add_argument(
        "--verbose", "-v", action="store_true", default=None, help="say where each rule comes from"
    )


def run(options: Namespace) -> int:
    """Print the list. Returns the exit code."""
    told = _told(options)
    if options.format == "table":
        from refused.report.allow_list import table

        print(table(told, sources=bool(options.verbose)))
    elif options.format == "network-policy":
        from refused.report.firewall_rules import network_policy

        labels = [_label(text) for text in options.pods or ()]
        name = f"allow-{told.service}"
        print(network_policy(told, namespace=options.namespace, labels=labels, name=name))
    else:
        print_json(_as_json(told, options))
    return 0


def _as_json(told: AllowList, options: Namespace) -> str:
    from json import dumps

    from refused.evidence.redaction import redact_data
    from refused.report.firewall_rules import azure_firewall, nsg

    networks = {
        "source": _network(options.source, "--source"),
        "cache_subnet": _network(options.cache_subnet, "--cache-subnet"),
    }
    data: dict[str, Any] = told.to_data()
    if options.format == "nsg":
        data = nsg(told, where=options.of, **networks)
    elif options.format == "azure-firewall":
        data = azure_firewall(told, where=options.of, **networks)
    return dumps(redact_data(data), indent=2, ensure_ascii=False)


def _told(options: Namespace) -> AllowList:
    from refused.evidence.parse_target import BadTarget, kind_of, parse_target
    from refused.report.allow_list import allow_list

    kind = kind_of(options.target)
    if kind == "bundle":
        return _of_bundle(options)
    if kind != "endpoint":
        raise BadTarget("give the host name, a connection string or @bundle.json")
    target = parse_target(
        options.target,
        auth=options.auth,
        cluster=True if options.cluster else None,
        environ=os.environ,
    ).target
    given = [_address(text) for text in options.address or ()]
    addresses, aliases = (given, ()) if given else _look_up(target, options.resolver)
    return allow_list(
        target,
        addresses,
        aliases=aliases,
        topology=options.topology,
        cluster=bool(target.cluster_aware),
    )


def _of_bundle(options: Namespace) -> AllowList:
    from refused.api import load
    from refused.evidence.observations import ClusterTopology, DnsAnswer
    from refused.evidence.path import resolved
    from refused.report.allow_list import allow_list

    bundle = load(options.target.strip()[1:])
    view = bundle.view(bundle.vantages[0])
    nodes = [node for seen in view.look(ClusterTopology) for node in seen.nodes]
    given = [_address(text) for text in options.address or ()]
    target = bundle.target
    if options.auth:
        target = target.replace(auth=options.auth)
    return allow_list(
        target,
        given or resolved(view),
        aliases=[alias for answer in view.look(DnsAnswer) for alias in answer.aliases],
        topology=options.topology,
        cluster=bool(options.cluster or target.cluster_aware),
        node_ports=[node.port for node in nodes],
    )


def _look_up(target: Target, resolver: str | None) -> tuple[list[str], tuple[str, ...]]:
    """Return the addresses of the target's name, and the names that it leads through."""
    from refused.evidence.path import is_literal
    from refused.probes import names

    if is_literal(target.host):
        return [target.host], ()
    if resolver is None:
        seen = names.lookup(target.host, target.port, vantage="here", wait_s=LOOKUP_S)
        return list(seen.addresses), ()
    answers = [
        names.ask(
            names.parse_resolver(resolver), target.host, kind, vantage="here", wait_s=LOOKUP_S
        )
        for kind in ("A", "AAAA")
    ]
    aliases = tuple(alias for answer in answers for alias in answer.aliases)
    return [address for answer in answers for address in answer.addresses], aliases


def _address(text: str) -> str:
    from refused.service.addresses import parse

    if parse(text) is None:
        raise BadOption(f"--address: {text[:40]!r} is no IP address")
    return text


def _network(text: str | None, option: str) -> str | None:
    from ipaddress import ip_network

    if text is None:
        return None
    try:
        return str(ip_network(text))
    except ValueError:
        raise BadOption(f"{option}: {text[:40]!r} is no network; give one as 10.1.0.0/24") from None


def _label(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise BadOption(f"--pods: {text[:40]!r} is no label; give one as app=cart")
    return key, value
