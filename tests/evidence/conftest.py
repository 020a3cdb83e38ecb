"""What every test of this room begins with: nothing is known to be secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.evidence.kinds import forget

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _nothing_known() -> Iterator[None]:
    """Forget what other tests have remembered, and what this one does."""
    forget()
    yield
    forget()
