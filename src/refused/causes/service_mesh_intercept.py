"""A sidecar takes the connection, and does not bring it to the server.

What is wrong
    A service mesh redirects the pod's traffic to a proxy beside it. The proxy accepts every
    connection itself; when it has no route to the server, is not ready, or takes the port for its
    own (Istio: 15001, 15006 and others), the connection ends there. So it does where a destination
    rule wraps TLS around the client's own, or a service entry names the wrong protocol.
How it looks
    The dial always succeeds, on any port; then the connection is closed or reset before TLS. With a
    cluster the front door works, and single nodes do not.
What ends it
    The port excluded from the mesh (traffic.sidecar.istio.io/excludeOutboundPorts,
    config.linkerd.io/skip-outbound-ports), or a ServiceEntry for the host and its port.
What it is not
    ``egress-blocked``: there the dial itself fails.
Sources
    https://istio.io/latest/docs/ops/deployment/application-requirements/
    https://istio.io/latest/docs/tasks/traffic-management/egress/egress-control/
    https://linkerd.io/2/features/protocol-detection/
    https://learn.microsoft.com/azure/azure-cache-for-redis/cache-best-practices-kubernetes
"""

from __future__ import annotations

from refused.causes.readings import (
    accepted,
    dialled,
    kept_by_sidecar,
    may_be_kept,
    without_a_word,
)
from refused.causes.statements import Cause, Clue, Proof, RuledOut, Signature
from refused.evidence.control_plane import AzureCache
from refused.evidence.kubernetes import MESH_KINDS, KubernetesWorkload, clients, has_client
from refused.evidence.observations import (
    ClusterTopology,
    NodeVisit,
    Platform,
    RedirectRules,
    TcpDial,
    Unseen,
)
from refused.service.ports import sidecar_port

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.kubernetes_faults import MeshFault
    from refused.evidence.path import Broken
    from refused.evidence.told import Told

EXCLUDE = (
    "exclude exactly the cache's ports from the mesh (Istio: excludeOutboundPorts, Linkerd: skip-outbound-ports), "
    "unless the mesh keeps hosts out by a rule of its own"
)
REGISTER = (
    "register the cache's host and port, where the mesh lets only registered hosts out (Istio: ServiceEntry, Linkerd: "
    "a TLSRoute or TCPRoute of its EgressNetwork)"
)
WAIT = "hold the application until the proxy is ready (holdApplicationUntilProxyStarts)"
ONE_TLS = "take the second TLS out of the destination rule, and leave the client's own as it is"
# What ends a fault that the mesh's own objects show; no port is led past a rule that keeps hosts out.
ENDS = {
    "port-clash": EXCLUDE,
    "no-entry": REGISTER,
    "entry-port": REGISTER,
    "entry-protocol": REGISTER,
    "egress-network": REGISTER,
    "double-tls": ONE_TLS,
    "foreign-mtls": ONE_TLS,
}

CAUSE = Cause(
    id="service-mesh-intercept",
    title="a sidecar takes the connection, and does not bring it to the server",
    hop="tcp",
    shows_at=("tcp", "tls", "resp", "topology"),
    bucket="configuration",
    prior=-0.3,
    needs=(
        *MESH_KINDS,
        AzureCache,
        ClusterTopology,
        NodeVisit,
        Platform,
        RedirectRules,
        TcpDial,
    ),
    remedies=(
        EXCLUDE,
        REGISTER,
        WAIT,
        ONE_TLS,
    ),
    verify="from the pod TLS completes and PING is answered",
    prevent="annotations in the pod template; a check of cluster node ports against the mesh's own",
    expects=(("deeper", "local"), ("elsewhere", "works"), ("other-destination", "works")),
)


