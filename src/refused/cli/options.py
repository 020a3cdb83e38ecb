"""The options that every looking command shares, and their environment twins.

``REFUSED_RESOLVER`` stands for ``--resolver`` and so on; the command line wins.
"""

from __future__ import annotations

from refused.vantage.words import BadOption, seconds, truth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping
    from typing import Any


def looking(parser: ArgumentParser, *, needs_target: bool = True, holds: bool = True) -> None:
    """Declare how to look.

    Args:
        needs_target: Whether the command is nothing without a target.
        holds: Whether a connection may be held idle with ``--for``, a word that the watch needs.
    """
    parser.add_argument(
        "target",
        metavar="TARGET",
        nargs=None if needs_target else "?",
        help="host[:port], redis:// or rediss:// URL, a client's connection string, a cache's name or ARM id, "
        "@bundle.json, lab:SCENARIO",
    )
    parser.add_argument(
        "--from",
        dest="vantages",
        action="append",
        metavar="VANTAGE",
        help="where to look from: here, ssh:[user@]host[:port], k8s:namespace/pod[/container] (or k8s:namespace/deployment/name), docker:name, socks5://host:port, @bundle.json (repeatable; several places are compared)",
    )
    parser.add_argument(
        "--resolver", metavar="IP[:PORT]", help="ask this resolver alone, never the system's"
    )
    parser.add_argument("--ca-file", metavar="FILE", help="trust these CAs instead of the system's")
    parser.add_argument(
        "--timeout", metavar="SECONDS", help="answer within this time, in all (default 5)"
    )
    parser.add_argument("--user", help="the user name to log in with")
    parser.add_argument("--auth", choices=("key", "entra", "none"), help="how to log in")
    parser.add_argument(
        "--cluster", action="store_true", default=None, help="the client is cluster-aware"
    )
    parser.add_argument(
        "--deep", action="store_true", default=None, help="slower, heavier looks as well"
    )
    if holds:
        parser.add_argument(
            "--for",
            dest="hold",
            metavar="SECONDS",
            help="keep trying for so long (60, 90s, 5m), and hold a connection idle meanwhile",
        )
    parser.add_argument(
        "--pid", type=int, metavar="PID", help="count the descriptors of this process"
    )
    azure(parser)
    kubernetes(parser)
    parser.add_argument(
        "--scope", choices=("all", "some", "one"), help="who is affected, for the severity"
    )
    parser.add_argument(
        "--save", metavar="BUNDLE", help="keep the evidence in this file, secrets removed"
    )


def sharing(parser: ArgumentParser) -> None:
    """Declare what the clients share on their way out; nothing of it is looked at."""
    group = parser.add_argument_group(
        "how many clients there are", "what they may open is held against what their way out bears"
    )
    for option, said in (
        ("--pods", "pods, instances or hosts that run the client"),
        ("--processes", "processes in each"),
        ("--pool", "connections that each process may open (default: as its settings say)"),
        ("--shards", "nodes of the server that each connects to"),
        ("--nodes", "hosts that share the way out"),
        ("--outbound-ips", "public addresses of the way out"),
        ("--outbound-ports", "ports allocated to each node by hand"),
    ):
        group.add_argument(option, metavar="N", help=said)
    group.add_argument("--outbound", choices=WAYS_OUT, help="the way out")


WAYS_OUT = ("load-balancer", "nat-gateway", "azure-firewall", "app-service", "public-ip")
_FLEET = {
    "pods": "pods",
    "processes": "processes",
    "pool": "pool_size",
    "shards": "shards",
    "nodes": "nodes",
    "outbound_ips": "outbound_addresses",
    "outbound_ports": "ports_per_node",
}
_MOST = 10_000_000


def fleet(options: Namespace) -> dict[str, Any]:
    """Return what was said of the clients, by the fields of ``ClientFleet``; empty for nothing.

    Raises:
        BadOption: A number is none, or out of range.
    """
    said: dict[str, Any] = {}
    for name, field in _FLEET.items():
        text = getattr(options, name)
        if text is None:
            continue
        option = f"--{name.replace('_', '-')}"
        if not (text.isascii() and text.isdigit() and len(text) < 9 and 0 < int(text) <= _MOST):
            raise BadOption(f"{option}: {text[:20]!r} is no number of things; give 1 or more")
        said[field] = int(text)
    if options.outbound is not None:
        said["outbound"] = options.outbound
    return said


def azure(parser: ArgumentParser) -> None:
    """Declare what concerns Azure's control plane."""
    parser.add_argument(
        "--azure",
        action="store_true",
        default=None,
        help="ask Azure's control plane as well (default: where the name is Azure's and you are logged in)",
    )
    parser.add_argument(
        "--no-azure",
        dest="azure",
        action="store_false",
        default=None,
        help="do not ask the control plane",
    )
    parser.add_argument(
        "--resource", metavar="ARM_ID", help="the cache's id, where its name is not enough"
    )
    parser.add_argument(
        "--subscription", metavar="ID", help="look for the cache in this subscription alone"
    )
    parser.add_argument(
        "--client-ip", metavar="IP", help="the address from which the service sees the client"
    )
    parser.add_argument(
        "--client-subnet", metavar="ARM_ID", help="the subnet that the client stands in"
    )
    parser.add_argument(
        "--changes",
        metavar="FILE|COMMAND",
        help="your own history of changes: JSON lines, CSV or git log",
    )
    parser.add_argument(
        "--echo",
        metavar="URL",
        help="an https service that says from which address it was asked (none is asked by default)",
    )


