"""What a cache accepts, and whose name may stand on its certificate."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from refused.service.tls_policy import (
    INSPECTION_WORDS,
    ISSUERS,
    accepts_tls,
    inspection_vendor,
    is_azure_issuer,
    lowest_tls,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from refused.service.facts import Service

AZURE = "Microsoft Azure RSA TLS Issuing CA 07"


@pytest.mark.parametrize(
    ("version", "service", "accepted"),
    [
        ("1.0", "acr", False),
        ("1.1", "acr", False),
        ("1.2", "acr", True),
        ("1.3", "acr", True),
        ("1.3", "amr", True),
        ("1.1", "amr", False),
        ("1.2", "acre", True),
        ("1.3", "acre", None),
        ("1.2", "redis", None),
        ("0.9", "acr", None),
    ],
)
def test_old_versions_are_refused_and_unknown_ones_unknown(
    version: str,
    service: Service,
    accepted: bool | None,
) -> None:
    """A Redis of one's own accepts what it was built to accept."""
    assert accepts_tls(version, service) is accepted


def test_twelve_is_the_lowest_everywhere() -> None:
    """In TLS versions, that is."""
    assert lowest_tls("acr") == lowest_tls("acre") == lowest_tls("amr") == "1.2"
    assert lowest_tls("redis") is None


@pytest.mark.parametrize(
    "issuer",
    [
        f"CN={AZURE},O=Microsoft Corporation,C=US",
        f"C=US, O=Microsoft Corporation, CN={AZURE}",
        f"C = US, O = Microsoft Corporation, CN = {AZURE}",
        f"/C=US/O=Microsoft Corporation/CN={AZURE}",
        f" {AZURE} ",
        "CN=Microsoft Azure ECC TLS Issuing CA 12,O=Microsoft Corporation,C=US",
        "CN=Microsoft TLS G2 RSA CA OCSP 16,O=Microsoft Corporation,C=US",
        "CN=DigiCert Global G2 TLS RSA SHA256 2020 CA1,O=DigiCert Inc,C=US",
        "C=US,O=DigiCert Inc,OU=www.digicert.com,CN=DigiCert Global Root G2",
        r"CN=DigiCert TLS RSA4096 Root G5,O=DigiCert\, Inc.,C=US",
        'C = US, O = "DigiCert, Inc.", CN = DigiCert TLS RSA4096 Root G5',
    ],
)
def test_the_issuers_of_azure_are_known_in_every_spelling(issuer: str) -> None:
    """RFC 4514, OpenSSL old and new, and the bare name."""
    assert is_azure_issuer(issuer)
    assert inspection_vendor(issuer) is None


@pytest.mark.parametrize(
    "issuer",
    [
        "",
        "CN=Contoso Issuing CA,O=Contoso,C=DE",
        f"CN={AZURE},O=Contoso",
        f"O=Microsoft Corporation,CN=Contoso,CN={AZURE}",
        f"CN=Proxy for {AZURE},O=Microsoft Corporation",
        f"CN={AZURE}b,O=Microsoft Corporation",
        "CN=Microsoft Azure RSA TLS Issuing CA ,O=Microsoft Corporation",
        "CN=DigiCert Global Root G2,O=Zscaler Inc.",
        "CN=R11,O=Let's Encrypt,C=US",
        "CN=Redis Test CA",
    ],
)
def test_half_a_name_is_not_enough(issuer: str) -> None:
    """Common name and organisation both, and no more letters than there should be."""
    assert not is_azure_issuer(issuer)


@given(st.sampled_from(ISSUERS), st.integers(1, 99))
def test_a_real_certificate_is_read_as_libraries_print_it(
    row: tuple[str, str, str, str], number: int
) -> None:
    """The name goes through a real X.509 encoder first, commas and all."""
    common, organisation = row[0].replace("#", f"{number:02}"), row[1]
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )
    assert is_azure_issuer(name.rfc4514_string())
    stranger = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Contoso, Microsoft Corporation"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )
    assert not is_azure_issuer(stranger.rfc4514_string())


def test_a_certificate_off_the_press_is_not_azure_s(issued_by: Callable[[str], str]) -> None:
    """What a proxy mints bears the proxy's name."""
    issuer = issued_by("Zscaler Intermediate Root CA (zscalerthree.net)")
    assert not is_azure_issuer(issuer)
    assert inspection_vendor(issuer) == "Zscaler"


@pytest.fixture
def issued_by() -> Callable[[str], str]:
    """Mint a certificate and return its issuer as text."""

    def mint(common: str) -> str:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
        now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(7)
            .not_valid_before(now)
            .not_valid_after(now + dt.timedelta(days=1))
            .sign(key, hashes.SHA256())
        )
        return made.issuer.rfc4514_string()

    return mint


@pytest.mark.parametrize(
    ("issuer", "vendor"),
    [
        ("CN=FortiGate CA,O=Fortinet", "Fortinet"),
        ("CN=avast! Web/Mail Shield Root,O=avast! Web/Mail Shield", "Avast"),
        ("CN=Bitdefender Personal CA.Net-Defender", "Bitdefender"),
        ("CN=Cisco Umbrella Primary SubCA,O=Cisco", "Cisco Umbrella"),
        ("CN=Sophos_CA_C0A1,O=Contoso", "Sophos"),
        ("CN=sophosutm Proxy CA", "Sophos"),
        ("O=Blue Coat Systems\\, Inc.", "Blue Coat (Symantec)"),
        ("CN=McAfee Web Gateway", "McAfee (Skyhigh)"),
        ("CN=Kaspersky Anti-Virus Personal Root Certificate", "Kaspersky"),
        ("CN=ESET SSL Filter CA,O=ESET\\, spol. s r. o.", "ESET"),
        ("CN=ca.contoso.goskope.com,O=Contoso", "Netskope"),
        ("CN=mitmproxy,O=mitmproxy", "mitmproxy"),
        ("CN=Charles Proxy CA (5 Nov 2026\\, laptop)", "Charles"),
        ("CN=DO_NOT_TRUST_FiddlerRoot,O=DO_NOT_TRUST", "Fiddler"),
        ("CN=PortSwigger CA,O=PortSwigger", "Burp Suite"),
        ("CN=IWSS.TREND", "Trend Micro"),
        ("CN=Reset Password CA", None),
        ("CN=VMware Engineering CA,L=Palo Alto,ST=California", None),
        ("CN=Contoso Issuing CA", None),
        ("", None),
    ],
)
def test_a_vendor_is_named_by_whole_words(issuer: str, vendor: str | None) -> None:
    """ESET does not hide in RESET, and a firm in Palo Alto is not its neighbour."""
    assert inspection_vendor(issuer) == vendor


def test_each_word_finds_its_vendor() -> None:
    """A row that another row shadows would be dead."""
    for vendor, word, _, _ in INSPECTION_WORDS:
        assert inspection_vendor(f"CN=The {word.title()} Root") == vendor


@given(st.text(max_size=120))
def test_no_issuer_is_too_strange(issuer: str) -> None:
    """The text comes from whoever answered."""
    if is_azure_issuer(issuer):
        assert inspection_vendor(issuer) is None
