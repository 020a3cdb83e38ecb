"""A sidecar takes the connection, and does not bring it to the server.

What is wrong
    A service mesh redirects the pod's traffic to a proxy beside it. The proxy accepts every
    connection itself; when it has no route to the server, is not ready, or takes the port for its
    own (Istio: 15001, 15006 and others), the connection ends there.
How it looks
    The dial always succeeds, on any port; then the connection is closed or reset before TLS.
What ends it
    The port excluded from the mesh (traffic.sidecar.istio.io/excludeOutboundPorts,
    config.linkerd.io/skip-outbound-ports), or a ServiceEntry for the host.
What it is not
    ``egress-blocked``: there the dial itself fails.
Sources
    https://istio.io/latest/docs/ops/deployment/application-requirements/
    https://linkerd.io/2/features/protocol-detection/
"""

from __future__ import annotations

from refused.causes.readings import accepted, dialled, without_a_word
from refused.causes.statements import Cause, Clue, RuledOut, Signature
from refused.evidence.observations import Platform, RedirectRules, TcpDial, Unseen
from refused.service.ports import sidecar_port

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.causes.statements import Statement
    from refused.evidence.bundle import Evidence
    from refused.evidence.told import Told

CAUSE = Cause(
    id="service-mesh-intercept",
    title="a sidecar takes the connection, and does not bring it to the server",
    hop="tcp",
    shows_at=("tcp", "tls", "resp"),
    bucket="configuration",
    prior=-0.3,
    needs=(Platform, RedirectRules, TcpDial),
    remedies=(
        "exclude exactly the cache's ports from the mesh (Istio: excludeOutboundPorts, Linkerd: skip-outbound-ports)",
        "add a ServiceEntry for the cache's host, where the mesh lets only registered hosts out",
        "hold the application until the proxy is ready (holdApplicationUntilProxyStarts)",
    ),
    verify="from the pod TLS completes and PING is answered",
    prevent="annotations in the pod template; a check of cluster node ports against the mesh's own",
    expects=(("deeper", "local"), ("elsewhere", "works"), ("other-destination", "works")),
)


def judge(evidence: Evidence) -> Iterator[Statement]:
    """See whether something answers for everybody, and whether a sidecar is near."""
    platforms, rules, dials = (
        evidence.all(Platform),
        evidence.all(RedirectRules),
        evidence.all(TcpDial),
    )
    broken, target = evidence.broken, evidence.target
    if broken is None or target is None or broken.hop not in CAUSE.shows_at:
        return
    ended = without_a_word(broken) or (broken.hop in ("tls", "resp") and broken.how == "silent")
    if not ended and not (broken.hop == "tcp" and broken.how == "refused"):
        return
    control = next(iter(dialled(dials, "control")), None)
    everybody = accepted(dials, "control")
    mesh = next((platform for platform in platforms if platform.mesh), None)
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


# What is printed when it strikes.
SIGNATURES = (
    Signature(
        id="service-mesh-intercept-upstream-failure",
        pattern=r"\bupstream (?:failure|protocol error)\b",
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
        pattern=r"envoy[^\n]{0,200}(?:6379|6380|redis)|(?:outbound|inbound)\|(?:6379|6380|10000)\||PassthroughCluster|BlackHoleCluster|outbound_\.6379",
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
)
# Log-odds that a symptom lends it where nothing more is told.
SYMPTOMS = {
    "tls-cut": 0.3,
    "reset": 1.0,
    "closed": 0.2,
}


def read(told: Told) -> Iterator[Statement]:
    """Weigh what the errors of a text tell beside their words."""
    if told.marked("mesh") and told.saw(
        "reset", "closed", "refused", "tls-cut", "no-answer", "connect-timeout"
    ):
        yield Clue(weight=2.2, because="the text shows a sidecar", seen=told.errors)
    if told.saw("reset") and told.runtime == "go":
        yield Clue(
            weight=0.7, because="an open connection was reset without a word", seen=told.errors
        )
    if told.saw("reset") and told.speaks("redis-cli"):
        yield Clue(
            weight=0.9, because="a plain command-line client is reset at once", seen=told.errors
        )
