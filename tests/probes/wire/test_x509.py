"""Certificates, held against the ones that ``cryptography`` makes and reads."""

from __future__ import annotations

import calendar
import datetime as dt
import functools
import hashlib
import ipaddress

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from refused.probes.wire.x509 import BadCertificate, parse_certificate
from tests.probes.wire.garbage import MODEST, PATIENCE_S, cpu_seconds, mutated

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))

# Those that both sides have a short name for.
SHORT = [
    NameOID.COMMON_NAME,
    NameOID.LOCALITY_NAME,
    NameOID.STATE_OR_PROVINCE_NAME,
    NameOID.ORGANIZATION_NAME,
    NameOID.ORGANIZATIONAL_UNIT_NAME,
    NameOID.STREET_ADDRESS,
    NameOID.USER_ID,
]
TEXTS = st.text(min_size=1, max_size=20) | st.text(' #"+,;<>\\=\0\x1baé', min_size=1, max_size=8)
PLAIN = st.text("abcXYZ 019'()+,-./:=?", min_size=1, max_size=20)
BASIC = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), min_size=1)

ATTRIBUTES = st.one_of(
    st.builds(x509.NameAttribute, st.sampled_from(SHORT), TEXTS),
    st.builds(
        lambda oid, text: x509.NameAttribute(oid, text, _type=_ASN1Type.PrintableString),
        st.sampled_from(SHORT),
        PLAIN,
    ),
    st.builds(
        lambda oid, text: x509.NameAttribute(oid, text, _type=_ASN1Type.BMPString),
        st.sampled_from(SHORT),
        BASIC,
    ),
    st.builds(x509.NameAttribute, st.just(NameOID.COUNTRY_NAME), st.just("DE")),
    st.builds(x509.NameAttribute, st.just(NameOID.DOMAIN_COMPONENT), PLAIN),
)


def _rdn(attributes: list[x509.NameAttribute[str]]) -> x509.RelativeDistinguishedName:
    return x509.RelativeDistinguishedName(
        {attribute.oid: attribute for attribute in attributes}.values()
    )


NAMES = st.lists(st.lists(ATTRIBUTES, min_size=1, max_size=3).map(_rdn), max_size=5).map(x509.Name)
DNS_NAMES = st.from_regex(r"(\*\.)?[a-z0-9]([a-z0-9-]{0,10}\.){1,3}[a-z]{2,5}", fullmatch=True)
ALTERNATIVES = st.lists(
    DNS_NAMES.map(x509.DNSName)
    | st.ip_addresses().map(x509.IPAddress)
    | st.just(x509.UniformResourceIdentifier("spiffe://example/ns"))
    | st.just(x509.RFC822Name("a@example.org")),
    min_size=1,
    max_size=6,
)
DATES = st.datetimes(dt.datetime(1950, 1, 1), dt.datetime(9999, 12, 31)).map(  # noqa: DTZ001
    lambda date: date.replace(microsecond=0)
)
SERIALS = st.integers(1, 2**159 - 1)


def _certificate(
    names: tuple[x509.Name, x509.Name],
    dates: tuple[dt.datetime, dt.datetime],
    serial: int = 1,
    alternatives: tuple[x509.GeneralName, ...] = (),
    is_ca: bool | None = None,
) -> bytes:
    subject, issuer = names
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .not_valid_before(min(dates))
        .not_valid_after(max(dates))
        .serial_number(serial)
        .public_key(KEY.public_key())
    )
    if alternatives:
        alternative = x509.SubjectAlternativeName(alternatives)
        builder = builder.add_extension(alternative, critical=not subject)
    if is_ca is not None:
        constraints = x509.BasicConstraints(ca=is_ca, path_length=0 if is_ca else None)
        builder = builder.add_extension(constraints, critical=True)
    return builder.sign(KEY, None).public_bytes(serialization.Encoding.DER)


def _name(**parts: str) -> x509.Name:
    return x509.Name([
        x509.NameAttribute(getattr(NameOID, kind.upper()), text) for kind, text in parts.items()
    ])  # fmt: skip


