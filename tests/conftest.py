"""What holds for every test: a clean environment, visible skips, and none of them in CI."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from refused.evidence import redaction

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

ROOT = Path(__file__).resolve().parent.parent

# A shell that starts us in the background has SIGINT ignored, and whatever we start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What a busy machine may stand still for. A time that is looked at is a bound and no measurement:
# what fails it would have waited for longer than this, or for ever.
LATE_S = 5.0

# Read before the environment is cleared for the tests.
MAY_NOT_SKIP = os.environ.get("REFUSED_NO_SKIP") == "1"
SHARED = Path(os.environ.get("REFUSED_SHARED") or ROOT.parent / "shared")
PROFILE = os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev")

# What may be skipped even where REFUSED_NO_SKIP is set: what a CI machine cannot always have.
ALLOWED_SKIPS = (
    "needs Python 3.8",  # long out of support; no distribution of today carries it
    "needs IPv6",  # many runners have none, not even on loopback
    "needs docker",  # the command alone, which not every distribution carries
)

# A developer's own settings must not decide a test. Names are compared in upper case.
FOREIGN_PREFIXES = ("AZURE_", "ARM_", "REFUSED_", "IDENTITY_", "MSI_", "REDISCLI_", "CLICOLOR")
FOREIGN_SUFFIXES = ("_PROXY",)
FOREIGN = frozenset(
    {
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "KUBECONFIG",
        "NO_COLOR",
        "FORCE_COLOR",
        "REDIS_URL",
    }
)

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile(
    "ci",
    max_examples=50,
    deadline=None,  # a busy runner is slow, not wrong
    derandomize=True,  # a red run can be repeated
    suppress_health_check=[HealthCheck.too_slow],
)
# What one Python of `make test-all` takes the time for.
settings.register_profile("thorough", settings.get_profile("ci"), max_examples=300)
settings.load_profile(PROFILE)


def is_foreign(name: str) -> bool:
    """Whether the environment variable *name* could change what the program under test does."""
    upper = name.upper()
    return (
        upper in FOREIGN or upper.startswith(FOREIGN_PREFIXES) or upper.endswith(FOREIGN_SUFFIXES)
    )


# Below a file there is no folder, and nobody can make one: whoever is logged in on this machine with
# az or azd decides no test, and is asked by none.
NOBODY = str(Path(__file__) / "nobody-is-logged-in")


def _clear(patch: pytest.MonkeyPatch) -> None:
    for name in filter(is_foreign, list(os.environ)):
        patch.delenv(name)
    for name in ("AZURE_CONFIG_DIR", "AZD_CONFIG_DIR"):
        patch.setenv(name, NOBODY)


@pytest.fixture(scope="session", autouse=True)
def _clean_session() -> Iterator[None]:
    """Clear the environment before any fixture that outlives a test looks at it."""
    with pytest.MonkeyPatch.context() as patch:
        _clear(patch)
        yield


@pytest.fixture(autouse=True)
def _forgotten_secrets() -> Iterator[None]:
    """Let no test search for another one's secrets.

    A process of ours knows a handful. A property of secrets makes thousands, and each text would be
    searched for every form of every one of them until the run ends.
    """
    yield
    redaction._known.clear()
    redaction._known_base64.clear()
    redaction._lengths.clear()
    redaction._ordinary.clear()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every test the same environment, whatever a longer-lived fixture has set."""
    _clear(monkeypatch)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of shared material; a test that asks for it is marked ``shared``."""
    return SHARED


@functools.cache
def _kernel_is_ours() -> bool:
    """Whether this process may make network namespaces."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    try:
        made = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return made.returncode == 0


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, visibly, what this machine cannot run."""
    if item.get_closest_marker("kernel") and not _kernel_is_ours():
        pytest.skip("needs root on Linux, to make network namespaces")
    if item.get_closest_marker("shared") and not SHARED.is_dir():
        pytest.skip("needs the folder of shared material: set REFUSED_SHARED")


def _may_be_skipped(reason: str) -> bool:
    return not MAY_NOT_SKIP or reason.removeprefix("Skipped: ").startswith(ALLOWED_SKIPS)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where nothing that CI can have may be missing."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and call.excinfo:
        reason = str(call.excinfo.value)
        if not _may_be_skipped(reason):
            report.outcome = "failed"
            report.longrepr = f"may not be skipped here: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Treat a module that is skipped as a whole like the tests in it."""
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2]
        if not _may_be_skipped(reason):
            report.outcome = "failed"
            report.longrepr = f"may not be skipped here: {reason}"
    return report
