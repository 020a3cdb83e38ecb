"""Bytes that no honest peer sends, made from those that one would."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

# Far above what a linear reader needs on a busy machine, far below what a quadratic one does.
PATIENCE_S = 3.0

# For examples that are slow to draw.
MODEST = settings(max_examples=min(settings().max_examples, 100))


@st.composite
def mutated(draw: st.DrawFn, messages: st.SearchStrategy[bytes]) -> bytes:
    """Draw one of *messages* with a few of its bytes changed, lost, doubled or made up."""
    message = bytearray(draw(messages))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(message)))
        end = min(at + draw(st.integers(0, 6)), len(message))
        kind = draw(st.sampled_from(["change", "lose", "double", "make up"]))
        if kind == "change" and at < len(message):
            message[at] = draw(st.integers(0, 255))
        elif kind == "lose":
            del message[at:end]
        elif kind == "double":
            message[at:at] = message[at:end]
        else:
            message[at:at] = draw(st.binary(max_size=6))
    return bytes(message)


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return how long *work* kept the processor busy, whatever else the machine does."""
    started = time.process_time()
    work()
    return time.process_time() - started
