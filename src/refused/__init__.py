"""Find out why a Redis connection fails.

    import refused
    report = refused.diagnose("rediss://mycache.redis.cache.windows.net:6380")
    report = refused.explain("the error message, or some lines of the log")

The heavy parts are imported when they are first used.
"""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from refused import aio as aio
    from refused.api import BadBundle as BadBundle
    from refused.api import BadTarget as BadTarget
    from refused.api import Report as Report
    from refused.api import diagnose as diagnose
    from refused.api import explain as explain
    from refused.api import judge as judge
    from refused.api import load as load
    from refused.api import probe as probe

__all__ = [
    "BadBundle",
    "BadTarget",
    "Report",
    "__version__",
    "aio",
    "diagnose",
    "explain",
    "judge",
    "load",
    "probe",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    if name == "aio":
        return import_module("refused.aio")
    return getattr(import_module("refused.api"), name)
