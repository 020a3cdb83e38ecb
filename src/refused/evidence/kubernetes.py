"""What a Kubernetes cluster, or the manifests that are meant for one, say of a client's way out.

These facts hold wherever one stands, so their vantage is ``control-plane``. Whether the walk was made
inside the workload is another question, which :mod:`refused.evidence.kubernetes_mesh` answers. What a
field of a manifest means is the judges' business; here it is brought to one shape. ``None`` means that
nothing was said. The source of a fact from a manifest is ``file:line``, that of one from a cluster the
path of the API that was read.

Only what bears on connections is kept: no environment variable's value but a number of connections, no
secret, and of a config map only what the mesh and the cluster's DNS are told.

The module keeps to Python 3.8 and the standard library: bundles are judged anywhere.
"""

from __future__ import annotations

from refused.evidence.observations import Observation
from refused.evidence.record import Record, nested

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Literal, Tuple, Type

    from refused.evidence.bundle import Evidence

    Mesh = Literal["istio", "istio-ambient", "linkerd", "consul", "cilium", "dapr"]
    WorkloadRole = Literal["client", "server"]
    PolicyFlavour = Literal["kubernetes", "cilium", "cilium-cluster"]


# --- who is meant --------------------------------------------------------------------------------


@nested
class LabelTest(Record):
    """One expression of a selector; *operator* is ``In``, ``NotIn``, ``Exists`` or ``DoesNotExist``."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


@nested
class Selector(Record):
    """Whom a selector means: all labels and all tests must hold; an empty one means everybody."""

    labels: tuple[tuple[str, str], ...] = ()
    tests: tuple[LabelTest, ...] = ()


class KubernetesNamespace(Observation):
    """A namespace with its labels, by which policies and meshes choose."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()


class KubernetesLook(Observation):
    """What was read, so that what is not among it can be told from what nobody looked for.

    Attributes:
        means: ``manifests``, in which something may be missing that the cluster has, or ``cluster``.
        kinds: Kinds of which all that bear on the client were read.
        objects: How many objects there were.
        context: The context of the user's configuration that was used, ``""`` for its own choice.
    """

    means: str
    kinds: tuple[str, ...] = ()
    objects: int = 0
    context: str = ""


# --- workloads and their sidecars ------------------------------------------------------------------


@nested
class Sidecar(Record):
    """The proxy of one mesh in a pod, and which connections it is told to take.

    Attributes:
        present: Whether it is there; ``None`` where what was read does not tell.
        said: What shows it, or what it hangs on.
        excluded_ports, included_ports: ``(first, last)``; the latter are taken whatever the address.
        excluded_blocks: Prefixes that are left alone.
        included_blocks: Prefixes that are taken; ``None`` is the mesh's own rule, which is all.
        opaque_ports: Ports that are passed through unread; ``None`` is the mesh's own list.
        holds_application: Whether the application waits until the proxy is ready.
        captures: Whether connections are redirected to it at all; Dapr's applications call it themselves.
        garbled: Annotations whose value is not what the mesh reads, as ``name: value``.
        has_config: Whether the pod sets more of the proxy, in an annotation that a patch would replace.
    """

    mesh: Mesh
    present: bool | None
    said: str
    excluded_ports: tuple[tuple[int, int], ...] = ()
    included_ports: tuple[tuple[int, int], ...] = ()
    excluded_blocks: tuple[str, ...] = ()
    included_blocks: tuple[str, ...] | None = None
    opaque_ports: tuple[tuple[int, int], ...] | None = None
    holds_application: bool | None = None
    captures: bool = True
    garbled: tuple[str, ...] = ()
    has_config: bool = False


@nested
class ContainerProbe(Record):
    """A probe of the kubelet: one that fails *failures* times ends the container, or takes it out of service.

    Attributes:
        purpose: ``liveness``, ``readiness`` or ``startup``.
        how: The command, the path or the port that it tries.
        names_cache: Whether what it tries names Redis, a cache, or the target.
    """

    container: str
    purpose: str
    how: str
    names_cache: bool
    period_s: int = 10
    timeout_s: int = 1
    failures: int = 3


