"""How changes of Kubernetes objects are said: which object, and as which patch or manifest.

A merge patch (RFC 7386) changes what it names and nothing beside; a list it would replace whole, so that
single entries are changed by a JSON patch (RFC 6902) which tests first that they are what was read.
"""

from __future__ import annotations

from json import dumps
from shlex import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from refused.evidence.kubernetes import KubernetesWorkload
    from refused.remedies.change import Change

# What stands in a command where nobody described the workload.
PLACE = {
    "namespace": "NAMESPACE",
    "resource": "deployment",
    "name": "NAME",
    "template": "spec.template",
}


def place_of(workload: KubernetesWorkload | None) -> tuple[tuple[str, str], ...]:
    """Return the facts of a change that say which object it is of; none where nobody described it."""
    if workload is None:
        return ()
    return (
        ("namespace", workload.namespace),
        ("resource", workload.kind.lower()),
        ("name", workload.name),
        ("template", workload.template),
    )


def nested_under(path: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return *value* under a path with dots; an empty path is the object itself."""
    nested: Any = dict(value)
    for key in reversed(path.split(".") if path else []):
        nested = {key: nested}
    return dict(nested)


def kubectl_patch(
    change: Change, patch: Mapping[str, Any] | Sequence[Mapping[str, Any]], *, kind: str = "merge"
) -> str:
    """Return the command that patches the object of *change*."""
    place = {**PLACE, **dict(change.facts)}
    words = [
        "kubectl",
        "--namespace",
        place["namespace"],
        "patch",
        place["resource"],
        place["name"],
    ]
    shown = " ".join(quote(each) for each in words)
    return f"{shown} --type {kind} --patch {quote(dumps(patch))}"


def kubectl_create(*objects: Mapping[str, Any]) -> str:
    """Return the command that makes objects that are not there yet; one that is there is not overwritten."""
    whole: Mapping[str, Any] = (
        objects[0]
        if len(objects) == 1
        else {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    )
    return f"kubectl create --filename - <<'EOF'\n{dumps(whole, indent=2)}\nEOF"


def object_name(host: str, prefix: str) -> str:
    """Return a name for an object about *host* that Kubernetes takes: a DNS label of at most 63 letters."""
    letters = "".join(each if each.isascii() and each.isalnum() else "-" for each in host.lower())
    return f"{prefix}-{letters}"[:63].strip("-")
