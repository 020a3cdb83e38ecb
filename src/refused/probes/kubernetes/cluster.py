"""Ask a cluster's API what bears on the client, by the user's own ``kubectl``, reading alone.

``kubectl get --raw`` brings the user's context, certificates, proxies and login plugins, needs no
library of ours, and sends one GET for each path: what is denied is denied for exactly one verb and
resource, and said so. Secrets are never among what is read.

Sources:
    https://kubernetes.io/docs/reference/using-api/api-concepts/
    https://kubernetes.io/docs/reference/kubectl/generated/kubectl_get/
"""

from __future__ import annotations

import subprocess
import time
from json import loads

from refused.evidence.observations import Unseen
from refused.evidence.redaction import redact
from refused.probes.gather import side
from refused.probes.kubernetes.documents import Document
from refused.probes.kubernetes.facts import Stamp, facts_of, service_name
from refused.probes.kubernetes.objects import VANTAGE, Object, at, flatten, pairs, rows, table, text
from refused.probes.kubernetes.workloads import SHORT, BadWorkload, Named, pod_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from refused.evidence.bundle import Fact
    from refused.probes.stopwatch import Deadline

# How long one answer may take beside the time limit: a login plugin may have to fetch a token first.
REACH_S = 10.0
LARGEST_BYTES = 64 << 20
_MOST_STDERR = 8192

# Where the objects of a kind stand. Shape: plural name: (group, kind, whether it lives in a namespace).
_RESOURCES: dict[str, tuple[str, str, bool]] = {
    "namespaces": ("", "Namespace", False),
    "pods": ("", "Pod", True),
    "services": ("", "Service", True),
    "configmaps": ("", "ConfigMap", True),
    "deployments": ("apps", "Deployment", True),
    "statefulsets": ("apps", "StatefulSet", True),
    "daemonsets": ("apps", "DaemonSet", True),
    "replicasets": ("apps", "ReplicaSet", True),
    "jobs": ("batch", "Job", True),
    "cronjobs": ("batch", "CronJob", True),
    "networkpolicies": ("networking.k8s.io", "NetworkPolicy", True),
    "ciliumnetworkpolicies": ("cilium.io", "CiliumNetworkPolicy", True),
    "ciliumclusterwidenetworkpolicies": ("cilium.io", "CiliumClusterwideNetworkPolicy", False),
    "sidecars": ("networking.istio.io", "Sidecar", True),
    "serviceentries": ("networking.istio.io", "ServiceEntry", True),
    "destinationrules": ("networking.istio.io", "DestinationRule", True),
    "peerauthentications": ("security.istio.io", "PeerAuthentication", True),
    "egressnetworks": ("policy.linkerd.io", "EgressNetwork", True),
    "tlsroutes": ("gateway.networking.k8s.io", "TLSRoute", True),
}
_PLURALS = {kind: plural for plural, (_, kind, _) in _RESOURCES.items()}
# What is read of every namespace, because objects of any may bear on the client.
_EVERYWHERE = (
    "sidecars",
    "serviceentries",
    "destinationrules",
    "peerauthentications",
    "egressnetworks",
    "tlsroutes",
)
# Where the meshes keep their settings. Sources: istio.io, learn.microsoft.com/azure/aks/istio-meshconfig.
_ISTIO_ROOTS = ("istio-system", "aks-istio-system")


class Answer:
    """What one read came to.

    Attributes:
        items: The objects.
        gap: Why there are none; ``None`` where they were read, or are known not to exist.
    """

    __slots__ = ("items", "gap")

    def __init__(self, items: Sequence[Object] = (), gap: Unseen | None = None) -> None:
        self.items, self.gap = list(items), gap


def look(
    pod: tuple[str, str, str] | None, host: str, *, context: str, deadline: Deadline
) -> tuple[Fact, ...]:
    """Return what the cluster says of the way from a workload to *host*.

    Args:
        pod: Namespace, kind and name of the workload, or of one pod; ``None`` where nobody named any.
        context: The context of the user's configuration, ``""`` for its own choice.
    """
    return _Look(pod, host.lower().rstrip("."), context, deadline).facts()


