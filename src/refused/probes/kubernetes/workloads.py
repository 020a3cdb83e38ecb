"""Workloads: where their pods are described, which of them is the client, and what is kept of it.

No environment variable's value is kept but numbers that size a pool. The target's name is searched for
in values, and only whether it is there is told.
"""

from __future__ import annotations

import re

from refused.evidence.kubernetes import ContainerProbe, KubernetesWorkload
from refused.evidence.redaction import redact
from refused.probes.kubernetes.objects import (
    VANTAGE,
    at,
    number,
    pairs,
    rows,
    table,
    text,
    texts,
    words,
)
from refused.probes.kubernetes.sidecars import Pod, sidecars

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from refused.evidence.kubernetes import WorkloadRole
    from refused.probes.kubernetes.objects import Object
    from refused.probes.kubernetes.sidecars import Around

# Where the pods' metadata and spec stand. Source: the published schemas of each kind.
TEMPLATES: dict[str, tuple[str, ...]] = {
    "Pod": (),
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "ReplicationController": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "Rollout": ("spec", "template"),
    "DeploymentConfig": ("spec", "template"),
}
SHORT = {
    "deploy": "Deployment",
    "sts": "StatefulSet",
    "ds": "DaemonSet",
    "rs": "ReplicaSet",
    "po": "Pod",
    "cj": "CronJob",
    **{kind.lower(): kind for kind in TEMPLATES},
    **{f"{kind.lower()}s": kind for kind in TEMPLATES},
}
_SIZES_A_POOL = re.compile(r"(pool|max_?conn|connections|multiplexers?)", re.IGNORECASE)
_NAMES_A_CACHE = re.compile(r"redis|valkey|cache|6379|6380", re.IGNORECASE)
_MOST_CLIENTS = 8


class BadWorkload(ValueError):
    """The workload that the user names is none, or is not there; one line for people."""

    for_people = True


class Named:
    """A workload as the user names it: ``namespace/kind/name``.

    Raises:
        BadWorkload: That is none.
    """

    __slots__ = ("namespace", "kind", "name")

    def __init__(self, said: str) -> None:
        parts = said.strip().split("/")
        kind = SHORT.get(parts[1].lower()) if len(parts) == 3 else None
        if kind is None or not all(
            re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", each) for each in (parts[0], parts[2])
        ):
            raise BadWorkload(
                f"--workload: {said[:80]!r} is no workload; give namespace/kind/name, as shop/deployment/cart"
            )
        self.namespace, self.kind, self.name = parts[0], kind, parts[2]

    def __str__(self) -> str:
        return f"{self.namespace}/{self.kind.lower()}/{self.name}"


def pod_of(item: Object) -> Pod | None:
    """Return the pods that *item* makes, or is; ``None`` where it makes none."""
    path = TEMPLATES.get(item.kind)
    if path is None:
        return None
    template = table(at(item.data, *path) if path else item.data)
    # A pod has an id of its own, and a template has none: see cluster._as_it_runs.
    return Pod(
        texts(at(template, "metadata", "labels")),
        texts(at(template, "metadata", "annotations")),
        table(template.get("spec")),
        is_running=item.is_live and (item.kind == "Pod" or bool(at(template, "metadata", "uid"))),
    )


class Chosen:
    """A workload, and why it is taken for the client."""

    __slots__ = ("item", "because")

    def __init__(self, item: Object, because: str) -> None:
        self.item, self.because = item, because


