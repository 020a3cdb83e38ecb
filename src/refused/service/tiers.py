"""Every size that is on offer: memory, connections, processors, bandwidth, databases.

The tables are for the moment when the control plane cannot be asked. Where it can, its word counts:
Azure Cache for Redis returns the effective limit as ``redisConfiguration.maxclients``.

Clustering does not raise the limit: it is one for the cache, while every cluster client holds a
connection to each shard. On Managed Redis nobody wrote down whether the limit is per node.
"""

from __future__ import annotations

from refused.service.facts import (
    ACR_CONFIGURE,
    ACR_OVERVIEW,
    ACR_PLANNING,
    LIKELY,
    MANAGED_REDIS_SDK,
    SKILL_MAPPING,
    SKILL_SKUS,
    SURE,
    Fixed,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from refused.service.facts import Certainty, Service

# Shape: (size, memory per shard in GB, connections, databases, source, certainty).
ACR_SIZES: tuple[tuple[str, float, int, int, str, Certainty], ...] = (
    ("C0", 0.25, 256, 16, ACR_CONFIGURE, SURE),
    ("C1", 1, 1_000, 16, ACR_CONFIGURE, SURE),
    ("C2", 2.5, 2_000, 16, ACR_CONFIGURE, SURE),
    ("C3", 6, 5_000, 16, ACR_CONFIGURE, SURE),
    ("C4", 13, 10_000, 32, ACR_CONFIGURE, SURE),
    ("C5", 26, 15_000, 48, ACR_CONFIGURE, SURE),
    ("C6", 53, 20_000, 64, ACR_CONFIGURE, SURE),
    ("P1", 6, 7_500, 16, ACR_CONFIGURE, SURE),
    ("P2", 13, 15_000, 32, ACR_CONFIGURE, SURE),
    ("P3", 26, 30_000, 48, ACR_CONFIGURE, SURE),
    ("P4", 53, 40_000, 64, ACR_CONFIGURE, SURE),
    ("P5", 120, 40_000, 64, ACR_CONFIGURE, SURE),
)

# Measured once and promised nowhere; C4 really is slower than C3. Premium: per shard.
# Shape: (size, megabits per second, source, certainty).
ACR_BANDWIDTH: tuple[tuple[str, int, str, Certainty], ...] = (
    ("C0", 100, ACR_PLANNING, LIKELY),
    ("C1", 500, ACR_PLANNING, LIKELY),
    ("C2", 500, ACR_PLANNING, LIKELY),
    ("C3", 1_000, ACR_PLANNING, LIKELY),
    ("C4", 500, ACR_PLANNING, LIKELY),
    ("C5", 1_000, ACR_PLANNING, LIKELY),
    ("C6", 2_000, ACR_PLANNING, LIKELY),
    ("P1", 1_500, ACR_PLANNING, LIKELY),
    ("P2", 3_000, ACR_PLANNING, LIKELY),
    ("P3", 3_000, ACR_PLANNING, LIKELY),
    ("P4", 6_000, ACR_PLANNING, LIKELY),
    ("P5", 6_000, ACR_PLANNING, LIKELY),
)

# Enterprise: Microsoft names the sizes and publishes no limit of connections.
# Shape: (size, family, source, certainty).
ACRE_SIZES: tuple[tuple[str, str, str, Certainty], ...] = (
    ("E1", "Enterprise", MANAGED_REDIS_SDK, SURE),
    ("E5", "Enterprise", MANAGED_REDIS_SDK, SURE),
    ("E10", "Enterprise", MANAGED_REDIS_SDK, SURE),
    ("E20", "Enterprise", MANAGED_REDIS_SDK, SURE),
    ("E50", "Enterprise", MANAGED_REDIS_SDK, SURE),
    ("E100", "Enterprise", MANAGED_REDIS_SDK, SURE),
    ("E200", "Enterprise", MANAGED_REDIS_SDK, SURE),
    ("E400", "Enterprise", MANAGED_REDIS_SDK, SURE),
    ("F300", "EnterpriseFlash", MANAGED_REDIS_SDK, SURE),
    ("F700", "EnterpriseFlash", MANAGED_REDIS_SDK, SURE),
    ("F1500", "EnterpriseFlash", MANAGED_REDIS_SDK, SURE),
)

# About a fifth of the memory is the system's own. Memory of the large flash sizes: not published
# where we looked.
# Shape: (size, advertised memory in GB, vCPUs, connections, whether it is a preview, source,
# certainty).
AMR_SIZES: tuple[tuple[str, float | None, int, int, bool, str, Certainty], ...] = (
    ("B0", 0.5, 2, 15_000, False, SKILL_SKUS, SURE),
    ("B1", 1, 2, 15_000, False, SKILL_SKUS, SURE),
    ("B3", 3, 2, 15_000, False, SKILL_SKUS, SURE),
    ("B5", 6, 2, 15_000, False, SKILL_SKUS, SURE),
    ("B10", 12, 4, 30_000, False, SKILL_SKUS, SURE),
    ("B20", 24, 8, 75_000, False, SKILL_SKUS, SURE),
    ("B50", 60, 16, 150_000, False, SKILL_SKUS, SURE),
    ("B100", 120, 32, 200_000, False, SKILL_SKUS, SURE),
    ("B150", 180, 48, 200_000, False, SKILL_SKUS, SURE),
    ("B250", 240, 64, 200_000, False, SKILL_SKUS, SURE),
    ("B350", 360, 96, 200_000, True, SKILL_SKUS, SURE),
    ("B500", 480, 128, 200_000, True, SKILL_SKUS, SURE),
    ("B700", 720, 192, 200_000, True, SKILL_SKUS, SURE),
    ("B1000", 960, 256, 200_000, True, SKILL_SKUS, SURE),
    ("M10", 12, 2, 15_000, False, SKILL_SKUS, SURE),
    ("M20", 24, 4, 30_000, False, SKILL_SKUS, SURE),
    ("M50", 60, 8, 75_000, False, SKILL_SKUS, SURE),
    ("M100", 120, 16, 150_000, False, SKILL_SKUS, SURE),
    ("M150", 175, 24, 200_000, False, SKILL_SKUS, SURE),
    ("M250", 235, 32, 200_000, False, SKILL_SKUS, SURE),
    ("M350", 360, 48, 200_000, True, SKILL_SKUS, SURE),
    ("M500", 480, 64, 200_000, True, SKILL_SKUS, SURE),
    ("M700", 720, 96, 200_000, True, SKILL_SKUS, SURE),
    ("M1000", 960, 128, 200_000, True, SKILL_SKUS, SURE),
    ("M1500", 1440, 192, 200_000, True, SKILL_SKUS, SURE),
    ("M2000", 1920, 256, 200_000, True, SKILL_SKUS, SURE),
    ("X3", 3, 4, 30_000, False, SKILL_SKUS, SURE),
    ("X5", 6, 4, 30_000, False, SKILL_SKUS, SURE),
    ("X10", 12, 8, 75_000, False, SKILL_SKUS, SURE),
    ("X20", 24, 16, 150_000, False, SKILL_SKUS, SURE),
    ("X50", 60, 32, 200_000, False, SKILL_SKUS, SURE),
    ("X100", 120, 64, 200_000, False, SKILL_SKUS, SURE),
    ("X150", 180, 96, 200_000, False, SKILL_SKUS, SURE),
    ("X250", 240, 128, 200_000, False, SKILL_SKUS, SURE),
    ("X350", 360, 192, 200_000, True, SKILL_SKUS, SURE),
    ("X500", 480, 256, 200_000, True, SKILL_SKUS, SURE),
    ("X700", 720, 384, 200_000, True, SKILL_SKUS, SURE),
    ("A250", 250, 8, 75_000, True, SKILL_SKUS, SURE),
    ("A500", 500, 16, 150_000, True, SKILL_SKUS, SURE),
    ("A700", 750, 24, 200_000, True, SKILL_SKUS, SURE),
    ("A1000", None, 32, 200_000, True, SKILL_SKUS, SURE),
    ("A1500", None, 48, 200_000, True, SKILL_SKUS, SURE),
    ("A2000", None, 64, 200_000, True, SKILL_SKUS, SURE),
    ("A4500", None, 144, 200_000, True, SKILL_SKUS, SURE),
)

# Shape: (first letter of the size, family in the SKU's name, source, certainty).
AMR_FAMILIES: tuple[tuple[str, str, str, Certainty], ...] = (
    ("B", "Balanced", MANAGED_REDIS_SDK, SURE),
    ("M", "MemoryOptimized", MANAGED_REDIS_SDK, SURE),
    ("X", "ComputeOptimized", MANAGED_REDIS_SDK, SURE),
    ("A", "FlashOptimized", MANAGED_REDIS_SDK, SURE),
)

# Shape: (tier of Azure Cache for Redis, families of sizes, nodes, source, certainty).
ACR_TIERS: tuple[tuple[str, str, str, str, Certainty], ...] = (
    ("Basic", "C", "one node: offline and empty at every patch or resize", ACR_OVERVIEW, SURE),
    ("Standard", "C", "a primary and a replica", ACR_OVERVIEW, SURE),
    ("Premium", "P", "a primary and replicas, clustered on request", ACR_OVERVIEW, SURE),
)

# The smallest target comes first. Shards 0: not clustered. Basic maps to the same size without high
# availability. No pair here lowers the limit of connections; a size chosen by hand may.
# Shape: (size, fewest shards, most shards, targets, source, certainty).
ACR_TO_AMR: tuple[tuple[str, int, int, tuple[str, ...], str, Certainty], ...] = (
    ("C0", 0, 0, ("B0",), SKILL_MAPPING, SURE),
    ("C1", 0, 0, ("B1",), SKILL_MAPPING, SURE),
    ("C2", 0, 0, ("B3",), SKILL_MAPPING, SURE),
    ("C3", 0, 0, ("B5",), SKILL_MAPPING, SURE),
    ("C4", 0, 0, ("M10", "M20"), SKILL_MAPPING, SURE),
    ("C5", 0, 0, ("M20", "M50"), SKILL_MAPPING, SURE),
    ("C6", 0, 0, ("M50",), SKILL_MAPPING, SURE),
    ("P1", 0, 0, ("B5",), SKILL_MAPPING, SURE),
    ("P2", 0, 0, ("B10", "B20"), SKILL_MAPPING, SURE),
    ("P3", 0, 0, ("B20", "B50"), SKILL_MAPPING, SURE),
    ("P4", 0, 0, ("B50",), SKILL_MAPPING, SURE),
    ("P5", 0, 0, ("B100",), SKILL_MAPPING, SURE),
    ("P1", 1, 1, ("B5",), SKILL_MAPPING, SURE),
    ("P1", 2, 2, ("B10",), SKILL_MAPPING, SURE),
    ("P1", 3, 4, ("B20",), SKILL_MAPPING, SURE),
    ("P1", 5, 10, ("B50",), SKILL_MAPPING, SURE),
    ("P1", 11, 15, ("B100",), SKILL_MAPPING, SURE),
    ("P2", 1, 1, ("B20",), SKILL_MAPPING, SURE),
    ("P2", 2, 4, ("B50",), SKILL_MAPPING, SURE),
    ("P2", 5, 9, ("B100",), SKILL_MAPPING, SURE),
    ("P2", 10, 12, ("B150",), SKILL_MAPPING, SURE),
    ("P2", 13, 15, ("B250",), SKILL_MAPPING, SURE),
    ("P3", 1, 2, ("B50",), SKILL_MAPPING, SURE),
    ("P3", 3, 4, ("B100",), SKILL_MAPPING, SURE),
    ("P3", 5, 6, ("B150",), SKILL_MAPPING, SURE),
    ("P3", 7, 9, ("B250",), SKILL_MAPPING, SURE),
    ("P3", 10, 13, ("B350",), SKILL_MAPPING, SURE),
    ("P3", 14, 15, ("B500",), SKILL_MAPPING, SURE),
    ("P4", 1, 1, ("B50",), SKILL_MAPPING, SURE),
    ("P4", 2, 2, ("B100",), SKILL_MAPPING, SURE),
    ("P4", 3, 3, ("B150",), SKILL_MAPPING, SURE),
    ("P4", 4, 4, ("B250",), SKILL_MAPPING, SURE),
    ("P4", 5, 6, ("B350",), SKILL_MAPPING, SURE),
    ("P4", 7, 9, ("B500",), SKILL_MAPPING, SURE),
    ("P4", 10, 13, ("B700",), SKILL_MAPPING, SURE),
    ("P4", 14, 15, ("B1000",), SKILL_MAPPING, SURE),
    ("P5", 1, 1, ("B100",), SKILL_MAPPING, SURE),
    ("P5", 2, 2, ("B250",), SKILL_MAPPING, SURE),
    ("P5", 3, 4, ("B350",), SKILL_MAPPING, SURE),
    ("P5", 5, 6, ("B700",), SKILL_MAPPING, SURE),
    ("P5", 7, 8, ("B1000",), SKILL_MAPPING, SURE),
    ("P5", 9, 12, ("M1500",), SKILL_MAPPING, SURE),
    ("P5", 13, 15, ("M2000",), SKILL_MAPPING, SURE),
)


class Sku(Fixed):
    """One size of one service.

    Attributes:
        name: As ARM has it: ``Balanced_B10``, ``Enterprise_E20``; for Azure Cache for Redis, where
            ARM splits it in three, the size alone (``P2``).
        size: The short name that people use, as ``B10``.
        memory_gb: Advertised, per shard on Premium.
        max_connections: For the whole cache, however many shards it has.
        bandwidth_mbps: Observed, not promised; per shard on Premium.
        databases: Without clustering; a clustered cache has one.
    """

    __slots__ = (
        "service",
        "name",
        "size",
        "memory_gb",
        "vcpus",
        "max_connections",
        "bandwidth_mbps",
        "databases",
        "is_preview",
        "source",
        "certainty",
    )
    service: Service
    name: str
    size: str
    memory_gb: float | None
    vcpus: int | None
    max_connections: int | None
    bandwidth_mbps: int | None
    databases: int
    is_preview: bool
    source: str
    certainty: Certainty


def find_sku(sku: str, size: str = "") -> Sku | None:
    """Find a size by any name it has; ``None`` for a name that is not in the tables.

    *sku* is ``Balanced_B10``, ``B10`` or ``P2``; or a tier of Azure Cache for Redis (``Premium``)
    with *size* beside it, as ``P2`` or as ARM's bare capacity, ``2``.

    >>> sku = find_sku("Premium", "2")
    >>> sku.name, sku.max_connections
    ('P2', 15000)
    """
    wanted = _size_of(sku, size)
    for short, memory, connections, databases, source, certainty in ACR_SIZES:
        if short == wanted:
            return Sku(
                service="acr",
                name=short,
                size=short,
                memory_gb=memory,
                vcpus=None,
                max_connections=connections,
                bandwidth_mbps=_bandwidth(short),
                databases=databases,
                is_preview=False,
                source=source,
                certainty=certainty,
            )
    for short, memory_gb, vcpus, connections, is_preview, source, certainty in AMR_SIZES:
        if short == wanted:
            return Sku(
                service="amr",
                name=f"{_family(short)}_{short}",
                size=short,
                memory_gb=memory_gb,
                vcpus=vcpus,
                max_connections=connections,
                bandwidth_mbps=None,
                databases=1,
                is_preview=is_preview,
                source=source,
                certainty=certainty,
            )
    for short, family, source, certainty in ACRE_SIZES:
        if short == wanted:
            return Sku(
                service="acre",
                name=f"{family}_{short}",
                size=short,
                memory_gb=None,
                vcpus=None,
                max_connections=None,
                bandwidth_mbps=None,
                databases=1,
                is_preview=False,
                source=source,
                certainty=certainty,
            )
    return None


def connection_limit(sku: str, size: str = "") -> int | None:
    """Return how many clients may connect at once; ``None`` where nobody says.

    Takes the names that :func:`find_sku` takes. Under high load fewer are practical.

    >>> connection_limit("Balanced_B10"), connection_limit("Standard", "C1")
    (30000, 1000)
    """
    found = find_sku(sku, size)
    return None if found is None else found.max_connections


def databases(sku: str, size: str = "", *, is_clustered: bool = False) -> int | None:
    """Return how many databases ``SELECT`` may choose from; in a cluster that is one."""
    found = find_sku(sku, size)
    if found is None:
        return None
    return 1 if is_clustered else found.databases


def amr_for(size: str, shards: int = 0) -> tuple[str, ...]:
    """Return the Managed Redis SKUs that Microsoft maps *size* to, the smallest first.

    *shards* is 0 for a cache that is not clustered. Empty where the table has no answer, as above
    15 shards. Microsoft compares four fifths of the new size with the most memory in use.

    >>> amr_for("P2"), amr_for("P5", 15)
    (('Balanced_B10', 'Balanced_B20'), ('MemoryOptimized_M2000',))
    """
    for name, fewest, most, targets, _, _ in ACR_TO_AMR:
        if name == size.upper() and fewest <= shards <= most:
            return tuple(f"{_family(target)}_{target}" for target in targets)
    return ()


def _size_of(sku: str, size: str) -> str:
    """Bring the many ways to name a size to one, as ``P2``; what contradicts itself to ``""``."""
    sku, size = sku.strip(), size.strip().upper()
    for tier, letter, _, _, _ in ACR_TIERS:
        if tier.lower() == sku.lower():
            size = letter + size if size.isdigit() else size
            return size if size.startswith(letter) else ""
    # The Enterprise tiers have a capacity beside the name, which counts nodes.
    return sku.rsplit("_", 1)[-1].upper()


def _family(size: str) -> str:
    for letter, family, _, _ in AMR_FAMILIES:
        if size.startswith(letter):
            return family
    raise ValueError(f"no family for {size!r}")


def _bandwidth(size: str) -> int | None:
    for name, megabits, _, _ in ACR_BANDWIDTH:
        if name == size:
            return megabits
    return None