class KubernetesWorkload(Observation):
    """The pods of a Deployment or its like, as its template makes them, or as they run.

    Attributes:
        role: ``client``: the application that fails; ``server``: what the target's name leads to.
        chosen: Why it is taken for that.
        labels: The pods' labels.
        template: Where the pods' metadata stand in the object, as a path with dots; ``""`` is a pod itself.
        replicas: How many pods are wanted.
        named_ports: ``(name, number)`` of the containers' ports.
        sidecars: The meshes that bear on its pods.
        nameservers, searches, ndots: What the pods' resolver is told beside or instead of the cluster's.
        host_aliases: ``(address, name)`` lines that are put into the pods' hosts file.
        run_as_user: The user id that the containers run under, where they all share it.
        pool_sizes: ``(variable, number)`` of environment variables that size a pool.
        is_running: Whether it was read from running pods and not from a template.
        restarts: How often containers of a running pod were started anew.
        last_end: Why one ended last, as ``app: Error (137)``.
    """

    namespace: str
    kind: str
    name: str
    role: WorkloadRole
    chosen: str
    labels: tuple[tuple[str, str], ...] = ()
    template: str = "spec.template"
    replicas: int | None = None
    containers: tuple[str, ...] = ()
    named_ports: tuple[tuple[str, int], ...] = ()
    sidecars: tuple[Sidecar, ...] = ()
    probes: tuple[ContainerProbe, ...] = ()
    dns_policy: str | None = None
    nameservers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    ndots: int | None = None
    host_aliases: tuple[tuple[str, str], ...] = ()
    host_network: bool = False
    run_as_user: int | None = None
    pool_sizes: tuple[tuple[str, int], ...] = ()
    is_running: bool = False
    restarts: int | None = None
    last_end: str = ""

    @property
    def title(self) -> str:
        """As people name it: ``shop/deployment/cart``."""
        return f"{self.namespace}/{self.kind.lower()}/{self.name}"


class KubernetesService(Observation):
    """A service of the cluster that bears the target's name.

    Attributes:
        ports: ``(port, name or number at the pods)``.
    """

    namespace: str
    name: str
    selects: tuple[tuple[str, str], ...] = ()
    ports: tuple[tuple[int, str], ...] = ()
    cluster_ip: str | None = None
    external_name: str | None = None


# --- policies ----------------------------------------------------------------------------------


@nested
class PolicyPort(Record):
    """Ports that a rule speaks of.

    Attributes:
        protocol: ``TCP``, ``UDP``, ``SCTP`` or ``ANY``.
        first, last: The ports; ``None`` is every port.
        name: The name of a port of the pods at the other end, instead of a number.
    """

    protocol: str
    first: int | None = None
    last: int | None = None
    name: str = ""


@nested
class PolicyPeer(Record):
    """Who stands at the other end; one kind of description for each peer.

    Attributes:
        block, excepted: A prefix, less some.
        pods, namespaces: Pods of the cluster, by their labels and their namespace's; without
            *namespaces*, of the policy's own.
        fqdn: A DNS name, ``*`` for a part of it (Cilium).
        entity: A word for many (Cilium): ``world``, ``cluster``, ``kube-apiserver`` …
        other: What we do not read, by name; whether it fits is never guessed.
    """

    block: str = ""
    excepted: tuple[str, ...] = ()
    pods: Selector | None = None
    namespaces: Selector | None = None
    fqdn: str = ""
    entity: str = ""
    other: str = ""


@nested
class PolicyRule(Record):
    """One rule: some peers, on some ports.

    Attributes:
        any_peer: Whether it speaks of everybody; *peers* is empty then.
        ports: Empty for every port.
        denies: Whether it denies; such rules come before all that allow.
        dns_names: Names that the DNS proxy lets through, and learns the addresses of (Cilium).
        reads: What else of the application's words it looks at, such as ``http``; ``""`` for nothing.
    """

    peers: tuple[PolicyPeer, ...] = ()
    any_peer: bool = False
    ports: tuple[PolicyPort, ...] = ()
    denies: bool = False
    dns_names: tuple[str, ...] = ()
    reads: str = ""


class KubernetesPolicy(Observation):
    """A NetworkPolicy, a CiliumNetworkPolicy or a CiliumClusterwideNetworkPolicy, of outbound traffic.

    Attributes:
        namespace: Its own; ``""`` for a cluster-wide one.
        isolates: Whether it denies to its pods whatever no rule of any policy allows.
    """

    flavour: PolicyFlavour
    namespace: str
    name: str
    selects: Selector
    isolates: bool
    rules: tuple[PolicyRule, ...] = ()


# --- istio and linkerd ---------------------------------------------------------------------------


class MeshSettings(Observation):
    """What a mesh is told as a whole.

    Attributes:
        root_namespace: Where objects that hold for the whole mesh stand.
        outbound: ``ALLOW_ANY`` or ``REGISTRY_ONLY``; ``None`` where it is the mesh's own rule (ALLOW_ANY).
        holds_application: Whether applications wait until their proxy is ready.
        export_services: To whom service entries show themselves unless they say otherwise.
    """

    mesh: Mesh
    root_namespace: str = "istio-system"
    outbound: str | None = None
    holds_application: bool | None = None
    export_services: tuple[str, ...] = ()


