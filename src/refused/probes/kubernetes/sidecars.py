"""Which sidecars bear on a pod, and what they are told to take.

Sources:
    https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/
    https://istio.io/latest/docs/reference/config/annotations/
    https://istio.io/latest/docs/ambient/usage/add-workloads/
    https://linkerd.io/2/reference/proxy-configuration/
    https://developer.hashicorp.com/consul/docs/k8s/annotations-and-labels
    https://docs.dapr.io/reference/arguments-annotations-overview/
"""

from __future__ import annotations

from refused.evidence.kubernetes import Sidecar
from refused.evidence.redaction import redact
from refused.probes.kubernetes.objects import at, ranges, rows, text, truth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

EVERYTHING = ("*",)
# Containers by which an injected sidecar is known.
_CONTAINERS = {
    "istio": ("istio-proxy",),
    "linkerd": ("linkerd-proxy",),
    "consul": ("consul-dataplane", "envoy-sidecar"),
    "dapr": ("daprd",),
}


class Around:
    """What is known around a pod.

    Attributes:
        namespace: Its name.
        labels, annotations: Of the namespace; ``None`` where that was not read.
        has_istio: Whether anything that was read speaks of Istio.
        defaults: What the mesh as a whole is told: ``excludeOutboundPorts``, ``holds`` and so on.
        revisions: Tags of Istio that stand for a revision and inject; empty where none were read.
    """

    __slots__ = ("namespace", "labels", "annotations", "has_istio", "defaults")

    def __init__(
        self,
        namespace: str,
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
        *,
        has_istio: bool = False,
        defaults: Mapping[str, Any] | None = None,
    ) -> None:
        self.namespace, self.labels, self.annotations = namespace, labels, annotations
        self.has_istio = has_istio
        self.defaults: Mapping[str, Any] = defaults or {}


class Pod:
    """A pod, as a template makes it or as it runs."""

    __slots__ = ("labels", "annotations", "spec", "is_running")

    def __init__(
        self,
        labels: Mapping[str, str],
        annotations: Mapping[str, str],
        spec: Mapping[str, Any],
        *,
        is_running: bool,
    ) -> None:
        self.labels, self.annotations, self.spec = labels, annotations, spec
        self.is_running = is_running

    def container(self, mesh: str) -> Mapping[str, Any] | None:
        """Return the sidecar's container; it may be an init container that keeps running."""
        for each in (*rows(self.spec.get("containers")), *rows(self.spec.get("initContainers"))):
            if text(each.get("name")) in _CONTAINERS[mesh]:
                return each
        return None

    def is_native(self, mesh: str) -> bool:
        """Whether the sidecar is an init container, which is ready before the application starts."""
        return any(
            text(each.get("name")) in _CONTAINERS[mesh]
            for each in rows(self.spec.get("initContainers"))
        )


def sidecars(pod: Pod, around: Around) -> tuple[Sidecar, ...]:
    """Return the meshes that bear on *pod*; none where nothing speaks of any."""
    return tuple(
        each
        for each in (
            *_istio(pod, around),
            *_ambient(pod, around),
            *_linkerd(pod, around),
            *_consul(pod, around),
            *_dapr(pod, around),
        )
    )


# --- istio ---------------------------------------------------------------------------------------


