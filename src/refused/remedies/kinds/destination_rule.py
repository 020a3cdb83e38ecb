"""Let the proxy add no TLS to a connection that the client has already wrapped in TLS.

The client's own TLS, to the cache itself, stays; it is the second one that goes.

Source: https://istio.io/latest/docs/reference/config/networking/destination-rule/#ClientTLSSettings
"""

from __future__ import annotations

from json import dumps, loads

from refused.evidence.kubernetes import IstioDestinationRule
from refused.evidence.kubernetes_faults import mesh_faults
from refused.remedies.change import Change, Missing, Setting
from refused.remedies.kubernetes import kubectl_patch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from refused.evidence.bundle import Evidence

ENDS = ("service-mesh-intercept",)
RANK = 6


def propose(cause: str, evidence: Evidence) -> Iterator[Change | Missing]:
    """Propose to take the TLS settings out of the rule that adds them."""
    target = evidence.target
    if target is None:
        return
    rules = {(each.namespace, each.name): each for each in evidence.all(IstioDestinationRule)}
    proposed = set()
    for fault in mesh_faults(evidence):
        rule = rules.get(fault.subject)
        if fault.kind not in ("double-tls", "foreign-mtls") or rule is None or rule in proposed:
            continue
        proposed.add(rule)
        if not target.tls:
            yield Missing(
                kind="destination-rule",
                cause=cause,
                what=f"the destination rule {rule.namespace}/{rule.name} with TLS to the cache itself",
                needs="whose certificate the proxy is to trust there",
                how="set mode SIMPLE with sni and the cache's host, or let the client speak TLS",
            )
            continue
        how, patch, before = _patch(rule, target.port)
        yield Change(
            kind="destination-rule",
            cause=cause,
            title=f"add no second TLS on port {target.port} by the destination rule {rule.namespace}/{rule.name}",
            where="kubernetes",
            settings=(Setting(name=f"TLS that {rule.name} adds", before=before, after=None),),
            facts=(
                ("how", how),
                ("body", dumps(patch)),
                ("namespace", rule.namespace),
                ("resource", "destinationrules.networking.istio.io"),
                ("name", rule.name),
            ),
            why=f"{fault.said}; the client's own TLS to the cache stays as it is",
            affects=f"every pod that speaks to {rule.host} by this rule; one that relies on the proxy's TLS must speak its own",
            interruption="none; connections that are open stay",
            proof="from inside the pod TLS completes with the cache's own certificate, and PING is answered",
            hop="resp",
            undo_says=f"set the mode back to {before}",
        )


def _patch(rule: IstioDestinationRule, port: int) -> tuple[str, Any, str]:
    for place, (number, mode) in enumerate(rule.port_modes):
        if number == port:
            path = f"/spec/trafficPolicy/portLevelSettings/{place}"
            return (
                "json",
                [
                    {"op": "test", "path": f"{path}/port/number", "value": port},
                    {"op": "remove", "path": f"{path}/tls"},
                ],
                mode,
            )
    return "merge", {"spec": {"trafficPolicy": {"tls": None}}}, rule.mode or ""


def render(change: Change) -> dict[str, str]:
    """Say it as a patch."""
    return {"kubectl": kubectl_patch(change, loads(change.fact("body")), kind=change.fact("how"))}
