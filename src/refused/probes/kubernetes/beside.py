"""Whether a cluster or its manifests are read beside the walk.

Manifests are read at once, so that a mistake in them is said before anything is dialled. The cluster is
asked where a pod is a vantage point, or a workload or a context was named without manifests.
"""

from __future__ import annotations

import time

from refused.probes.gather import side
from refused.probes.kubernetes.workloads import BadWorkload, Named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from refused.evidence.bundle import Fact
    from refused.probes.gather import Side
    from refused.probes.stopwatch import Deadline

# The cluster is a third party: it is given so long beside the time limit of the walk, and no longer.
_GRACE_S = 3.0


class Wanted:
    """The user's options that concern Kubernetes.

    Attributes:
        manifests: Files and folders, ``-`` for standard input.
        workload: ``namespace/kind/name`` of the client.
        context: The context of the user's configuration.
        vantages: The places that are walked from, among which a pod names its workload.
    """

    __slots__ = ("manifests", "workload", "context", "vantages")

    def __init__(
        self,
        *,
        manifests: Sequence[str] = (),
        workload: str | None = None,
        context: str | None = None,
        vantages: Sequence[str] = (),
    ) -> None:
        self.manifests, self.workload, self.context = tuple(manifests), workload, context
        self.vantages = tuple(vantages)

    @property
    def pod(self) -> tuple[str, str, str] | None:
        """The pod or workload that is walked from: namespace, kind, name."""
        for vantage in self.vantages:
            word = vantage.strip()
            if not word.lower().startswith("k8s:"):
                continue
            parts = word[len("k8s:") :].split("/")
            if len(parts) >= 3 and parts[1].lower() in _WORKLOADS:
                return parts[0], parts[1], parts[2]
            if len(parts) >= 2:
                return parts[0], "pod", parts[1]
        return None

    def __bool__(self) -> bool:
        return bool(self.manifests or self.workload or self.context or self.pod)


_WORKLOADS = frozenset({"deployment", "deploy", "statefulset", "sts", "daemonset", "ds"})


class Look:
    """A look at manifests, and at the cluster beside the walk; it begins at once."""

    def __init__(self, wanted: Wanted, host: str, deadline: Deadline) -> None:
        """Read the manifests.

        Raises:
            BadManifest: One cannot be read.
            BadWorkload: The workload that the user names is none, or not in the manifests.
        """
        self._wanted, self._host, self._deadline = wanted, host, deadline
        self._named = Named(wanted.workload) if wanted.workload else None
        self._facts: list[Fact] = []
        self._live: list[Fact] = []
        self._job: Side | None = None
        if wanted.manifests:
            self._facts += self._from_manifests()
        if self.asks_cluster:
            self._job = side(self._from_cluster)

    @property
    def asks_cluster(self) -> bool:
        """Whether the cluster is asked."""
        wanted = self._wanted
        if wanted.context or wanted.pod:
            return True
        return bool(wanted.workload and not wanted.manifests)

    def end(self) -> tuple[Fact, ...]:
        """Return what was read, waiting for the cluster within the time that is left and a little more."""
        if self._job is not None:
            self._job.join(self._deadline.left() + _GRACE_S)
            if self._job.failure is not None:
                raise self._job.failure
            if self._job.is_alive():
                from refused.evidence.observations import Unseen
                from refused.probes.kubernetes.objects import VANTAGE

                late = Unseen(
                    vantage=VANTAGE,
                    what="the cluster",
                    why="kubectl did not answer in time",
                    how_to_see="give more time with --timeout, or the manifests with --manifest",
                )
                return (*self._facts, late)
        return (*self._facts, *self._live)

    def _from_manifests(self) -> list[Fact]:
        from refused.probes.kubernetes.documents import read
        from refused.probes.kubernetes.facts import Stamp, facts_of
        from refused.probes.kubernetes.objects import flatten

        started = time.monotonic()
        documents, gaps = read(self._wanted.manifests)
        pod = self._wanted.pod
        home = self._named.namespace if self._named else pod[0] if pod else "default"
        objects = list(flatten(documents, home))
        stamp = Stamp(time.time(), (time.monotonic() - started) * 1000)
        try:
            named = self._named or (Named("/".join(pod)) if pod and pod[1] != "pod" else None)
            found = facts_of(objects, self._host, named=named, stamp=stamp)
        except BadWorkload:
            # One that the user only walks from need not be among the manifests.
            if self._named is not None:
                raise
            found = facts_of(objects, self._host, named=None, stamp=stamp)
        return [*found, *gaps]

    def _from_cluster(self) -> None:
        from refused.probes.kubernetes.cluster import look

        named = self._named
        pod = (named.namespace, named.kind.lower(), named.name) if named else self._wanted.pod
        self._live += look(
            pod, self._host, context=self._wanted.context or "", deadline=self._deadline
        )