# Hops at which a connection ends that a sidecar accepted and did not carry through.
WALKED = ("tcp", "tls", "resp")
ENDINGS = frozenset({"closed", "reset", "silent", "not-tls", "not-resp", "alert", "error"})


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See what the cluster says, whether something answers for everybody, and whether a sidecar is near."""
    platforms, rules, dials = (
        evidence.all(Platform),
        evidence.all(RedirectRules),
        evidence.all(TcpDial),
    )
    told = tuple(_cluster_says(evidence))
    yield from told
    broken, target = evidence.broken, evidence.target
    kept = kept_by_sidecar(evidence.all(NodeVisit), platforms, evidence.all(ClusterTopology))
    if any(isinstance(each, Proof | RuledOut) for each in told):
        return
    if broken is not None and broken.hop == "topology" and kept:
        yield from _shards_said(kept, platforms)
    elif broken is not None and broken.hop == "topology":
        doubtful = may_be_kept(evidence.all(NodeVisit), platforms, evidence.all(ClusterTopology))
        if doubtful:
            said = "just the ports that Istio's sidecar keeps for itself are accepted and ended"
            yield Clue(weight=1.6, because=said, seen=doubtful)
    if broken is None or target is None or broken.hop not in WALKED:
        return
    ended = without_a_word(broken) or (broken.hop in ("tls", "resp") and broken.how == "silent")
    # A reset right after the accept is met by some dials already, and by others only afterwards.
    cut = broken.hop == "tcp" and broken.how in ("flaky", "reset")
    ended = ended or (cut and accepted(dials, "control") is not None)
    if not ended and not (broken.hop == "tcp" and broken.how == "refused"):
        return
    control = next(iter(dialled(dials, "control")), None)
    everybody = accepted(dials, "control")
    # Dapr is called by its application and takes no connection that is not made to it.
    mesh = next((each for each in platforms if each.mesh and each.mesh != "dapr"), None)
    redirects = tuple(text for rule in rules for text in rule.redirects)
    if control is not None and everybody is None and ended:
        said = f"port {control.port} of the same address is not accepted, so nothing answers for everybody"
        if mesh is None and not redirects:
            yield RuledOut(because=said, seen=(control,))
            return
        # A sidecar may be told to take some ports only.
        yield Clue(weight=-1.5, because=said, seen=(control,))
    if everybody is not None:
        said = f"even port {everybody.port}, where nothing listens, is accepted: something in between answers"
        yield Clue(weight=2.6, because=said, seen=(everybody,), fact="in between")
    if mesh is not None:
        sign = mesh.mesh_signs[0] if mesh.mesh_signs else mesh.mesh
        yield Clue(
            weight=1.6 if ended else 1.2,
            because=f"{mesh.mesh} is at work here: {sign}",
            seen=(mesh,),
        )
        if sidecar_port(target.port) is not None:
            yield Clue(
                weight=1.5, because=f"{target.port} is a port of the sidecar's own", seen=(mesh,)
            )
    if redirects:
        said = f"this host redirects the traffic: {redirects[0]}"
        yield Clue(weight=1.6, because=said, seen=rules, fact="in between")
    if mesh is None and not redirects:
        yield Unseen(
            vantage=evidence.vantage,
            what="sidecars",
            why="no sign of a mesh was seen, which is not proof of its absence",
            how_to_see="kubectl get pod POD -o jsonpath='{.spec.containers[*].name}'",
        )


def _shards_said(
    kept: tuple[NodeVisit, ...], platforms: tuple[Platform, ...]
) -> Iterator[Statement]:
    """Say that the nodes which fail are those whose ports the sidecar has a use for."""
    place = next(each for each in platforms if each.mesh)
    ports = ", ".join(dict.fromkeys(str(each.port) for each in kept))
    said = (
        f"{place.mesh} is at work here ({place.mesh_signs[0] if place.mesh_signs else place.mesh}), and keeps {ports} "
        f"for itself ({sidecar_port(kept[0].port, str(place.mesh))}): these nodes alone are accepted and then ended"
    )
    yield Clue(weight=3.2, because=said, seen=(place, *kept))


def _cluster_says(evidence: Evidence) -> Iterator[Statement]:
    """Weigh what the mesh is told, by the cluster itself or by manifests."""
    if not has_client(evidence, (*MESH_KINDS, AzureCache, ClusterTopology, NodeVisit)):
        return
    from refused.evidence.kubernetes_faults import left_alone, mesh_faults
    from refused.evidence.kubernetes_mesh import is_walked_inside

    faults, broken = mesh_faults(evidence), evidence.broken
    workloads = clients(evidence.all(KubernetesWorkload))
    for fault in faults:
        inside = is_walked_inside(evidence, fault.workload)
        if broken is not None and inside and fault.sure and _struck(fault, broken, evidence):
            seen = (*fault.seen, *_failed_nodes(fault, evidence))
            yield Proof(
                because=f"{_said(fault)}{_struck_said(fault, evidence)}",
                seen=seen,
                ends=ENDS.get(fault.kind, ""),
            )
            continue
        # What was read holds for the workload wherever it is read; that it fails was not seen there.
        weight = 3.0 if fault.sure else 2.0 if fault.kind != "port-clash" else 1.2
        yield Clue(
            weight=weight,
            because=_said(fault),
            seen=fault.seen,
            fact=fault.kind,
            foretells=not inside,
            ends=ENDS.get(fault.kind, ""),
        )
    if faults or broken is None or broken.hop not in WALKED or not workloads:
        return
    for workload in workloads[:1]:
        alone = left_alone(evidence, workload)
        if alone and workload.is_running and is_walked_inside(evidence, workload):
            yield RuledOut(because=alone, seen=(workload,))
        elif alone:
            yield Clue(weight=-2.5, because=alone, seen=(workload,))
        else:
            yield from _sidecar_said(workload, broken, evidence)


def _said(fault: MeshFault) -> str:
    return f"{fault.said}; {fault.cure}" if fault.cure else fault.said


def _sidecar_said(
    workload: KubernetesWorkload, broken: Broken, evidence: Evidence
) -> Iterator[Statement]:
    """Weigh a sidecar that takes the connection, and in which nothing wrong was found."""
    from refused.evidence.kubernetes_mesh import is_opaque

    target = evidence.target
    for sidecar in workload.sidecars:
        if not sidecar.captures or sidecar.present is False:
            continue
        said = (
            f"a sidecar of {sidecar.mesh} takes the connections of {workload.title}: {sidecar.said}"
        )
        yield Clue(weight=0.6, because=said, seen=(workload,), fact="mesh")
        if sidecar.mesh == "istio" and not sidecar.holds_application and broken.how == "refused":
            said = f"{workload.title} does not wait until its sidecar is ready, and a sidecar that is not refuses"
            yield Clue(weight=1.2, because=said, seen=(workload,))
        if sidecar.mesh != "linkerd" or target is None or target.tls or broken.how != "silent":
            continue
        if not is_opaque(sidecar, target.port):
            # A client that speaks first is recognised at once; a pool that opens ahead of need does not.
            said = (
                f"port {target.port} is none that linkerd passes through unread: it waits up to ten seconds for "
                "the client's first word (config.linkerd.io/opaque-ports would end that)"
            )
            yield Clue(weight=0.8, because=said, seen=(workload,))


def _struck(fault: MeshFault, broken: Broken, evidence: Evidence) -> bool:
    """Whether what was seen to fail is what the fault strikes."""
    target = evidence.target
    if target is None:
        return False
    if target.port not in fault.ports:
        return broken.hop == "topology" and bool(_failed_nodes(fault, evidence))
    # A sidecar accepts whatever comes; what it cannot carry on it ends, or leaves without an answer.
    return broken.hop in ("tls", "resp") and broken.how in ENDINGS


def _failed_nodes(fault: MeshFault, evidence: Evidence) -> tuple[NodeVisit, ...]:
    return tuple(
        each for each in evidence.all(NodeVisit) if each.failed and each.port in fault.ports
    )


def _struck_said(fault: MeshFault, evidence: Evidence) -> str:
    failed = _failed_nodes(fault, evidence)
    if not failed:
        return ""
    ports = ", ".join(dict.fromkeys(str(each.port) for each in failed[:4]))
    return f"; the nodes at {ports} fail at {failed[0].stage} ({failed[0].outcome})"


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="service-mesh-intercept-upstream-failure",
        pattern=r"\bupstream (?:failure|protocol error)\b|\bfinished with [0-9]{1,6} error\(s\)",
        family="envoy",
        weight=2.6,
        says="a proxy for Redis says that what stands behind it failed",
        example="(error) upstream failure",
    ),
    Signature(
        id="service-mesh-intercept-envoy-redis",
        pattern=r"\bno upstream host\b|upstream connect error or disconnect/reset before headers|upstream_reset_before_response_started|\bUF,URX\b",
        family="envoy",
        weight=4.5,
        says="a sidecar's own words stand in the answer",
        example="(error) no upstream host",
    ),
    Signature(
        id="service-mesh-intercept-envoy-flags",
        pattern=r"\benvoy\b[^\n]{0,120}(?:upstream|response[_ ]flags?|connection[_ ](?:termination|failure)|remote reset|no healthy|disconnect|reset reason)[^\n]{0,120}(?:6379|6380|redis)|\benvoy\b[^\n]{0,120}(?:6379|6380|redis)[^\n]{0,120}(?:upstream|response[_ ]flags?|connection[_ ](?:termination|failure)|remote reset|no healthy|disconnect|reset reason)|(?:outbound|inbound)\|(?:6379|6380|10000)\||PassthroughCluster|BlackHoleCluster|outbound_\.6379",
        family="envoy",
        weight=3.6,
        says="a sidecar's log names the connection to Redis",
        example="upstream outbound|6379||redis.svc.cluster.local",
        ignores_case=True,
    ),
    Signature(
        id="service-mesh-intercept-linkerd-redis",
        pattern=r"linkerd[^\n]{0,200}(?:6379|6380|redis)|(?:outbound|inbound)[^\n]{0,160}:(?:6379|6380|10000)\}[^\n]{0,160}(?:error|closed|fail)",
        family="linkerd",
        weight=4.5,
        says="a sidecar of Linkerd handles the connection to Redis",
        example="outbound:accept{target.addr=10.1.2.3:6379}: linkerd_app_core::serve: Connection closed error=closed",
        ignores_case=True,
    ),
    Signature(
        id="service-mesh-intercept-istio-mtls",
        pattern=r"TLS error: [^\n]{0,120}(?:OPENSSL_internal|CERTIFICATE_VERIFY_FAILED|WRONG_VERSION_NUMBER)[^\n]{0,80}(?:envoy|upstream|istio)|istio-proxy[^\n]{0,200}(?:redis|6379)|transport failure reason",
        family="envoy",
        weight=3.8,
        says="the sidecar's own TLS fails",
        example="upstream connect error, transport failure reason: TLS error: OPENSSL_internal:WRONG_VERSION_NUMBER upstream",
    ),
    # command_splitter_impl.cc of Envoy's filter for Redis; servers say "unknown command".
    Signature(
        id="service-mesh-intercept-envoy-unsupported",
        pattern=r"(?:^|[^d\n] |[^a-z \n])unsupported command '[A-Za-z.]{2,30}'",
        family="envoy",
        weight=3.9,
        says="a sidecar answers in the server's place, and knows fewer commands",
        example="(error) unsupported command 'SUBSCRIBE'",
    ),
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "no-greeting": 0.6,
    "tls-cut": 0.3,
    "reset": 1.0,
    "closed": 0.2,
    "chained-replica": 0.8,
}


# Somebody may also have put Envoy there as a proxy for Redis; twemproxy words it alike in its log.
_UNSUPPORTED = "service-mesh-intercept-envoy-unsupported"


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.marked("mesh") and told.saw(
        "reset", "closed", "refused", "tls-cut", "no-answer", "connect-timeout"
    ):
        yield Clue(weight=2.2, because="the text shows a sidecar", seen=told.errors)
    if _UNSUPPORTED in told.signatures and told.marked("kubernetes"):
        yield Clue(
            weight=1.6,
            because="inside Kubernetes it is a sidecar that knows fewer commands",
            seen=told.errors,
        )
    if told.saw("refused") and told.is_private and told.marked("image", "kubernetes"):
        yield Clue(
            weight=0.9,
            because="a container that starts before its sidecar has nobody to carry what it dials",
            seen=told.errors,
        )
    if told.saw("reset") and told.runtime == "go":
        yield Clue(
            weight=0.7, because="an open connection was reset without a word", seen=told.errors
        )
    if told.saw("broken-pipe") and told.runtime == "go" and told.is_private:
        yield Clue(
            weight=1.2,
            because="what was open between two private addresses was closed without a word",
            seen=told.errors,
        )
    if told.saw("reset") and told.speaks("redis-cli"):
        yield Clue(
            weight=0.9, because="a plain command-line client is reset at once", seen=told.errors
        )