class IstioSidecarScope(Observation):
    """An object ``Sidecar``: what the proxies of a namespace, or of some pods, know of the world.

    Attributes:
        hosts: ``namespace/name`` patterns of what they know; ``None`` where it does not say.
        ports: The ports of the listeners that *hosts* stand under, in the same order; 0 is every port.
    """

    namespace: str
    name: str
    selects: tuple[tuple[str, str], ...] = ()
    outbound: str | None = None
    hosts: tuple[str, ...] | None = None
    ports: tuple[int, ...] = ()


@nested
class MeshPort(Record):
    """A port of a service entry."""

    number: int
    protocol: str
    name: str = ""


class IstioServiceEntry(Observation):
    """An object ``ServiceEntry``: a host that the mesh is told of."""

    namespace: str
    name: str
    hosts: tuple[str, ...]
    ports: tuple[MeshPort, ...] = ()
    addresses: tuple[str, ...] = ()
    location: str = ""
    resolution: str = ""
    export_to: tuple[str, ...] = ()


class IstioDestinationRule(Observation):
    """An object ``DestinationRule``, as far as it speaks of TLS.

    Attributes:
        mode: ``DISABLE``, ``SIMPLE``, ``MUTUAL`` or ``ISTIO_MUTUAL``; ``None`` leaves it to the mesh.
        port_modes: The same for single ports.
    """

    namespace: str
    name: str
    host: str
    mode: str | None = None
    port_modes: tuple[tuple[int, str], ...] = ()
    selects: tuple[tuple[str, str], ...] = ()
    export_to: tuple[str, ...] = ()


class IstioPeerAuthentication(Observation):
    """An object ``PeerAuthentication``: whether pods demand the mesh's own TLS of whoever calls them."""

    namespace: str
    name: str
    mode: str | None = None
    port_modes: tuple[tuple[int, str], ...] = ()
    selects: tuple[tuple[str, str], ...] = ()


class LinkerdEgress(Observation):
    """An object ``EgressNetwork``: whether pods may leave the cluster.

    Attributes:
        policy: ``Allow`` or ``Deny``, for what no route names.
        blocks: The prefixes that it speaks of, ``(prefix, except, …)``; none are all outside the cluster.
        routes: ``(kind, name, host names, ports)`` of the TLS and TCP routes that lead out through it.
    """

    namespace: str
    name: str
    policy: str
    blocks: tuple[tuple[str, ...], ...] = ()
    routes: tuple[tuple[str, str, tuple[str, ...], tuple[int, ...]], ...] = ()


# --- names -----------------------------------------------------------------------------------------


@nested
class DnsZoneRule(Record):
    """One block of CoreDNS's configuration: what is done with questions of these zones.

    Attributes:
        zones: The zones, ``.`` for all.
        forwards: To whom they are sent; ``/etc/resolv.conf`` is the node's own resolver.
        hosts: ``(address, name)`` that it answers itself.
        falls_through: Whether names that *hosts* lacks are asked elsewhere.
        rewrites: ``(from, to)`` of names that are asked under another.
        refuses: Answer code that a template gives to every question; ``""`` where there is none.
    """

    zones: tuple[str, ...]
    forwards: tuple[str, ...] = ()
    hosts: tuple[tuple[str, str], ...] = ()
    falls_through: bool = False
    rewrites: tuple[tuple[str, str], ...] = ()
    refuses: str = ""


class ClusterDns(Observation):
    """The cluster's DNS: CoreDNS as configured, and how much of it is up.

    Attributes:
        ready: Pods of it that are ready; ``None`` where nobody counted.
    """

    rules: tuple[DnsZoneRule, ...] = ()
    ready: int | None = None
    wanted: int | None = None


# --- asking -----------------------------------------------------------------------------------------

# Of which kinds a judge asks who looks at the mesh, and who looks at policies. What they come to is worked
# out in modules that are loaded only where there is a workload: most who diagnose have no cluster.
MESH_KINDS = (
    IstioDestinationRule,
    IstioPeerAuthentication,
    IstioServiceEntry,
    IstioSidecarScope,
    KubernetesLook,
    KubernetesService,
    KubernetesWorkload,
    LinkerdEgress,
    MeshSettings,
)
POLICY_KINDS = (KubernetesNamespace, KubernetesPolicy, KubernetesService, KubernetesWorkload)


def has_client(evidence: Evidence, kinds: Iterable[Type[Observation]]) -> bool:
    """Ask for all of *kinds*, and say whether a workload was read that may be the client."""
    for kind in kinds:
        evidence.all(kind)
    return any(each.role == "client" for each in evidence.look(KubernetesWorkload))


def clients(workloads: Iterable[KubernetesWorkload]) -> Tuple[KubernetesWorkload, ...]:
    """Return the workloads that may be the client; of one that was seen to run, not its template as well."""
    there = tuple(workloads)
    running = {(each.namespace, each.name) for each in there if each.is_running}
    return tuple(
        each
        for each in there
        if each.role == "client" and (each.is_running or (each.namespace, each.name) not in running)
    )
