"""The cluster's DNS, as its configuration tells: CoreDNS's Corefile, AKS's additions, kube-dns's stubs.

Sources:
    https://coredns.io/manual/configuration/
    https://coredns.io/plugins/forward/
    https://learn.microsoft.com/azure/aks/coredns-custom
    https://kubernetes.io/docs/tasks/administer-cluster/dns-custom-nameservers/
"""

from __future__ import annotations

from refused.evidence.kubernetes import ClusterDns, DnsZoneRule
from refused.probes.kubernetes.objects import VANTAGE, at, number, table, texts, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from refused.probes.kubernetes.objects import Object

NAMESPACE = "kube-system"
_NAMES = ("coredns", "coredns-custom", "kube-dns", "rke2-coredns-rke2-coredns")


def cluster_dns(objects: Sequence[Object]) -> ClusterDns | None:
    """Return the cluster's DNS; ``None`` where nothing of it was read."""
    maps = [
        each
        for each in objects
        if each.kind == "ConfigMap" and each.namespace == NAMESPACE and each.name in _NAMES
    ]
    served = [
        each
        for each in objects
        if each.kind == "Deployment"
        and each.namespace == NAMESPACE
        and (each.name in _NAMES or each.labels.get("k8s-app") == "kube-dns")
    ]
    if not maps and not served:
        return None
    rules: list[DnsZoneRule] = []
    for item in maps:
        data = texts(item.data.get("data"))
        for name, value in sorted(data.items()):
            if name == "Corefile" or name.endswith(".server"):
                rules += corefile(value)
            elif name == "stubDomains":
                rules += _stubs(value)
            elif name.endswith(".override"):
                # What is imported into the block of all names.
                rules += [each.replace(zones=(".",)) for each in corefile(f". {{\n{value}\n}}")]
    ready = [number(at(each.data, "status", "readyReplicas")) for each in served]
    wanted = [number(each.spec.get("replicas")) for each in served]
    is_live = bool(served) and served[0].is_live
    return ClusterDns(
        vantage=VANTAGE,
        at=0.0,
        took_ms=0.0,
        source=(maps or served)[0].source,
        rules=tuple(rules),
        ready=sum(each or 0 for each in ready) if is_live else None,
        wanted=sum(1 if each is None else each for each in wanted) if is_live else None,
    )


def _stubs(value: str) -> Iterator[DnsZoneRule]:
    from json import loads

    try:
        said = table(loads(value))
    except ValueError:
        return
    for zone, servers in said.items():
        yield DnsZoneRule(zones=(_zone(zone),), forwards=words(servers))


def corefile(text: str) -> list[DnsZoneRule]:
    """Read the server blocks of a Corefile; what is not understood is left out."""
    rules: list[DnsZoneRule] = []
    zones: tuple[str, ...] = ()
    body: list[tuple[list[str], list[list[str]]]] = []
    depth = 0
    for raw in text.splitlines():
        line = raw.split("#", 1)[0].strip()
        if not line:
            continue
        opens, closes = line.endswith("{"), line == "}"
        parts = line.rstrip("{").split()
        if closes:
            depth -= 1
            if depth == 0:
                rules.append(_block(zones, body))
                rules += _templates(body)
            depth = max(depth, 0)
        elif depth == 0 and opens:
            zones, body, depth = (
                tuple(_zone(each) for each in " ".join(parts).replace(",", " ").split()),
                [],
                1,
            )
        elif depth == 1:
            body.append((parts, []))
            depth += opens
        elif depth >= 2:
            body[-1][1].append(parts)
            depth += opens
    return [each for each in rules if each.zones and not each.zones[0].startswith("(")]


def _zone(text: str) -> str:
    """Return a zone without scheme, port and final dot; the root stays a dot."""
    name = text.rpartition("://")[2]
    head, colon, port = name.rpartition(":")
    if colon and port.isdigit():
        name = head
    return name.lower().rstrip(".") or "."


def _block(
    zones: tuple[str, ...], body: Sequence[tuple[list[str], list[list[str]]]]
) -> DnsZoneRule:
    forwards: list[str] = []
    hosts: list[tuple[str, str]] = []
    rewrites: list[tuple[str, str]] = []
    falls_through, refuses = False, ""
    for parts, inner in body:
        if not parts:
            continue
        word = parts[0]
        if word in ("forward", "proxy"):
            forwards += parts[2:]
        elif word == "hosts":
            # With zones of its own, here or behind the word, it bears on those alone.
            falls_through = len(parts) > 2 or any(each[:1] == ["fallthrough"] for each in inner)
            hosts += [
                (each[0], name.lower().rstrip("."))
                for each in inner
                if len(each) > 1
                and each[0][0] in "0123456789:abcdefABCDEF"
                and ("." in each[0] or ":" in each[0])
                for name in each[1:]
            ]
        elif word == "rewrite":
            rewrites += _rewrite(parts, inner)
        elif word == "template" and len(parts) == 3:
            refuses = _refusal(parts, inner) or refuses
    return DnsZoneRule(
        zones=zones or (".",),
        forwards=tuple(forwards),
        hosts=tuple(hosts),
        falls_through=falls_through,
        rewrites=tuple(rewrites),
        refuses=refuses,
    )


def _templates(
    body: Sequence[tuple[list[str], list[list[str]]]],
) -> Iterator[DnsZoneRule]:
    """Give rules of their own to templates that name the zones for which they answer."""
    for parts, inner in body:
        refuses = _refusal(parts, inner) if parts[:1] == ["template"] and len(parts) > 3 else ""
        if refuses:
            yield DnsZoneRule(zones=tuple(_zone(each) for each in parts[3:]), refuses=refuses)


def _refusal(parts: Sequence[str], inner: Sequence[list[str]]) -> str:
    """Return the answer code that a template gives to every question for an address; ``""`` if to some.

    https://coredns.io/plugins/template/: ``template CLASS TYPE [ZONE...]``; ``match`` picks names.
    """
    asked = parts[2].upper() if len(parts) > 2 else "ANY"
    if asked not in ("ANY", "A") or any(each[:1] == ["match"] for each in inner):
        return ""
    return next((each[1] for each in inner if len(each) > 1 and each[0] == "rcode"), "")


def _rewrite(parts: list[str], inner: Sequence[list[str]]) -> Iterator[tuple[str, str]]:
    for line in ([*parts[1:]], *inner):
        rest = [each for each in line if each not in ("stop", "continue", "name", "exact")]
        if (
            "name" in line
            and len(rest) >= 2
            and rest[0] not in ("regex", "prefix", "suffix", "substring")
        ):
            yield rest[0].lower().rstrip("."), rest[1].lower().rstrip(".")