SPAN = (dt.datetime(2026, 1, 1), dt.datetime(2027, 1, 1, 12))  # noqa: DTZ001
CONTOSO = _name(common_name="contoso", organization_name="Contoso, Ltd.")
PLAIN_DER = _certificate(
    (CONTOSO, CONTOSO),
    SPAN,
    alternatives=(
        x509.DNSName("*.redis.cache.windows.net"),
        x509.IPAddress(ipaddress.IPv6Address("2001:db8::1")),
    ),
    is_ca=True,
)
CERTIFICATES = st.builds(
    _certificate,
    st.tuples(NAMES, NAMES),
    st.tuples(DATES, DATES),
    SERIALS,
    ALTERNATIVES.map(tuple),
    st.sampled_from([None, True, False]),
)


def _epoch_s(date: dt.datetime) -> float:
    return calendar.timegm(date.utctimetuple())


@MODEST
@given(CERTIFICATES)
def test_a_certificate_reads_as_in_cryptography(der: bytes) -> None:
    """Names, dates, alternative names, serial and constraints, whatever is in them."""
    theirs = x509.load_der_x509_certificate(der)

    ours = parse_certificate(der)

    assert ours.not_before == _epoch_s(theirs.not_valid_before_utc)
    assert ours.not_after == _epoch_s(theirs.not_valid_after_utc)
    assert int(ours.serial, 16) == theirs.serial_number
    assert len(ours.serial) % 2 == 0
    assert ours.sha256 == hashlib.sha256(der).hexdigest()
    for said, name in ((ours.subject, theirs.subject), (ours.issuer, theirs.issuer)):
        assert said.isprintable()
        _hold_name(said, name)
    names = theirs.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    expected = [
        str(name.value) for name in names if isinstance(name, (x509.DNSName, x509.IPAddress))
    ]
    assert [_canonical(name) for name in ours.names] == [_canonical(name) for name in expected]
    try:
        constraints = theirs.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        assert not ours.is_ca
    else:
        assert ours.is_ca == constraints.ca


def _hold_name(said: str, name: x509.Name) -> None:
    """The text has to be cryptography's own; where that cannot be shown, to mean the same."""
    theirs = name.rfc4514_string()
    if theirs.isprintable():
        assert said == theirs
    # cryptography's reader takes no empty text for a name, and its types are its own choice.
    if said:
        read = x509.Name.from_rfc4514_string(said)
        assert _values(read) == _values(name)


def _values(name: x509.Name) -> list[set[tuple[str, str | bytes]]]:
    return [{(each.oid.dotted_string, each.value) for each in rdn} for rdn in name.rdns]


def _canonical(name: str) -> str:
    try:
        return ipaddress.ip_address(name).exploded
    except ValueError:
        return name


def test_a_certificate_as_a_report_shows_it() -> None:
    """The most specific part of a name comes first, and a comma in it is escaped."""
    said = parse_certificate(PLAIN_DER)

    assert said.subject == said.issuer == "O=Contoso\\, Ltd.,CN=contoso"
    assert said.self_signed
    assert said.is_ca
    assert said.names == ("*.redis.cache.windows.net", "2001:db8::1")
    assert (said.not_before, said.not_after) == (1767225600.0, 1798804800.0)
    assert said.serial == "01"


def test_the_certificates_of_a_common_test_authority_are_read() -> None:
    """With another kind of key, and extensions of all sorts."""
    ca = trustme.CA()
    leaf = ca.issue_cert("cache.example", "10.0.0.4")
    pem = leaf.cert_chain_pems[0].bytes()
    der = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)
    root = x509.load_pem_x509_certificate(ca.cert_pem.bytes())

    said = parse_certificate(der)
    above = parse_certificate(root.public_bytes(serialization.Encoding.DER))

    assert said.names == ("cache.example", "10.0.0.4")
    assert (said.issuer, said.is_ca, above.is_ca) == (above.subject, False, True)


# --- what the builder will not make, put together by hand


def _der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    if len(body) < 128:
        return bytes((tag, len(body))) + body
    width = (len(body).bit_length() + 7) // 8
    return bytes((tag, 0x80 | width)) + len(body).to_bytes(width, "big") + body


_sequence = functools.partial(_der, 0x30)
COMMON_NAME = _der(6, b"\x55\4\3")