class _Look:
    """One look at one cluster."""

    def __init__(
        self, pod: tuple[str, str, str] | None, host: str, context: str, deadline: Deadline
    ) -> None:
        self.pod, self.host, self.context, self.deadline = pod, host, context, deadline
        self.started = time.monotonic()
        self.versions: dict[str, str] = {"": "v1"}
        self.gaps: list[Unseen] = []
        self.kinds: list[str] = []

    def facts(self) -> tuple[Fact, ...]:
        """Read, and return what was read and what could not be."""
        if self.pod is None:
            return (
                self._unseen(
                    "KubernetesWorkload",
                    "no workload was named, so that nobody knows where in the cluster to look",
                    "name it with --workload namespace/kind/name",
                ),
            )
        groups = self.get("/apis", "the API groups")
        if groups.gap is not None:
            return (groups.gap,)
        namespace, word, name = self.pod
        makers = self._makers(namespace, SHORT.get(word.lower(), word), name)
        if not makers:
            return tuple(self.gaps)
        objects = [*makers, *self._around(namespace)]
        stamp = Stamp(time.time(), (time.monotonic() - self.started) * 1000)
        first = makers[0]
        try:
            named = Named(f"{namespace}/{first.kind.lower()}/{first.name}")
            found = facts_of(
                objects,
                self.host,
                named=named,
                stamp=stamp,
                kinds=self.kinds,
                context=self.context,
                means="cluster",
            )
        except BadWorkload as wrong:
            self.gaps.append(self._unseen("KubernetesWorkload", str(wrong), ""))
            found = []
        return (*found, *self.gaps)

    # --- what is read --------------------------------------------------------------------------

    def _makers(self, namespace: str, kind: str, name: str) -> list[Object]:
        """Return the workload with what its pods really run, or the pod."""
        plural = _PLURALS.get(kind)
        if plural is None:
            why = f"objects of the kind {kind} are not read"
            self.gaps.append(
                self._unseen("KubernetesWorkload", why, "give its manifest with --manifest")
            )
            return []
        own = self.read(plural, namespace, name)
        if own.gap is not None:
            self.gaps.append(own.gap)
            return []
        if not own.items:
            why = f"there is no {kind.lower()} {name} in the namespace {namespace}"
            self.gaps.append(
                self._unseen("KubernetesWorkload", why, f"kubectl get {plural} -n {namespace}")
            )
            return []
        if kind == "Pod":
            maker = self._maker_of(own.items[0])
            return [own.items[0] if maker is None else _as_it_runs(maker, own.items[0])]
        made = pod_of(own.items[0])
        labels = own.items[0].spec.get("selector")
        wanted = pairs(table(labels).get("matchLabels") or labels)
        if made is None or not wanted:
            return own.items
        chosen = ",".join(f"{key}={value}" for key, value in wanted)
        pods = self.read("pods", namespace, query=f"?labelSelector={_quoted(chosen)}&limit=20")
        if pods.gap is not None:
            self.gaps.append(pods.gap)
        running = [
            each for each in pods.items if text(at(each.data, "status", "phase")) == "Running"
        ]
        return [_as_it_runs(own.items[0], running[0])] if running else own.items

    def _maker_of(self, pod: Object) -> Object | None:
        """Return the workload that made a pod, by its owners; ``None`` where it has none that can be read."""
        item, found = pod, None
        for _ in range(3):
            owners = rows(at(item.data, "metadata", "ownerReferences"))
            owner = next((each for each in owners if each.get("controller") is True), None)
            plural = _PLURALS.get(text(owner.get("kind"))) if owner is not None else None
            if owner is None or plural is None:
                break
            answer = self.read(plural, pod.namespace, text(owner.get("name")))
            if answer.gap is not None:
                self.gaps.append(answer.gap)
            if not answer.items:
                break
            item = found = answer.items[0]
        return found

    def _around(self, namespace: str) -> list[Object]:
        wanted: list[tuple[str, str, str]] = [
            ("namespaces", "", ""),
            ("networkpolicies", namespace, ""),
            ("configmaps", "kube-system", "coredns"),
            ("configmaps", "kube-system", "coredns-custom"),
            ("deployments", "kube-system", "coredns"),
        ]
        if "cilium.io" in self.versions:
            wanted += [
                ("ciliumnetworkpolicies", namespace, ""),
                ("ciliumclusterwidenetworkpolicies", "", ""),
            ]
        wanted += [(each, "", "") for each in _EVERYWHERE if _RESOURCES[each][0] in self.versions]
        if "networking.istio.io" in self.versions:
            wanted += [("configmaps", root, "") for root in _ISTIO_ROOTS]
        service = service_name(self.host, namespace)
        if service is not None:
            wanted += [("services", service[1], service[0])]
            wanted += [(each, service[1], "") for each in ("deployments", "statefulsets")]
        answers: dict[int, Answer] = {}

        def fetch(place: int) -> None:
            answers[place] = self.read(*wanted[place])

        jobs = [side(fetch, place) for place in range(len(wanted))]
        for job in jobs:
            job.join()
            if job.failure is not None:
                raise job.failure
        found: list[Object] = []
        for place, (plural, _, _) in enumerate(wanted):
            answer = answers[place]
            if answer.gap is not None:
                self.gaps.append(answer.gap)
                found += self._nearer(plural, namespace)
            else:
                self.kinds.append(_RESOURCES[plural][1])
                found += answer.items
        return found

    def _nearer(self, plural: str, namespace: str) -> list[Object]:
        """Return what may be read of a kind near the client, where reading all of it is denied."""
        if plural == "namespaces":
            return self.read(plural, "", namespace).items
        if plural not in _EVERYWHERE:
            return []
        roots = _ISTIO_ROOTS if plural != "egressnetworks" else ("linkerd-egress",)
        return [each for home in (namespace, *roots) for each in self.read(plural, home).items]

    # --- one read ------------------------------------------------------------------------------

    def read(self, plural: str, namespace: str, name: str = "", query: str = "") -> Answer:
        """Read one object by name, or all of a kind; of one namespace, or of all."""
        group, kind, is_inside = _RESOURCES[plural]
        version = self.versions.get(group)
        if version is None:
            return Answer()  # the cluster does not know the kind, so there is none
        base = f"/apis/{group}/{version}" if group else f"/api/{version}"
        where = f"/namespaces/{namespace}" if is_inside and namespace else ""
        path = f"{base}{where}/{plural}{f'/{name}' if name else query}"
        what = f"{kind} {namespace + '/' if namespace else ''}{name}".rstrip("/ ")
        verb = "get" if name else "list"
        resource = f"{plural}.{group}" if group else plural
        scope = (
            f" in the namespace {namespace}" if where else " in all namespaces" if is_inside else ""
        )
        return self.get(path, what, needs=f"{verb} {resource}{scope}", kind=kind)

    def get(self, path: str, what: str, *, needs: str = "", kind: str = "") -> Answer:
        """Send one GET."""
        chosen = ["--context", self.context] if self.context else []
        wait_s = self.deadline.left() + REACH_S
        command = [
            "kubectl",
            *chosen,
            f"--request-timeout={max(1, int(wait_s))}s",
            "get",
            "--raw",
            path,
        ]
        try:
            done = subprocess.run(  # noqa: S603 - the user's own program, and no word of a stranger's in it
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=wait_s + 1,
            )
        except FileNotFoundError:
            return Answer(
                gap=self._unseen(
                    "the cluster",
                    "kubectl is not installed here",
                    "install kubectl, or give the manifests with --manifest",
                )
            )
        except OSError as gone:
            return Answer(
                gap=self._unseen(
                    "the cluster",
                    f"kubectl cannot be run: {gone.strerror}",
                    "give the manifests with --manifest",
                )
            )
        except subprocess.TimeoutExpired:
            return Answer(
                gap=self._unseen(
                    what, "the cluster did not answer in time", "give more time with --timeout"
                )
            )
        if done.returncode != 0:
            return self._refused(done.stderr[:_MOST_STDERR].decode("utf-8", "replace"), what, needs)
        if len(done.stdout) > LARGEST_BYTES:
            return Answer(gap=self._unseen(what, "the answer is too large to be read", ""))
        try:
            data = loads(done.stdout)
        except (ValueError, RecursionError):
            return Answer(
                gap=self._unseen(what, "the answer is no JSON", f"kubectl get --raw {path}")
            )
        if path == "/apis":
            for group in rows(table(data).get("groups")):
                self.versions[text(group.get("name"))] = text(
                    at(group, "preferredVersion", "version")
                )
            return Answer()
        if kind and "kind" not in table(data):
            data = {**table(data), "kind": kind}
        return Answer(list(flatten([Document(data, path)], "default", is_live=True)))

    def _refused(self, said: str, what: str, needs: str) -> Answer:
        line = next(
            (each for each in reversed(said.splitlines()) if each.strip()), "kubectl said nothing"
        )
        line = redact("".join(letter for letter in line if letter.isprintable()))[:300]
        if "(NotFound)" in said or "could not find the requested resource" in said:
            return Answer()
        if "(Forbidden)" in said:
            verb, _, rest = needs.partition(" ")
            how = (
                f"it needs the right to {verb} {rest}" if needs else "it needs the right to read it"
            )
            return Answer(gap=self._unseen(what, f"the cluster forbids it: {line}", how))
        if "(Unauthorized)" in said or "must be logged in" in said:
            return Answer(
                gap=self._unseen(
                    "the cluster",
                    f"the cluster does not know you: {line}",
                    "log in as for kubectl get pods",
                )
            )
        return Answer(
            gap=self._unseen(
                what if needs else "the cluster",
                line,
                "make this work first: kubectl get --raw /apis",
            )
        )

    def _unseen(self, what: str, why: str, how_to_see: str) -> Unseen:
        return Unseen(vantage=VANTAGE, what=what, why=why, how_to_see=how_to_see)


def _as_it_runs(maker: Object, pod: Object) -> Object:
    """Return a workload with the pod that runs in the place of its template: injection has been at it."""
    running = {key: pod.data.get(key) for key in ("metadata", "spec", "status")}
    spec = {**maker.spec, "template": running}
    return Object({**maker.data, "spec": spec}, pod.source, is_live=True)


def _quoted(value: str) -> str:
    from urllib.parse import quote

    return quote(value, safe="")
