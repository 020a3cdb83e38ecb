"""Cheap signs tell whether a credential is at hand; a token is asked for once, and kept to ourselves."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from refused.lab.arm.server import ArmServer
from refused.lab.arm.state import State
from refused.lab.certificates import Authority
from refused.probes.azure.client import NoToken
from refused.probes.azure.credentials import token
from refused.probes.azure.endpoint import Endpoint
from refused.probes.azure.signs import at_hand
from refused.probes.stopwatch import Deadline

if TYPE_CHECKING:
    from pathlib import Path

PUBLIC = Endpoint("https://management.azure.com")


def profile(folder: Path, *accounts: str) -> dict[str, str]:
    """Write a profile of az with these subscriptions."""
    found = {"subscriptions": [{"id": each} for each in accounts]}
    (folder / "azureProfile.json").write_text(json.dumps(found), encoding="utf-8-sig")
    return {"AZURE_CONFIG_DIR": str(folder)}


@pytest.mark.parametrize(
    ("environ", "sign"),
    [
        ({}, ""),
        ({"REFUSED_ARM_TOKEN": "x"}, "REFUSED_ARM_TOKEN"),
        ({"AZURE_CLIENT_ID": "a", "AZURE_TENANT_ID": "b"}, ""),
        (
            {"AZURE_CLIENT_ID": "a", "AZURE_TENANT_ID": "b", "AZURE_CLIENT_SECRET": "c"},
            "AZURE_CLIENT_SECRET",
        ),
        (
            {"AZURE_CLIENT_ID": "a", "AZURE_TENANT_ID": "b", "AZURE_FEDERATED_TOKEN_FILE": "c"},
            "AZURE_FEDERATED_TOKEN_FILE",
        ),
        ({"AZURE_CLIENT_SECRET": "c"}, ""),
        ({"IDENTITY_ENDPOINT": "x"}, "IDENTITY_ENDPOINT"),
        ({"MSI_ENDPOINT": "x"}, "MSI_ENDPOINT"),
        ({"HOME": "/no/such/home"}, ""),
    ],
)
def test_the_signs_of_a_credential(environ: dict[str, str], sign: str, tmp_path: Path) -> None:
    """Variables alone; half of a pair is no sign."""
    assert at_hand(environ, str(tmp_path)) == sign


def test_a_profile_of_az_counts_once_somebody_is_logged_in(tmp_path: Path) -> None:
    """In the folder that AZURE_CONFIG_DIR names, or in the home."""
    home = tmp_path / ".azure"
    home.mkdir()
    assert at_hand(profile(home), "/no") == ""
    assert at_hand(profile(home, "s"), "/no") == "an az profile"
    assert at_hand({"HOME": str(tmp_path)}, "/no") == "an az profile"
    (home / "azureProfile.json").write_text("no json")
    assert at_hand({"HOME": str(tmp_path)}, "/no") == ""


def test_a_machine_on_azure_may_have_an_identity(tmp_path: Path) -> None:
    """Its firmware says so, without a question to anybody."""
    tag = tmp_path / "sys" / "class" / "dmi" / "id"
    tag.mkdir(parents=True)
    (tag / "chassis_asset_tag").write_text("7783-7084-3265-9085-8269-3286-77\n")

    assert at_hand({"HOME": "/no"}, str(tmp_path)) == "a machine on Azure"


def test_a_token_that_was_given_is_used_as_it_is() -> None:
    """With or without the word that stands before it."""
    for word in ("abc.def", "Bearer abc.def", " abc.def\n"):
        made = token(PUBLIC, {"REFUSED_ARM_TOKEN": word}, Deadline(1))
        assert made.reveal() == "abc.def"
        assert "abc" not in repr(made)


@pytest.mark.parametrize("word", ["two words", "new\nline", "tökén"])
def test_what_is_no_token_never_reaches_a_header(word: str) -> None:
    """It would be cut in two, or smuggle a header of its own; nor is it repeated."""
    with pytest.raises(NoToken) as refusal:
        token(PUBLIC, {"REFUSED_ARM_TOKEN": word}, Deadline(1))

    assert word not in str(refusal.value)


def test_asking_for_signs_imports_no_azure() -> None:
    """A third of a second is not spent on a guess."""
    program = (
        "import sys; from refused.probes.azure.signs import at_hand; at_hand({'HOME': '/no'});"
        "print([m for m in sys.modules if m.startswith(('azure', 'msal', 'requests'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert done.stdout.strip() == b"[]"


def test_a_managed_identity_gives_a_token_by_the_default_chain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """azure-identity itself, against an identity endpoint; the plane accepts what it gives."""
    pytest.importorskip("azure.identity")
    authority = Authority(tmp_path)
    state = State()
    with ArmServer(state, authority.issue("127.0.0.1", "localhost")) as server:
        environ = {
            "IDENTITY_ENDPOINT": f"{server.url}/msi/token",
            "IDENTITY_HEADER": server.identity.header,
            "REQUESTS_CA_BUNDLE": authority.ca_file,
            "HOME": str(tmp_path),
        }
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        made = token(Endpoint(server.url), environ, Deadline(20))

        assert len(made.reveal().split(".")) == 3


@pytest.mark.parametrize("sign", ["AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE"])
def test_an_application_gives_a_token_by_the_default_chain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sign: str
) -> None:
    """With its secret, or as a workload with a token of its cluster."""
    pytest.importorskip("azure.identity")
    authority = Authority(tmp_path)
    state = State()
    with ArmServer(state, authority.issue("127.0.0.1", "localhost")) as server:
        server.identity.applications["5c9a1e77-0000-4000-8000-0000000000d2"] = (
            "the-secret-of-the-app"
        )
        (tmp_path / "federated").write_text("eyJhbGciOiJub25lIn0.e30.x")
        values = {
            "AZURE_CLIENT_SECRET": "the-secret-of-the-app",
            "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "federated"),
        }
        environ = {
            "AZURE_CLIENT_ID": "5c9a1e77-0000-4000-8000-0000000000d2",
            "AZURE_TENANT_ID": state.tenant,
            "AZURE_AUTHORITY_HOST": server.url,
            "REQUESTS_CA_BUNDLE": authority.ca_file,
            "HOME": str(tmp_path),
            sign: values[sign],
        }
        assert at_hand(environ, str(tmp_path)) == sign
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        made = token(Endpoint(server.url), environ, Deadline(20))

        assert len(made.reveal().split(".")) == 3


def test_without_azure_identity_az_itself_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where somebody is logged in with it; else the missing package is named."""
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    with pytest.raises(NoToken, match="azure-identity is not installed"):
        token(PUBLIC, {"HOME": "/no"}, Deadline(5))

    az = tmp_path / "az"
    az.write_text(
        f"#!{sys.executable}\nimport json, sys\n"
        "assert sys.argv[1:] == ['account', 'get-access-token', '--output', 'json', '--resource', "
        "'https://management.azure.com']\n"
        "print(json.dumps({'accessToken': 'of-az'}))\n"
    )
    az.chmod(0o700)
    environ = {**profile(tmp_path, "s"), "PATH": str(tmp_path)}
    assert token(PUBLIC, environ, Deadline(5)).reveal() == "of-az"

    az.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(NoToken, match="az gave no token"):
        token(PUBLIC, environ, Deadline(5))


def test_a_chain_without_a_credential_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An identity endpoint that refuses is named, and nothing is printed beside it."""
    pytest.importorskip("azure.identity")
    authority = Authority(tmp_path)
    state = State()
    with ArmServer(state, authority.issue("127.0.0.1", "localhost")) as server:
        environ = {
            "IDENTITY_ENDPOINT": f"{server.url}/msi/token",
            "IDENTITY_HEADER": "wrong",
            "REQUESTS_CA_BUNDLE": authority.ca_file,
            "HOME": str(tmp_path),
            "PATH": "",
        }
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(NoToken) as refusal:
            token(Endpoint(server.url), environ, Deadline(20))

    assert str(refusal.value).startswith("no credential gave a token: ")
    assert "\n" not in str(refusal.value)
    assert "az login" in refusal.value.how