def _by_hand(
    name: bytes = b"",
    not_before: bytes = _der(0x17, b"260101000000Z"),
    serial: bytes = b"\1",
    extensions: bytes = b"",
    version: bytes = b"",
) -> bytes:
    """A certificate of which only the parts in question are filled in."""
    signed = _sequence(
        version,
        _der(2, serial),
        _sequence(),
        _sequence(name),
        _sequence(not_before, _der(0x17, b"270101000000Z")),
        _sequence(),
        _sequence(),
        extensions,
    )
    return _sequence(signed, _sequence(), _der(3, b"\0"))


def _subject_part(kind: bytes, value: bytes) -> bytes:
    return _der(0x31, _sequence(kind, value))


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (COMMON_NAME, _der(0x14, b"M\xfcnchen"), "CN=München"),  # TeletexString
        (COMMON_NAME, _der(0x1C, "a🔑".encode("utf-32-be")), "CN=a🔑"),  # UniversalString
        (COMMON_NAME, _der(0x1E, "🔑".encode("utf-16-be")), "CN=🔑"),
        (COMMON_NAME, _der(0x16, b"a\x1b[2J"), "CN=a\\1b[2J"),
        (COMMON_NAME, _der(0x0C, "a\u202eb".encode()), "CN=a\\e2\\80\\aeb"),
        (COMMON_NAME, _der(0x0C, b" # a "), "CN=\\ # a\\ "),
        (COMMON_NAME, _der(0x0C, b"#a"), "CN=\\#a"),
        (COMMON_NAME, _der(0x0C, b""), "CN="),
        (COMMON_NAME, _der(0x0C, b"\xff"), "CN=#0c01ff"),  # no UTF-8
        (COMMON_NAME, _der(0x1E, b"\xd8\0"), "CN=#1e02d800"),  # half a character
        (COMMON_NAME, _der(2, b"\5"), "CN=#020105"),
        (_der(6, b"\x55\4\x2d"), _der(3, b"\0\xff"), "2.5.4.45=#030200ff"),
        (_der(6, b"\x2a\x86\x48\x86\xf7\x0d\1\x09\1"), _der(0x16, b"a@b"), "emailAddress=a@b"),
        (_der(6, b"\x88\x37\3"), _der(0x0C, b"x"), "2.999.3=x"),
        (_der(6, b"\x27"), _der(0x0C, b"x"), "0.39=x"),
        (_der(6, b"\x28"), _der(0x0C, b"x"), "1.0=x"),
        (_der(6, b"\x2a\x81\x80\0"), _der(0x0C, b"x"), "1.2.16384=x"),
    ],
)
def test_a_name_of_an_unusual_make(kind: bytes, value: bytes, said: str) -> None:
    """Every kind of string; what is no text is shown as the hex of its DER."""
    assert parse_certificate(_by_hand(_subject_part(kind, value))).issuer == said


@pytest.mark.parametrize(
    ("tag", "text", "at"),
    [
        (0x17, b"500101000000Z", -631152000),
        (0x17, b"491231235959Z", 2524607999),
        (0x17, b"9508090000Z", 807926400),  # no seconds, as in the nineties
        (0x17, b"000229120000Z", 951825600),
        (0x18, b"19491231235959Z", -631152001),
        (0x18, b"20500101000000Z", 2524608000),
        (0x18, b"99991231235959Z", 253402300799),
        (0x18, b"00010101000000Z", -62135596800),
        (0x18, b"24000229000000Z", 13574563200),
    ],
)
def test_a_date_of_either_form(tag: int, text: bytes, at: int) -> None:
    """Two digits turn over in 1950; four do not."""
    assert parse_certificate(_by_hand(not_before=_der(tag, text))).not_before == at