def choose(objects: Sequence[Object], host: str, named: Named | None) -> tuple[list[Chosen], str]:
    """Return the workloads that may be the client, and why there is none.

    Args:
        host: The target's name or address.
        named: The one that the user names.

    Raises:
        BadWorkload: That one is not among them.
    """
    makers = [each for each in objects if pod_of(each) is not None]
    if named is not None:
        found = [
            each
            for each in makers
            if (each.namespace, each.kind, each.name) == (named.namespace, named.kind, named.name)
        ]
        if not found:
            there = ", ".join(
                f"{each.namespace}/{each.kind.lower()}/{each.name}" for each in makers[:5]
            )
            raise BadWorkload(
                f"--workload: {named} is not there; there is {there or 'no workload at all'}"
            )
        return [Chosen(found[0], "the user named it")], ""
    if not makers:
        return [], "no workload was given"
    maps = {
        (each.namespace, each.name): texts(each.data.get("data"))
        for each in objects
        if each.kind == "ConfigMap"
    }
    strings = [(each, tuple(_strings(each, maps))) for each in makers]
    naming = [each for each, said in strings if any(host in one for one in said)]
    if naming:
        return [Chosen(each, f"it names {host}") for each in naming[:_MOST_CLIENTS]], ""
    if len(makers) == 1:
        return [Chosen(makers[0], "it is the only workload")], ""
    speaking = [
        each
        for each, said in strings
        if any(_NAMES_A_CACHE.search(one) for one in said) and not _is_server(each)
    ]
    if speaking:
        return [Chosen(each, "it speaks of a cache") for each in speaking[:_MOST_CLIENTS]], ""
    return [], f"there are {len(makers)} workloads, and none names {host}"


def _is_server(item: Object) -> bool:
    pod = pod_of(item)
    images = [text(each.get("image")) for each in rows(pod.spec.get("containers"))] if pod else []
    return any(
        re.search(r"(^|/)(bitnami/)?(redis|valkey)(-stack)?(-server)?([:@]|$)", each)
        for each in images
    )


def _strings(item: Object, maps: Mapping[tuple[str, str], Mapping[str, str]]) -> Iterator[str]:
    """Give what an application of *item* is told: variables, arguments, and the config maps it reads."""
    pod = pod_of(item)
    if pod is None:
        return
    for container in rows(pod.spec.get("containers")):
        for each in rows(container.get("env")):
            yield text(each.get("name"))
            yield text(each.get("value")).lower()
        for word in (*words(container.get("args")), *words(container.get("command"))):
            yield word.lower()
        sources = [*rows(container.get("envFrom")), *rows(container.get("env"))]
        for source in sources:
            for reference in (
                at(source, "configMapRef"),
                at(source, "valueFrom", "configMapKeyRef"),
            ):
                name = text(at(reference, "name"))
                for key, value in maps.get((item.namespace, name), {}).items():
                    yield key
                    yield value.lower()
    for volume in rows(pod.spec.get("volumes")):
        name = text(at(volume, "configMap", "name"))
        for key, value in maps.get((item.namespace, name), {}).items():
            yield key
            yield value.lower()


def workload(
    item: Object, around: Around, *, role: WorkloadRole, chosen: str, host: str
) -> KubernetesWorkload:
    """Return what is kept of *item*."""
    pod = pod_of(item)
    if pod is None:
        raise ValueError(f"{item.kind} makes no pods")
    containers = rows(pod.spec.get("containers"))
    dns = table(pod.spec.get("dnsConfig"))
    options = {text(each.get("name")): each.get("value") for each in rows(dns.get("options"))}
    replicas = number(item.spec.get("replicas"))
    if replicas is None and item.kind in (
        "Deployment",
        "StatefulSet",
        "ReplicaSet",
        "Rollout",
        "Pod",
    ):
        replicas = 1
    return KubernetesWorkload(
        vantage=VANTAGE,
        at=0.0,
        took_ms=0.0,
        source=item.source,
        namespace=item.namespace,
        kind=item.kind,
        name=item.name,
        role=role,
        chosen=chosen,
        labels=pairs(pod.labels),
        template=".".join(TEMPLATES[item.kind]),
        replicas=replicas,
        containers=tuple(text(each.get("name")) for each in containers),
        named_ports=tuple(_named_ports(containers)),
        sidecars=sidecars(pod, around),
        probes=tuple(_probes(containers, host)),
        dns_policy=text(pod.spec.get("dnsPolicy")) or None,
        nameservers=words(dns.get("nameservers")),
        searches=words(dns.get("searches")),
        ndots=number(options.get("ndots")),
        host_aliases=tuple(
            (text(each.get("ip")), name)
            for each in rows(pod.spec.get("hostAliases"))
            for name in words(each.get("hostnames"))
        ),
        host_network=pod.spec.get("hostNetwork") is True,
        run_as_user=_user(pod.spec, containers),
        pool_sizes=tuple(_pool_sizes(containers)),
        is_running=pod.is_running,
        **_ends(item),
    )