def kubernetes(parser: ArgumentParser) -> None:
    """Declare what concerns the cluster that the client runs in."""
    parser.add_argument(
        "--manifest",
        dest="manifests",
        action="append",
        metavar="PATH",
        help="read these manifests of the client and its cluster as well: a file, a folder, or - for "
        "what Helm or Kustomize print (repeatable)",
    )
    parser.add_argument(
        "--workload",
        metavar="NAMESPACE/KIND/NAME",
        help="the client's own workload, as shop/deployment/cart; without --manifest the cluster is asked",
    )
    parser.add_argument(
        "--kube-context",
        metavar="NAME",
        help="ask the cluster of this context of your kubeconfig, by your kubectl, reading alone",
    )


def showing(parser: ArgumentParser) -> None:
    """Declare how to show the answer."""
    parser.add_argument(
        "--json", action="store_true", default=None, help="print the report as JSON"
    )
    parser.add_argument(
        "--quiet", "-q", action="store_true", default=None, help="print the verdict line alone"
    )
    parser.add_argument(
        "--verbose",
        "-v",
        action="store_true",
        default=None,
        help="print every cause, what was ruled out and why",
    )
    parser.add_argument(
        "--no-color",
        action="store_true",
        default=None,
        help="never colour (NO_COLOR does the same)",
    )


def print_json(text: str) -> None:
    """Print JSON so that it is JSON in the output's encoding, too, whichever that is."""
    import sys

    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        from json import dumps, loads

        text = dumps(loads(text), indent=2)
    print(text)


def with_environment(options: Namespace, environ: Mapping[str, str]) -> Namespace:
    """Fill what the command line left open from the ``REFUSED_*`` variables.

    Raises:
        BadOption: A variable's value cannot be understood.
    """
    for name, value in vars(options).items():
        if value is not None or name in _NO_TWIN:
            continue
        variable = _VARIABLES.get(name, f"REFUSED_{name.upper()}")
        text = environ.get(variable)
        if text is None or text == "":
            continue
        if name in _LISTS:
            setattr(options, name, text.split())
        elif name == "azure":
            options.azure = truth(text, variable)
        elif name in _FLAGS:
            setattr(options, name, truth(text, variable))
        elif name == "pid":
            if not text.isdigit():
                raise BadOption(f"REFUSED_PID: {text[:20]!r} is no process id; give a number")
            options.pid = int(text)
        elif name in _CHOICES and text not in _CHOICES[name]:
            raise BadOption(f"{variable}: {text[:20]!r} is none of {', '.join(_CHOICES[name])}")
        else:
            setattr(options, name, text)
    return options


_VARIABLES = {
    "vantages": "REFUSED_FROM",
    "hold": "REFUSED_FOR",
    "manifests": "REFUSED_MANIFEST",
    "logs": "REFUSED_LOG",
}
_LISTS = frozenset({"vantages", "manifests", "logs", "http", "request_id", "bundle"})
# What is said of one run, and would surprise if a variable said it of all of them.
_NO_TWIN = frozenset(
    {
        "target",
        "unsafe",
        "undo",
        "answer",
        "error",
        "note",
        "actions",
        "commands",
        "export",
        "to_group",
    }
)
_FLAGS = frozenset({"cluster", "deep", "json", "quiet", "verbose", "no_color"})
_CHOICES = {
    "auth": ("key", "entra", "none"),
    "scope": ("all", "some", "one"),
    "outbound": WAYS_OUT,
}


def probing(options: Namespace, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the options as :func:`refused.api.probe` takes them."""
    return {
        "user": options.user,
        "auth": options.auth,
        "cluster": bool(options.cluster),
        "vantages": tuple(options.vantages or ()),
        "resolver": options.resolver,
        "ca_file": options.ca_file,
        "timeout_s": seconds(options.timeout, "--timeout") if options.timeout else 5.0,
        "deep": bool(options.deep),
        "hold_s": seconds(options.hold, "--for") if getattr(options, "hold", None) else 0.0,
        "scope": options.scope,
        "pid": options.pid,
        "azure": options.azure,
        "resource": options.resource,
        "client_ip": options.client_ip,
        "client_subnet": options.client_subnet,
        "subscription": options.subscription,
        "changes": options.changes,
        "echo": options.echo,
        "manifests": tuple(getattr(options, "manifests", None) or ()),
        "workload": getattr(options, "workload", None),
        "kube_context": getattr(options, "kube_context", None),
        "root": environ.get("REFUSED_HOST_ROOT", "/"),
        "environ": environ,
    }
