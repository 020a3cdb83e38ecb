"""Which TLS a cache accepts, and what its certificate looks like.

An issuer is a name that anybody may write into a certificate. :func:`is_azure_issuer` says whether
a real cache's certificate could bear it, which supports a judgement and proves nothing: proof is a
chain that the client's trust store leads to. The same holds for :func:`inspection_vendor`.
"""

from __future__ import annotations

from refused.service.facts import (
    ACR_TLS,
    ACR_TLS_OLD,
    ACR_WHATS_NEW,
    AMR_TLS,
    AZURE_CA,
    CACHE_ROOT_CHANGE,
    CHROMIUM_MITM,
    LIKELY,
    SURE,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from refused.service.facts import Certainty, Service

# Shape: (service, version, whether it is accepted, source, certainty).
TLS_VERSIONS: tuple[tuple[Service, str, bool, str, Certainty], ...] = (
    ("acr", "1.0", False, ACR_TLS_OLD, LIKELY),
    ("acr", "1.1", False, ACR_TLS_OLD, LIKELY),
    ("acr", "1.2", True, ACR_TLS, SURE),
    ("acr", "1.3", True, ACR_TLS, SURE),
    ("acre", "1.0", False, ACR_TLS_OLD, SURE),
    ("acre", "1.1", False, ACR_TLS_OLD, SURE),
    ("acre", "1.2", True, ACR_TLS_OLD, SURE),
    ("amr", "1.0", False, AMR_TLS, SURE),
    ("amr", "1.1", False, AMR_TLS, SURE),
    ("amr", "1.2", True, AMR_TLS, SURE),
    ("amr", "1.3", True, AMR_TLS, SURE),
)

# Enforcement was announced for October, then for November 2024; the page now says "no longer".
# Shape: (date, without a day where only the month was named, what happened, source, certainty).
OLD_TLS_DATES: tuple[tuple[str, str, str, Certainty], ...] = (
    ("2023-09", "retirement of TLS 1.0 and 1.1 announced", ACR_TLS_OLD, SURE),
    ("2024-03-01", "1.0 and 1.1 can no longer be set as the minimum", ACR_TLS_OLD, SURE),
    ("2024-11-01", "connections with TLS 1.0 and 1.1 are to be refused", ACR_TLS_OLD, LIKELY),
)

# The client that knows only GCM on TLS 1.2 might find nothing in common; nobody reported it yet.
# Shape: (service, TLS version, cipher suite, source, certainty).
CIPHERS: tuple[tuple[Service, str, str, str, Certainty], ...] = (
    ("acr", "1.3", "TLS_AES_256_GCM_SHA384", ACR_TLS, SURE),
    ("acr", "1.3", "TLS_AES_128_GCM_SHA256", ACR_TLS, SURE),
    ("acr", "1.2", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", ACR_TLS, SURE),
    ("acr", "1.2", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", ACR_TLS, SURE),
)

# Shape: (root, since, until (None: still), what to know, source, certainty).
ROOTS: tuple[tuple[str, str | None, str | None, str, str, Certainty], ...] = (
    (
        "DigiCert Global Root G2",
        "2022-05",
        None,
        "the root of caches in public Azure, two months later in Azure Government",
        CACHE_ROOT_CHANGE,
        SURE,
    ),
    (
        "Baltimore CyberTrust Root",
        None,
        "2022-06",
        "the root before; it expired on 2025-05-12, so who pinned it trusts nothing",
        ACR_WHATS_NEW,
        SURE,
    ),
    ("DigiCert Global Root CA", None, None, "a root of Azure's services", AZURE_CA, SURE),
    ("DigiCert Global Root G3", None, None, "a root of Azure's services", AZURE_CA, SURE),
    ("DigiCert TLS RSA4096 Root G5", None, None, "a root of Azure's services", AZURE_CA, SURE),
    ("DigiCert TLS ECC P384 Root G5", None, None, "a root of Azure's services", AZURE_CA, SURE),
    (
        "Microsoft RSA Root Certificate Authority 2017",
        None,
        None,
        "a root of Azure's services",
        AZURE_CA,
        SURE,
    ),
    (
        "Microsoft ECC Root Certificate Authority 2017",
        None,
        None,
        "a root of Azure's services",
        AZURE_CA,
        SURE,
    ),
)

# A "#" stands for the number that Microsoft counts its authorities with.
# Shape: (common name, organisation, source, certainty).
ISSUERS: tuple[tuple[str, str, str, Certainty], ...] = (
    ("Microsoft Azure RSA TLS Issuing CA #", "Microsoft Corporation", AZURE_CA, SURE),
    ("Microsoft Azure ECC TLS Issuing CA #", "Microsoft Corporation", AZURE_CA, SURE),
    ("Microsoft Azure TLS Issuing CA #", "Microsoft Corporation", AZURE_CA, SURE),
    ("Microsoft TLS G2 RSA CA OCSP #", "Microsoft Corporation", AZURE_CA, SURE),
    ("Microsoft TLS G2 ECC CA OCSP #", "Microsoft Corporation", AZURE_CA, SURE),
    ("Microsoft TLS RSA Root G2", "Microsoft Corporation", AZURE_CA, SURE),
    ("Microsoft TLS ECC Root G2", "Microsoft Corporation", AZURE_CA, SURE),
    ("Microsoft RSA TLS CA #", "Microsoft Corporation", AZURE_CA, SURE),
    ("Microsoft RSA Root Certificate Authority 2017", "Microsoft Corporation", AZURE_CA, SURE),
    ("Microsoft ECC Root Certificate Authority 2017", "Microsoft Corporation", AZURE_CA, SURE),
    ("DigiCert Global Root CA", "DigiCert Inc", AZURE_CA, SURE),
    ("DigiCert Global Root G2", "DigiCert Inc", AZURE_CA, SURE),
    ("DigiCert Global Root G3", "DigiCert Inc", AZURE_CA, SURE),
    ("DigiCert TLS RSA4096 Root G5", "DigiCert, Inc.", AZURE_CA, SURE),
    ("DigiCert TLS ECC P384 Root G5", "DigiCert, Inc.", AZURE_CA, SURE),
    ("DigiCert Global G2 TLS RSA SHA256 2020 CA1", "DigiCert Inc", AZURE_CA, SURE),
    ("DigiCert Global G3 TLS ECC SHA384 2020 CA1", "DigiCert Inc", AZURE_CA, SURE),
    ("DigiCert TLS RSA SHA256 2020 CA1", "DigiCert Inc", AZURE_CA, SURE),
    ("DigiCert TLS Hybrid ECC SHA384 2020 CA1", "DigiCert Inc", AZURE_CA, SURE),
    ("DigiCert SHA2 Secure Server CA", "DigiCert Inc", AZURE_CA, SURE),
    ("DigiCert Cloud Services CA-1", "DigiCert Inc", AZURE_CA, SURE),
    ("DigiCert Basic RSA CN CA G2", "DigiCert Inc", AZURE_CA, SURE),
    ("DigiCert Basic OV G2 TLS CN RSA4096 SHA256 2022 CA1", "DigiCert, Inc.", AZURE_CA, SURE),
    ("DigiCert Basic OV G3 TLS CN ECC P-384 SHA384 2022 CA1", "DigiCert, Inc.", AZURE_CA, SURE),
    ("GeoTrust Global TLS RSA4096 SHA256 2022 CA1", "DigiCert, Inc.", AZURE_CA, SURE),
)

# Words that makers of inspecting proxies put into their issuers. A company may rename its own.
# Shape: (vendor, word or words as they stand in the issuer, source, certainty).
INSPECTION_WORDS: tuple[tuple[str, str, str, Certainty], ...] = (
    ("Zscaler", "zscaler", CHROMIUM_MITM, SURE),
    ("Fortinet", "fortinet", CHROMIUM_MITM, SURE),
    ("Fortinet", "fortigate", CHROMIUM_MITM, SURE),
    ("Blue Coat (Symantec)", "blue coat", CHROMIUM_MITM, SURE),
    ("Blue Coat (Symantec)", "bluecoat", CHROMIUM_MITM, LIKELY),
    ("Cisco Umbrella", "cisco umbrella", CHROMIUM_MITM, SURE),
    ("Sophos", "sophos", CHROMIUM_MITM, SURE),
    ("Sophos", "sophosutm", CHROMIUM_MITM, SURE),
    ("McAfee (Skyhigh)", "mcafee", CHROMIUM_MITM, SURE),
    ("McAfee (Skyhigh)", "skyhigh", "https://success.skyhighsecurity.com/", LIKELY),
    ("Kaspersky", "kaspersky", CHROMIUM_MITM, SURE),
    ("Avast", "avast", CHROMIUM_MITM, SURE),
    ("Bitdefender", "bitdefender", CHROMIUM_MITM, SURE),
    ("Forcepoint", "forcepoint", CHROMIUM_MITM, SURE),
    ("SonicWall", "sonicwall", CHROMIUM_MITM, SURE),
    ("Smoothwall", "smoothwall", CHROMIUM_MITM, SURE),
    ("ContentKeeper", "contentkeeper", CHROMIUM_MITM, SURE),
    ("Cyberoam", "cyberoam", CHROMIUM_MITM, SURE),
    ("NetSpark", "netspark", CHROMIUM_MITM, SURE),
    ("Trend Micro", "iwss trend", CHROMIUM_MITM, SURE),
    ("Palo Alto Networks", "palo alto networks", "https://docs.paloaltonetworks.com/", LIKELY),
    ("Netskope", "netskope", "https://docs.netskope.com/", LIKELY),
    ("Netskope", "goskope", "https://docs.netskope.com/", LIKELY),
    ("Check Point", "check point", "https://sc1.checkpoint.com/documents/", LIKELY),
    ("Check Point", "checkpoint", "https://sc1.checkpoint.com/documents/", LIKELY),
    ("ESET", "eset", "https://support.eset.com/", LIKELY),
    ("mitmproxy", "mitmproxy", "https://docs.mitmproxy.org/stable/concepts/certificates/", LIKELY),
    (
        "Charles",
        "charles proxy",
        "https://www.charlesproxy.com/documentation/using-charles/ssl-certificates/",
        LIKELY,
    ),
    ("Fiddler", "fiddler", "https://docs.telerik.com/fiddler/", LIKELY),
    ("Fiddler", "fiddlerroot", "https://docs.telerik.com/fiddler/", LIKELY),
    (
        "Burp Suite",
        "portswigger",
        "https://portswigger.net/burp/documentation/desktop/external-browser-config/certificate",
        LIKELY,
    ),
    (
        "Burp Suite",
        "burp",
        "https://portswigger.net/burp/documentation/desktop/external-browser-config/certificate",
        LIKELY,
    ),
)

# Where a client that checks revocation must get through, over plain HTTP.
# Shape: (host, what is fetched, source, certainty).
REVOCATION_HOSTS: tuple[tuple[str, str, str, Certainty], ...] = (
    ("cacerts.digicert.com", "missing intermediates", AZURE_CA, SURE),
    ("cacerts.geotrust.com", "missing intermediates", AZURE_CA, SURE),
    ("caissuers.microsoft.com", "missing intermediates", AZURE_CA, SURE),
    ("www.microsoft.com", "missing intermediates, revocation lists", AZURE_CA, SURE),
    ("crl3.digicert.com", "revocation lists", AZURE_CA, SURE),
    ("crl4.digicert.com", "revocation lists", AZURE_CA, SURE),
    ("ocsp.digicert.com", "revocation answers", AZURE_CA, SURE),
    ("oneocsp.microsoft.com", "revocation answers", AZURE_CA, SURE),
)


def accepts_tls(version: str, service: Service) -> bool | None:
    """Whether *service* accepts TLS *version* (``"1.2"``); ``None`` where that is not known."""
    for name, known, is_accepted, _, _ in TLS_VERSIONS:
        if (name, known) == (service, version):
            return is_accepted
    return None


def lowest_tls(service: Service) -> str | None:
    """Return the lowest TLS version that *service* accepts; ``None`` where that is not known."""
    accepted = [known for name, known, yes, _, _ in TLS_VERSIONS if name == service and yes]
    return min(accepted) if accepted else None


def is_azure_issuer(issuer_text: str) -> bool:
    """Whether the issuer is one that certificates of Azure's services bear.

    Takes the name as any tool prints it: RFC 4514 (``CN=…,O=…,C=US``), OpenSSL's ``C = US, O = …``
    or ``/C=US/O=…``, or the common name alone. Both common name and organisation must fit, so that
    a proxy which only borrows one of them does not.

    >>> is_azure_issuer("CN=Microsoft Azure RSA TLS Issuing CA 07,O=Microsoft Corporation,C=US")
    True
    >>> is_azure_issuer("CN=DigiCert Global Root G2,O=Contoso Proxy")
    False
    """
    parts = _attributes(issuer_text)
    common = parts.get("CN", "")
    organisation = parts.get("O")
    for name, owner, _, _ in ISSUERS:
        if _fits(common, name):
            return organisation is None or _letters(organisation) == _letters(owner)
    return False


def inspection_vendor(issuer_text: str) -> str | None:
    """Return the maker of inspecting proxies whose words the issuer holds; a hint, no proof.

    Whole words are compared: ``ESET`` does not hide in ``RESET``. An issuer of Azure's own names no
    vendor, whatever words it holds.
    """
    if is_azure_issuer(issuer_text):
        return None
    words = f" {_words(issuer_text)} "
    for vendor, known, _, _ in INSPECTION_WORDS:
        if f" {known} " in words:
            return vendor
    return None


def _fits(common: str, pattern: str) -> bool:
    if not pattern.endswith("#"):
        return common == pattern
    number = common[len(pattern) - 1 :]
    return common.startswith(pattern[:-1]) and number.isascii() and number.isdigit()


def _attributes(text: str) -> dict[str, str]:
    """Read a distinguished name in any of its usual forms; the first of equal attributes counts.

    Text without any attribute is taken for a common name.
    """
    text = text.strip()
    # In OpenSSL's older form a slash sets the parts apart, and commas are plain letters.
    parts = text[1:].split("/") if text.startswith("/") else _split(text)
    found: dict[str, str] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        if equals:
            found.setdefault(name.strip().upper(), value.strip().strip('"').strip())
    return found or {"CN": text}


def _split(text: str) -> list[str]:
    """Split at commas and plus signs that are neither quoted nor escaped, and drop the escapes."""
    parts, part, is_quoted, is_escaped = [], "", False, False
    for letter in text:
        if is_escaped:
            part, is_escaped = part + letter, False
        elif letter == "\\":
            is_escaped = True
        elif letter == '"':
            is_quoted = not is_quoted
        elif letter in ",+" and not is_quoted:
            parts.append(part)
            part = ""
        else:
            part += letter
    return [*parts, part]


def _letters(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())


def _words(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.lower()).split())