def _istio(pod: Pod, around: Around) -> Iterator[Sidecar]:
    present, said = _istio_injected(pod, around)
    if present is None and not said:
        return
    notes, garbled = pod.annotations, []

    def ports(name: str, default: str = "") -> tuple[tuple[int, int], ...]:
        value = notes.get(name)
        found, is_whole = ranges(default if value is None else value)
        # Istio's annotation takes single ports alone.
        if not is_whole or (value is not None and any(low != high for low, high in found)):
            garbled.append(f"{name}: {redact(notes.get(name, default))[:80]}")
            found = tuple(each for each in found if each[0] == each[1])
        return found

    def blocks(name: str, default: Any = None) -> tuple[str, ...] | None:
        value = notes.get(name, default)
        return None if value is None else _split(value)

    prefix, defaults = "traffic.sidecar.istio.io/", around.defaults
    excluded = ports(f"{prefix}excludeOutboundPorts", text(defaults.get("excludeOutboundPorts")))
    included = ports(f"{prefix}includeOutboundPorts", text(defaults.get("includeOutboundPorts")))
    included_blocks = blocks(f"{prefix}includeOutboundIPRanges", defaults.get("includeIPRanges"))
    yield Sidecar(
        mesh="istio",
        present=present,
        said=said,
        excluded_ports=excluded,
        included_ports=included,
        excluded_blocks=blocks(f"{prefix}excludeOutboundIPRanges", defaults.get("excludeIPRanges"))
        or (),
        included_blocks=None if included_blocks in (None, EVERYTHING) else included_blocks,
        holds_application=pod.is_native("istio") or _holds(notes, defaults),
        captures=notes.get("sidecar.istio.io/interceptionMode", "").upper() != "NONE",
        garbled=tuple(garbled),
        has_config="proxy.istio.io/config" in notes,
    )


def _istio_injected(pod: Pod, around: Around) -> tuple[bool | None, str]:
    """Say whether Istio's proxy is in the pod, and what shows it; no words where nothing speaks of it."""
    container = pod.container("istio")
    if container is not None:
        return True, f"the pod has the container {text(container.get('name'))}"
    name = "sidecar.istio.io/inject"
    speaks = around.has_istio or any("istio.io/" in key for key in (*pod.labels, *pod.annotations))
    labels = around.labels or {}
    speaks = speaks or any(
        key == "istio-injection" or key.startswith("istio.io/") for key in labels
    )
    if pod.is_running:
        return (False, "the running pod has no container istio-proxy") if speaks else (None, "")
    if pod.spec.get("hostNetwork") is True:
        return (False, "pods on the host's network get no sidecar") if speaks else (None, "")
    if labels.get("istio-injection") == "disabled":
        return False, f"the namespace {around.namespace} has the label istio-injection: disabled"
    own = truth(pod.labels.get(name, pod.annotations.get(name)))
    if own is False:
        return False, f"the pod says {name}: false"
    if labels.get("istio-injection") == "enabled":
        return True, f"the namespace {around.namespace} has the label istio-injection: enabled"
    if own is True:
        return True, f"the pod says {name}: true"
    revision = labels.get("istio.io/rev") or pod.labels.get("istio.io/rev")
    if revision:
        whose = f"the namespace {around.namespace}" if labels.get("istio.io/rev") else "the pod"
        return True, f"{whose} has the label istio.io/rev: {revision}"
    if not speaks:
        return None, ""
    if around.labels is None:
        return None, f"whether it is injected hangs on labels of the namespace {around.namespace}"
    return False, f"neither the pod nor the namespace {around.namespace} asks for injection"


def _holds(notes: Mapping[str, str], defaults: Mapping[str, Any]) -> bool | None:
    config = notes.get("proxy.istio.io/config")
    own = truth(at(_yaml(config), "holdApplicationUntilProxyStarts")) if config else None
    return own if own is not None else truth(defaults.get("holds"))


def _ambient(pod: Pod, around: Around) -> Iterator[Sidecar]:
    name = "istio.io/dataplane-mode"
    own, labels = pod.labels.get(name), around.labels or {}
    mode = own or labels.get(name)
    if mode is None:
        return
    whose = "the pod" if own else f"the namespace {around.namespace}"
    # A pod that has a sidecar is left to it.
    yield Sidecar(
        mesh="istio-ambient",
        present=mode == "ambient" and pod.container("istio") is None,
        said=f"{whose} has the label {name}: {mode}",
        holds_application=True,
    )


# --- the others ------------------------------------------------------------------------------------