def _ends(item: Object) -> dict[str, Any]:
    """Return how often containers of a running pod were started anew, and why one ended last."""
    path = TEMPLATES[item.kind]
    statuses = rows(at(item.data, *path, "status", "containerStatuses"))
    if not statuses:
        return {}
    ended = ""
    for each in statuses:
        last = table(at(each, "lastState", "terminated"))
        if last and text(each.get("name")) not in ("istio-proxy", "linkerd-proxy"):
            reason, code = text(last.get("reason")) or "ended", number(last.get("exitCode"))
            ended = f"{text(each.get('name'))}: {reason} ({code})"
    return {
        "restarts": sum(number(each.get("restartCount")) or 0 for each in statuses),
        "last_end": ended,
    }


def _named_ports(containers: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, int]]:
    for container in containers:
        for each in rows(container.get("ports")):
            port = number(each.get("containerPort"))
            if port is not None and text(each.get("name")):
                yield text(each.get("name")), port


def _user(spec: Mapping[str, Any], containers: Sequence[Mapping[str, Any]]) -> int | None:
    whole = number(at(spec, "securityContext", "runAsUser"))
    own = {
        number(at(each, "securityContext", "runAsUser"))
        for each in containers
        if text(each.get("name")) not in ("istio-proxy", "linkerd-proxy")
    }
    return own.pop() or whole if len(own) == 1 else whole


def _pool_sizes(containers: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, int]]:
    for container in containers:
        for each in rows(container.get("env")):
            name, size = text(each.get("name")), number(each.get("value"))
            if size is not None and _SIZES_A_POOL.search(name):
                yield name, size


def _probes(containers: Iterable[Mapping[str, Any]], host: str) -> Iterator[ContainerProbe]:
    for container in containers:
        for purpose in ("liveness", "readiness", "startup"):
            probe = table(container.get(f"{purpose}Probe"))
            if not probe:
                continue
            how = _tried(probe)
            yield ContainerProbe(
                container=text(container.get("name")),
                purpose=purpose,
                how=_shown(how),
                names_cache=host in how.lower() or bool(_NAMES_A_CACHE.search(how)),
                period_s=number(probe.get("periodSeconds")) or 10,
                timeout_s=number(probe.get("timeoutSeconds")) or 1,
                failures=number(probe.get("failureThreshold")) or 3,
            )


def _tried(probe: Mapping[str, Any]) -> str:
    command = at(probe, "exec", "command")
    if command is not None:
        return "exec " + " ".join(words(command))
    path = at(probe, "httpGet", "path")
    if path is not None:
        return f"GET {text(path)}"
    for kind, word in (("tcpSocket", "tcp"), ("grpc", "grpc")):
        port = at(probe, kind, "port")
        if port is not None:
            return f"{word} {port}"
    return "GET /" if probe.get("httpGet") is not None else "nothing that is known"


def _shown(how: str) -> str:
    """Shorten what a probe tries; a command is named and its arguments are not kept: they may hold a key."""
    if not how.startswith("exec "):
        return redact(how)[:80]
    program = how.split()[1] if len(how.split()) > 1 else ""
    inner = re.search(r"\b(redis-cli|valkey-cli|nc|curl|wget|python3?)\b", how)
    return f"exec {inner.group(1) if inner else program}"[:80]
