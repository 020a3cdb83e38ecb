"""The same for asyncio: the walk runs in a thread, and the event loop goes on.

report = await refused.aio.diagnose("rediss://mycache.redis.cache.windows.net:6380")
"""

from __future__ import annotations

import asyncio

from refused import api

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from refused.evidence.bundle import Bundle
    from refused.report import Report

__all__ = ["diagnose", "probe"]


async def diagnose(target: str, **options: Any) -> Report:  # as for refused.probe
    """Do what :func:`refused.diagnose` does without holding the event loop up."""
    return await asyncio.to_thread(api.diagnose, target, **options)


async def probe(target: str, **options: Any) -> Bundle:  # as for refused.probe
    """Do what :func:`refused.probe` does without holding the event loop up."""
    return await asyncio.to_thread(api.probe, target, **options)