def _linkerd(pod: Pod, around: Around) -> Iterator[Sidecar]:
    outer = around.annotations or {}
    wish = pod.annotations.get("linkerd.io/inject") or outer.get("linkerd.io/inject")
    container = pod.container("linkerd")
    if container is None and wish is None:
        return
    if container is not None:
        present, said = True, f"the pod has the container {text(container.get('name'))}"
    elif pod.is_running:
        present, said = False, "the running pod has no container linkerd-proxy"
    else:
        whose = (
            "the pod"
            if "linkerd.io/inject" in pod.annotations
            else f"the namespace {around.namespace}"
        )
        present = wish in ("enabled", "ingress")
        said = f"{whose} has the annotation linkerd.io/inject: {wish}"
    garbled: list[str] = []

    def note(name: str) -> str | None:
        return pod.annotations.get(f"config.linkerd.io/{name}") or outer.get(
            f"config.linkerd.io/{name}"
        )

    def ports(name: str) -> tuple[tuple[int, int], ...]:
        found, is_whole = ranges(note(name) or "")
        if not is_whole:
            garbled.append(f"config.linkerd.io/{name}: {redact(note(name) or '')[:80]}")
        return found

    opaque = ports("opaque-ports")
    yield Sidecar(
        mesh="linkerd",
        present=present,
        said=said,
        excluded_ports=ports("skip-outbound-ports"),
        excluded_blocks=_split(note("skip-subnets") or ""),
        opaque_ports=None if note("opaque-ports") is None else opaque,
        holds_application=note("proxy-await") != "disabled",
        garbled=tuple(garbled),
    )


def _consul(pod: Pod, around: Around) -> Iterator[Sidecar]:
    prefix = "consul.hashicorp.com/"
    wish = truth(pod.annotations.get(f"{prefix}connect-inject"))
    container = pod.container("consul")
    if container is None and wish is None:
        return
    present = True if container is not None else (False if pod.is_running else wish)
    said = f"the pod has the annotation {prefix}connect-inject: {pod.annotations.get(f'{prefix}connect-inject')}"
    if container is not None:
        said = f"the pod has the container {text(container.get('name'))}"
    value = pod.annotations.get(f"{prefix}transparent-proxy-exclude-outbound-ports", "")
    excluded, is_whole = ranges(value)
    garbled = (
        ()
        if is_whole
        else (f"{prefix}transparent-proxy-exclude-outbound-ports: {redact(value)[:80]}",)
    )
    transparent = truth(
        pod.annotations.get(
            f"{prefix}transparent-proxy", (around.labels or {}).get(f"{prefix}transparent-proxy")
        )
    )
    yield Sidecar(
        mesh="consul",
        present=present,
        said=said,
        excluded_ports=excluded,
        excluded_blocks=_split(
            pod.annotations.get(f"{prefix}transparent-proxy-exclude-outbound-cidrs", "")
        ),
        captures=transparent is not False,
        garbled=garbled,
    )


def _dapr(pod: Pod, around: Around) -> Iterator[Sidecar]:  # noqa: ARG001 - as the others
    container = pod.container("dapr")
    wish = truth(pod.annotations.get("dapr.io/enabled"))
    if container is None and not wish:
        return
    # Dapr's application speaks to its sidecar, which dials Redis itself; nothing is redirected.
    yield Sidecar(
        mesh="dapr",
        present=True,
        said="the pod has the container daprd"
        if container
        else "the pod has the annotation dapr.io/enabled",
        captures=False,
    )


def _split(value: Any) -> tuple[str, ...]:
    parts = value if isinstance(value, list) else text(value).split(",")
    return tuple(text(each).strip() for each in parts if text(each).strip())


def _yaml(value: str) -> Any:
    """Read the YAML or JSON that an annotation holds; what is none is as good as not there."""
    from refused.probes.kubernetes.documents import BadManifest, parse

    try:
        found = parse(value, "an annotation")
    except BadManifest:
        return None
    return found[0].data if found else None
