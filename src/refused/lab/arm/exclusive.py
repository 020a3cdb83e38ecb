"""One writer at a time: what reads a document, changes it and puts it back must not be overtaken."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from refused.lab.arm.routes import Answer, Call


def exclusive(handler: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
    """Have *handler* hold the state's lock from its first look to its last write."""

    @functools.wraps(handler)
    def held(call: Call) -> Answer:
        with call.state.lock:
            return handler(call)

    return held
