"""Azure resource ids, taken apart and put together."""

from __future__ import annotations

from refused.evidence.record import Record


class ArmId(Record):
    """``/subscriptions/S/resourceGroups/G/providers/NAMESPACE/TYPE/NAME[/TYPE/NAME…]``.

    Attributes:
        type: With the namespace, as ``Microsoft.Cache/redis/firewallRules``.
        names: One for each level.
    """

    subscription: str
    group: str
    type: str
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        """The resource's own name."""
        return self.names[-1]


def take_apart(text: str) -> ArmId:
    """Read an ARM id; case of the fixed words does not matter.

    Raises:
        ValueError: *text* is no id of a resource in a resource group.
    """
    parts = [part for part in text.split("/") if part]
    lower = [part.lower() for part in parts]
    if (
        len(parts) < 8
        or len(parts) % 2
        or (lower[0], lower[2], lower[4]) != ("subscriptions", "resourcegroups", "providers")
    ):
        raise ValueError(f"not the id of an Azure resource: {text[:200]!r}")
    return ArmId(
        subscription=parts[1],
        group=parts[3],
        type="/".join([parts[5], *parts[6::2]]),
        names=tuple(parts[7::2]),
    )


def same(one: str, other: str) -> bool:
    """Whether two ids name the same resource; Azure does not keep their case."""
    return one.rstrip("/").lower() == other.rstrip("/").lower()