@pytest.mark.parametrize("year", [1, 1900, 1970, 1999, 2000, 2026, 2028, 2100, 9999])
def test_every_month_has_its_days(year: int) -> None:
    """The first and the last second of each, in common and in leap years."""
    for month in range(1, 13):
        for day, clock in ((1, (0, 0, 0)), (calendar.monthrange(year, month)[1], (23, 59, 59))):
            text = b"%04d%02d%02d%02d%02d%02dZ" % (year, month, day, *clock)
            said = parse_certificate(_by_hand(not_before=_der(0x18, text)))
            assert said.not_before == calendar.timegm((year, month, day, *clock))
        with pytest.raises(BadCertificate, match="no date"):
            parse_certificate(
                _by_hand(not_before=_der(0x18, b"%04d%02d%02d000000Z" % (year, month, day + 1)))
            )


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        (0x17, b"260229000000Z"), (0x17, b"261301000000Z"), (0x17, b"260001000000Z"),
        (0x17, b"260100000000Z"), (0x17, b"260132000000Z"), (0x17, b"260431000000Z"),
        (0x17, b"260101240000Z"), (0x17, b"260101006000Z"), (0x17, b"260101000060Z"),
        (0x17, b"260101000000"), (0x17, b"2601010000000Z"), (0x17, b"26010100000 Z"),
        (0x17, b"260101000000+0100"), (0x17, b""), (0x17, b"20260101000000Z"),
        (0x18, b"260101000000Z"), (0x18, b"21000229000000Z"), (0x18, b"20260101000000.5Z"),
        (0x0C, b"260101000000Z"),
    ],
)  # fmt: skip
def test_a_date_that_is_none(tag: int, text: bytes) -> None:
    """Days that no month has, and forms that RFC 5280 does not allow."""
    with pytest.raises(BadCertificate, match="no date"):
        parse_certificate(_by_hand(not_before=_der(tag, text)))


@pytest.mark.parametrize(
    ("serial", "said"),
    [
        (b"\0", "00"),
        (b"\x7f", "7f"),
        (b"\0\xff", "ff"),
        (b"\1\0", "0100"),
        (b"\xff", "-01"),
        (b"\x80\0", "-8000"),
    ],
)
def test_a_serial_number_is_whole_bytes_of_hex(serial: bytes, said: str) -> None:
    """Negative ones were issued, by mistake."""
    assert parse_certificate(_by_hand(serial=serial)).serial == said


def _extension(oid: bytes, value: bytes, *between: bytes) -> bytes:
    return _sequence(_der(6, oid), *between, _der(4, value))


def test_alternative_names_of_other_make_are_left_out() -> None:
    """An address of seven bytes is no address, and a name from outside is escaped."""
    names = _sequence(
        _der(0x82, b"a\x1b\xff.example"),
        _der(0x87, b"\x0a\0\0\4"),
        _der(0x87, bytes(7)),
        _der(0x86, b"spiffe://x"),
        _der(0x87, bytes(15) + b"\1"),
    )
    wrapped = _der(0xA3, _sequence(_extension(b"\x55\x1d\x11", names)))

    assert parse_certificate(_by_hand(extensions=wrapped)).names == (
        "a\\x1b\\xff.example",
        "10.0.0.4",
        "::1",
    )


@pytest.mark.parametrize(
    ("constraints", "is_ca"),
    [
        (_sequence(), False),
        (_sequence(_der(1, b"\xff")), True),
        (_sequence(_der(1, b"\0")), False),
        (_sequence(_der(2, b"\1")), False),
    ],
)
def test_only_who_says_so_is_a_ca(constraints: bytes, is_ca: bool) -> None:
    """A path length alone does not make one."""
    critical = _der(1, b"\xff")
    wrapped = _der(0xA3, _sequence(_extension(b"\x55\x1d\x13", constraints, critical)))

    assert parse_certificate(_by_hand(extensions=wrapped)).is_ca == is_ca


def test_a_certificate_of_the_first_version_has_no_version_field() -> None:
    """Nor any extension."""
    assert parse_certificate(_by_hand()) != parse_certificate(
        _by_hand(version=_der(0xA0, _der(2, b"\2")))
    )
    assert parse_certificate(_by_hand()).names == ()


