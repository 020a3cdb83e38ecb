"""What the tests of the control plane share."""

from __future__ import annotations

import pytest

from tests.probes.azure.planes import Papers


@pytest.fixture(scope="session")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    """Return an authority and the certificate it gave to loopback."""
    return Papers(tmp_path_factory.mktemp("plane"))
