"""Nothing that weakens security gets through, whoever proposes it and in whatever words."""

from __future__ import annotations

import ipaddress
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refused.remedies.change import ArmWrite, Setting
from refused.remedies.refusals import ASKED, asked, weakens
from tests.remedies.plane import CACHE, RULE, rule_change

NSG = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkSecurityGroups/n/securityRules/r"
DATABASE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Cache/redisEnterprise/f/databases/default"

PRIVATE = [
    ipaddress.ip_network(text)
    for text in ("0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "198.18.0.0/15", "240.0.0.0/4")
]  # fmt: skip


def writes(path: str, **properties: object) -> ArmWrite:
    """Return a write of these properties."""
    return ArmWrite(
        method="PUT", id=path, api_version="v", body=json.dumps({"properties": properties})
    )


@pytest.mark.parametrize(
    "write",
    [
        writes(RULE, startIP="0.0.0.0", endIP="0.0.0.0"),
        writes(RULE, startIP="0.0.0.0", endIP="255.255.255.255"),
        writes(RULE, startIP="203.0.0.0", endIP="203.255.255.255"),
        writes(RULE, startIP="10.0.0.0", endIP="192.168.255.255"),
        writes(RULE, startIP="anywhere", endIP="anywhere"),
        writes(CACHE, enableNonSslPort=True),
        writes(CACHE, minimumTlsVersion="1.0"),
        writes(CACHE, publicNetworkAccess="Enabled"),
        writes(CACHE, disableAccessKeyAuthentication=False),
        writes(DATABASE, clientProtocol="Plaintext"),
        writes(DATABASE, accessKeysAuthentication="Enabled"),
        writes(f"{CACHE}/accessPolicyAssignments/a", accessPolicyName="Data Owner"),
        writes(NSG, access="Allow", direction="Inbound", sourceAddressPrefix="*", destinationPortRange="6380"),
        writes(NSG, access="Allow", direction="Outbound", sourceAddressPrefix="10.0.0.4", destinationPortRange="*"),
        writes("/subscriptions/s/resourceGroups/g/providers/Microsoft.Authorization/roleAssignments/r"),
    ],
)  # fmt: skip
def test_a_write_that_weakens_is_refused_with_the_safe_way(write: ArmWrite) -> None:
    """The write is judged, not who wrote it."""
    said = weakens(rule_change(write=write))

    assert said is not None
    assert said.because
    assert said.instead


@pytest.mark.parametrize(
    "setting",
    [
        Setting(name="ssl", before="True", after="False"),
        Setting(name="sslCheckHostname", before="True", after="false"),
        Setting(name="ssl_cert_reqs", before="required", after="none"),
        Setting(name="rejectUnauthorized", before=None, after="false"),
        Setting(name="allowUntrusted", before=None, after="true"),
        Setting(name="sslProtocols", before="tls12", after="tls10"),
    ],
    ids=lambda setting: setting.name,
)
def test_a_client_s_setting_that_weakens_is_refused(setting: Setting) -> None:
    """What holds for Azure holds for a connection string."""
    assert weakens(rule_change(write=None, settings=(setting,))) is not None


@pytest.mark.parametrize(
    "write",
    [
        writes(RULE, startIP="203.0.113.7", endIP="203.0.113.7"),
        writes(RULE, startIP="203.0.113.0", endIP="203.0.113.255"),
        writes(RULE, startIP="10.0.0.0", endIP="10.1.255.255"),
        writes(CACHE, minimumTlsVersion="1.2"),
        writes(CACHE, publicNetworkAccess="Disabled"),
        writes(NSG, access="Allow", direction="Inbound", sourceAddressPrefix="10.0.0.0/24", destinationPortRange="6380"),
        writes(NSG, access="Deny", direction="Inbound", sourceAddressPrefix="*", destinationPortRange="*"),
    ],
)  # fmt: skip
def test_what_weakens_nothing_passes(write: ArmWrite) -> None:
    """A guard that refuses everything would be switched off."""
    assert weakens(rule_change(write=write)) is None


def test_the_owner_s_word_opens_public_access_and_a_wide_range_and_nothing_else() -> None:
    """Everybody's address stays shut whoever says so."""
    word = "the owner of the cache has to agree"

    assert (
        weakens(rule_change(write=writes(CACHE, publicNetworkAccess="Enabled"), owner_word=word))
        is None
    )
    wide = writes(RULE, startIP="203.0.112.0", endIP="203.0.115.255")
    assert weakens(rule_change(write=wide, owner_word=word)) is None
    everybody = writes(RULE, startIP="0.0.0.0", endIP="255.255.255.255")
    assert weakens(rule_change(write=everybody, owner_word=word)) is not None


@given(st.integers(1, 2**32 - 1), st.integers(1, 2**32 - 1))
def test_a_range_passes_only_where_it_is_narrow_or_private(one: int, other: int) -> None:
    """Held against the definition, over all ranges."""
    first, last = ipaddress.ip_address(min(one, other)), ipaddress.ip_address(max(one, other))

    said = weakens(rule_change(write=writes(RULE, startIP=str(first), endIP=str(last))))

    narrow = int(last) - int(first) + 1 <= 256
    inside = any(first in each and last in each for each in PRIVATE)
    assert (said is None) == (narrow or inside)


@pytest.mark.parametrize("word", sorted(ASKED))
def test_what_is_asked_for_by_name_gets_the_reason_and_the_safe_way(word: str) -> None:
    """A refusal that offers nothing is answered by somebody's script."""
    said = asked(word)

    assert said.because
    assert said.instead