@pytest.mark.parametrize(
    ("der", "why"),
    [
        (b"", "ends within"),
        (b"-----BEGIN CERTIFICATE-----", "longer than"),
        (PLAIN_DER + b"\0", "not one sequence"),
        (_der(0x31), "not one sequence"),
        (_sequence(), "not signed"),
        (_sequence(_sequence(), _sequence(), _der(3)), "not those of a certificate"),
        (b"\x30\x80\0\0", "not one of DER"),
        (b"\x30\x85\0\0\0\0\0", "not one of DER"),
        (b"\x3f\x1f\0", "more than one byte"),
        (_by_hand(serial=b""), "serial number is empty"),
        (_by_hand(not_before=b""), "two dates"),
        (_by_hand(_sequence()), "no set"),
        (_by_hand(_der(0x31)), "no set"),
        (_by_hand(_subject_part(_der(0x0C), _der(0x0C))), "without a type"),
        (_by_hand(_subject_part(COMMON_NAME, b"")), "without a type"),
        (_by_hand(_subject_part(_der(6), _der(0x0C))), "object identifier"),
        (_by_hand(_subject_part(_der(6, b"\x81"), _der(0x0C))), "object identifier"),
        (_by_hand(_subject_part(_der(6, b"\1" * 65), _der(0x0C))), "object identifier"),
        (_by_hand(extensions=_der(0xA3, _sequence(_sequence()))), "a name and a value"),
        (_by_hand(extensions=_der(0xA3, _sequence(_extension(b"\x55\x1d\x11", _der(4))))),
         "not one sequence"),
        (_by_hand(extensions=_der(0xA3, _sequence(_extension(b"\x55\x1d\x11", b"")))),
         "ends within"),
    ],
)  # fmt: skip
def test_what_is_no_certificate_says_where_it_stops_being_one(der: bytes, why: str) -> None:
    """Each break has its sentence."""
    with pytest.raises(BadCertificate, match=why):
        parse_certificate(der)


def test_a_certificate_cut_short_anywhere_is_bad() -> None:
    """Every length in it promises more than is there."""
    for end in range(len(PLAIN_DER)):
        with pytest.raises(BadCertificate):
            parse_certificate(PLAIN_DER[:end])


@settings(max_examples=300)
@given(mutated(st.just(PLAIN_DER)) | st.binary(max_size=300))
def test_whatever_comes_is_read_or_bad(der: bytes) -> None:
    """No other error leaves the reader, and what is read can be shown."""
    try:
        said = parse_certificate(der)
    except BadCertificate as bad:
        assert str(bad).isprintable()  # noqa: PT017 - an error need not come
    else:
        assert repr(said).isprintable()
        assert all(map(str.isprintable, (said.subject, said.issuer, said.serial, *said.names)))


@settings(max_examples=300)
@given(st.integers(0, len(PLAIN_DER) - 1), st.integers(0, 255))
def test_one_wrong_byte_anywhere_is_read_or_bad(at: int, byte: int) -> None:
    """Here the lengths around it mostly hold, so that the depths are reached."""
    try:
        parse_certificate(PLAIN_DER[:at] + bytes((byte,)) + PLAIN_DER[at + 1 :])
    except BadCertificate as bad:
        assert str(bad).isprintable()  # noqa: PT017 - an error need not come


MANY_NAMES = _der(0xA3, _sequence(_extension(b"\x55\x1d\x11", _sequence(b"\x82\0" * 500_000))))
PART = _subject_part(_der(6, b"\x81\1" * 30), _der(0x0C, b"\0"))


@pytest.mark.parametrize(
    "der",
    [
        b"\x30\x82" * 500_000,
        b"\x30\0" * 500_000,
        _sequence(b"\x30\0" * 500_000),
        _by_hand(PART * (1_000_000 // len(PART))),
        _by_hand(_subject_part(COMMON_NAME, _der(0x0C, b"\0" * 1_000_000))),
        _by_hand(serial=b"\x80" * 1_000_000),
        _by_hand(not_before=_der(0x18, b"1" * 1_000_000)),
        _by_hand(extensions=MANY_NAMES),
    ],
    ids=["nesting", "siblings", "children", "parts", "text", "serial", "date", "names"],
)  # fmt: skip
def test_no_certificate_keeps_the_processor_busy(der: bytes) -> None:
    """A megabyte of whatever a stranger can think of is done with at once."""

    def read() -> None:
        try:
            parse_certificate(der)
        except BadCertificate:
            return

    assert cpu_seconds(read) < PATIENCE_S
