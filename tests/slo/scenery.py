"""Caches to plan alerts for, and the history of a bad night."""

from __future__ import annotations

from typing import Any

from refused.evidence.control_plane import CONTROL_PLANE, AzureCache, Metric

GROUP = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/prod"
ACR = f"{GROUP}/providers/Microsoft.Cache/redis/contoso"
AMR = f"{GROUP}/providers/Microsoft.Cache/redisEnterprise/fabrikam"
STAMP: dict[str, Any] = {
    "vantage": CONTROL_PLANE,
    "at": 1_790_000_000.0,
    "took_ms": 10.0,
    "source": "test",
}
BEGAN = 1_789_999_200.0


def acr(sku: str = "Standard", family: str = "C", capacity: int = 1, **other: Any) -> AzureCache:
    """Return an Azure Cache for Redis."""
    said: dict[str, Any] = {
        "id": ACR,
        "service": "acr",
        "name": "contoso",
        "host": "contoso.redis.cache.windows.net",
        "location": "West Europe",
        "sku": sku,
        "family": family,
        "capacity": capacity,
    }
    return AzureCache(**STAMP, **{**said, **other})


def amr(sku: str = "Balanced_B10", **other: Any) -> AzureCache:
    """Return an Azure Managed Redis."""
    said: dict[str, Any] = {
        "id": AMR,
        "service": "amr",
        "name": "fabrikam",
        "host": "fabrikam.westeurope.redis.azure.net",
        "location": "westeurope",
        "sku": sku,
    }
    return AzureCache(**STAMP, **{**said, **other})


def series(name: str, values: list[float], *, ends: float = BEGAN, **other: Any) -> Metric:
    """Return a metric by the minute, whose last value is that of the minute before *ends*."""
    said: dict[str, Any] = {"aggregation": "Maximum", "interval_s": 60}
    first = ends - 60 * len(values)
    return Metric(
        **STAMP,
        resource_id=ACR,
        name=name,
        points=tuple((first + 60 * n, value) for n, value in enumerate(values)),
        **{**said, **other},
    )
