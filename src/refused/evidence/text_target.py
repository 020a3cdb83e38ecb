"""What a text names as its target, as far as it names any.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

from refused.evidence.observations import LoggedError
from refused.evidence.target import Target
from refused.evidence.told import Told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence

    from refused.evidence.bundle import Fact

_PORTS = {"acr": 6380, "acre": 10000, "amr": 10000}


def target_of(facts: Sequence[Fact]) -> Target:
    """Return the endpoint that the errors name; its host is ``""`` where they name none."""
    told = Told([fact for fact in facts if isinstance(fact, LoggedError)])
    host = told.host or told.address
    port = told.port or _PORTS.get(told.service, 6379)
    shown = f"[{host}]" if ":" in host else host
    return Target(
        text=f"{shown}:{port}" if host else "HOST:PORT",
        form="text",
        host=host,
        port=port,
        port_given=told.port is not None,
        tls=told.over_tls or port in (6380, 10000),
        service=told.service,
    )
