"""Keep what hyperscan made of the patterns: making it takes longer than reading fifty megabytes.

A file in the user's own cache folder, named for the patterns and the version that made it. It is
taken only from a file that nobody else could have written; hyperscan checks its sum, and whether
it is for this processor. Whatever goes wrong, the patterns are compiled again.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from refused.probes.logs.scan import Given

# Changes when the same patterns are written another way for hyperscan.
_FORM = 1


def is_kept(patterns: Sequence[Given]) -> bool:
    """Whether there is something to load."""
    return os.path.exists(path_for(patterns))


def path_for(patterns: Sequence[Given]) -> str:
    """Return where to keep it; ``""`` where there is no cache folder, or no hyperscan."""
    try:
        import hyperscan
    except ImportError:
        return ""
    version = str(getattr(hyperscan, "__version__", ""))
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    if not os.path.isabs(base):
        return ""
    from hashlib import sha256

    name = sha256(repr((_FORM, version, tuple(patterns))).encode()).hexdigest()[:32]
    return os.path.join(base, "refused", f"{name}.hyperscan")


def load(path: str) -> Any:
    """Return the database that is kept there, or None."""
    if not path:
        return None
    import hyperscan

    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            if status.st_uid != os.geteuid() or status.st_mode & 0o022:
                return None
            database = hyperscan.loadb(file.read(), hyperscan.HS_MODE_BLOCK)
        database.scratch = hyperscan.Scratch(database)
        database.scan(b"", match_event_handler=lambda *_: None)
    except (OSError, AttributeError, TypeError, hyperscan.error):
        return None
    return database


def save(path: str, database: Any) -> None:
    """Keep a database; where that cannot be done, nothing is lost."""
    if not path:
        return
    import hyperscan

    beside = f"{path}.{os.getpid()}.part"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(hyperscan.dumpb(database))
        os.replace(beside, path)
        _forget_others(path)
    except (OSError, hyperscan.error):
        return


def _forget_others(path: str) -> None:
    """Remove what former versions have left; a megabyte each."""
    folder, own = os.path.split(path)
    for name in os.listdir(folder):
        if name.endswith(".hyperscan") and name != own:
            os.unlink(os.path.join(folder, name))
