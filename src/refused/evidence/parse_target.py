"""Read what the user wants to reach, in any of the forms in which people have it at hand.

Every mistake gets one clear line: what is wrong, and what would be right. The line never repeats
the target, which may hold a password.

The module keeps to Python 3.8 and the standard library: it travels to remote hosts.
"""

from __future__ import annotations

from refused.evidence.record import Record
from refused.evidence.redaction import Secret, redact
from refused.evidence.target import Credentials, Parsed, Target
from refused.evidence.target_parts import (
    EXAMPLE,
    BadTarget,
    Draft,
    is_mask,
    is_placeholder,
    read_endpoint,
    tls_by_default,
)
from refused.service.addresses import parse as parse_address
from refused.service.clouds import is_cache_name, resource_type, service_of
from refused.service.ports import default_port

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, Mapping

    from refused.evidence.observations import ClientSettings

    Kind = Literal["bundle", "lab", "resource", "endpoint"]

__all__ = ["BadTarget", "Resource", "kind_of", "parse_resource", "parse_target"]

LONGEST = 16_384


class Resource(Record):
    """An Azure resource, by its id.

    Attributes:
        type: ``Microsoft.Cache/redis`` or ``Microsoft.Cache/redisEnterprise``.
    """

    subscription: str
    group: str
    type: str
    name: str


def kind_of(text: str) -> Kind:
    """Say what a target names: a saved bundle, a scenario of the lab, a resource or an endpoint."""
    word = text[:LONGEST].strip()
    lowered = word.lower()
    if word.startswith("@"):
        return "bundle"
    if lowered.startswith("lab:"):
        return "lab"
    if lowered.startswith(("/subscriptions/", "subscriptions/")):
        return "resource"
    if lowered.startswith("https://") and "/providers/microsoft.cache/" in lowered:
        return "resource"  # the portal's address bar, or the management API's URL
    return "endpoint"


def parse_resource(text: str) -> Resource:
    """Take the id of a cache apart; what lies below the cache is left out.

    Raises:
        BadTarget: It is no id of a cache.
    """
    word = _unwrapped(text[:LONGEST])
    at = word.lower().find("subscriptions/")
    parts = word[at:].split("/") if at >= 0 else []
    kinds = ("subscriptions", "resourcegroups", "providers", "microsoft.cache")
    said = tuple(part.lower() for part in parts[0:7])
    if (said[0:1], said[2:3], said[4:5]) != ((kinds[0],), (kinds[1],), (kinds[2],)):
        raise BadTarget(f"that is no resource id; one is {_ID}")
    if said[5:6] != (kinds[3],):
        raise BadTarget("the resource is not Microsoft.Cache's; give the id of a cache")
    known = {"redis": resource_type("acr"), "redisenterprise": resource_type("amr")}
    kind = known.get(said[6] if len(said) > 6 else "")
    if kind is None or len(parts) < 8:
        raise BadTarget(
            "the resource is no cache; the id ends in redis/NAME or redisEnterprise/NAME"
        )
    subscription, group, name = parts[1], parts[3], parts[7].partition("?")[0]
    if any(is_placeholder(each) for each in (subscription, group, name)):
        raise BadTarget("the resource id still holds a placeholder; put the real part in its place")
    if not _is_guid(subscription):
        raise BadTarget("the subscription in the resource id is no GUID; `az account show` has it")
    if not group or not group.isprintable():
        raise BadTarget("the resource id names no resource group")
    if not is_cache_name(name):
        raise BadTarget("the name in the resource id is none that a cache can have")
    return Resource(subscription=subscription.lower(), group=group, type=kind, name=name)


def parse_target(
    text: str,
    *,
    user: str | None = None,
    auth: str | None = None,
    cluster: bool | None = None,
    environ: Mapping[str, str] | None = None,
) -> Parsed:
    """Take a target apart.

    Args:
        text: An endpoint, URL, connection string, command line or settings.
        user: The user name of ``--user``; the target's own wins.
        auth: ``key``, ``entra`` or ``none`` of ``--auth``.
        cluster: Whether the client is cluster-aware, where the user said so.
        environ: Where ``REDISCLI_AUTH`` is looked up; the target's own key wins.

    Raises:
        BadTarget: It is no target.
    """
    if auth not in (None, "key", "entra", "none"):
        raise BadTarget("there are three ways to log in: --auth key, entra or none")
    draft = Draft()
    _read(_cleaned(text), draft)
    return _finished(draft, user=user, auth=auth, cluster=cluster, environ=environ or {})


# --- which form it is ----------------------------------------------------------------------------


def _read(word: str, draft: Draft) -> None:
    """Find the form and read it. A form's reader is loaded when it is met: most runs need none."""
    if _may_be_settings(word):
        from refused.evidence import target_settings as settings

        if settings.is_command(word):
            settings.read_command(word, draft)
            return
        if settings.is_settings(word):
            settings.read_settings(word, draft)
            return
    if "\n" in word:
        raise BadTarget("the target goes over several lines; copy it as one")
    if "://" in word:
        from refused.evidence.target_urls import read_url, scheme_of

        if scheme_of(word) is not None:
            read_url(word, draft)
            return
    if "," in word or "=" in word.partition("?")[0]:
        from refused.evidence.target_stackexchange import is_option, read_stackexchange

        # A comma in ServiceStack's form is part of the key.
        if any(map(is_option, word.split(","))) or ("," in word and "@" not in word):
            read_stackexchange(word, draft)
            return
    if "@" in word or "?" in word:
        from refused.evidence.target_urls import read_servicestack

        read_servicestack(word, draft)
        return
    _read_bare(word, draft)


def _may_be_settings(word: str) -> bool:
    return "\n" in word or "cli" in word or "=" in word or word.startswith("{")


def _read_bare(word: str, draft: Draft) -> None:
    lowered = word.lower()
    if lowered.startswith(("redis:/", "rediss:/", "redis//", "rediss//", "valkey:/", "valkeys:/")):
        raise BadTarget(
            "a URL has a colon and two slashes behind its scheme, as in rediss://host:6380"
        )
    if ";" in word:
        raise BadTarget("options are separated by commas, as in host:6380,password=KEY,ssl=True")
    draft.host, draft.port = read_endpoint(word)
    draft.show(draft.place())
    if draft.port is None and draft.host != "localhost" and is_cache_name(draft.host):
        draft.form = "name" if parse_address(draft.host) is None else "host"


_QUOTES = (('"', '"'), ("'", "'"), ("`", "`"), ("\u201c", "\u201d"), ("\u2018", "\u2019"))
# Letters that nobody sees, and that come along when a text is copied from a page or a chat.
_UNSEEN = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u202a\u202b\u202c\u202d\u202e"


def _unwrapped(text: str) -> str:
    word = text.strip()
    for opening, closing in _QUOTES:
        if len(word) > 1 and word[0] == opening and word[-1] == closing:
            return word[1:-1].strip()
    return word


def _cleaned(text: str) -> str:
    """Take quotation marks away, and refuse what no target can hold."""
    if len(text) > LONGEST:
        raise BadTarget(f"that is longer than any target; {EXAMPLE}")
    word = _unwrapped(text)
    if not word:
        raise BadTarget(f"the target is empty; {EXAMPLE}")
    if word.isprintable():
        return word
    word = word.replace("\r\n", "\n").replace("\r", "\n")
    for letter in word:
        if 0xD800 <= ord(letter) <= 0xDFFF:
            raise BadTarget("the target is not valid Unicode; type it by hand")
        if letter in _UNSEEN:
            raise BadTarget("the target holds a letter that cannot be seen; type it by hand")
        if (ord(letter) < 0x20 and letter not in "\n\t") or 0x7F <= ord(letter) < 0xA0:
            raise BadTarget("the target holds a control character; copy it again, as one line")
    return word


_ID = "/subscriptions/ID/resourceGroups/GROUP/providers/Microsoft.Cache/redis/NAME"


def _is_guid(text: str) -> bool:
    groups = text.split("-")
    return [len(group) for group in groups] == [8, 4, 4, 4, 12] and not "".join(groups).strip(
        "0123456789abcdefABCDEF"
    )


# --- putting it together -------------------------------------------------------------------------


def _finished(
    draft: Draft,
    *,
    user: str | None,
    auth: str | None,
    cluster: bool | None,
    environ: Mapping[str, str],
) -> Parsed:
    hosting = service_of(draft.host)
    tls = tls_by_default(draft.host, draft.port) if draft.tls is None else draft.tls
    port = draft.port or draft.default_port or default_port(hosting.service, tls) or 6379
    who = draft.user or user or None
    password = None if auth == "none" else _password(draft, environ)
    if who is not None and not password and redact(who) != who:
        raise BadTarget("a key stands where the user name belongs; put a colon before the key")
    if who is not None and not who.isprintable():
        raise BadTarget("the user name holds a control character; copy it again")
    secret = None if password is None else Secret(password)
    target = Target(
        text="".join(redact(text) if is_free else text for text, is_free in draft.shown),
        form=draft.form,
        host=draft.host,
        port=port,
        tls=tls,
        port_given=draft.port is not None,
        service="redis" if hosting.looks_misspelt else hosting.service,
        db=draft.db,
        user=None if who is None else redact(who),
        auth=auth or _auth(password),
        cluster_aware=draft.cluster if cluster is None else cluster,
    )
    return Parsed(target, _settings(draft), Credentials(who, secret))


def _password(draft: Draft, environ: Mapping[str, str]) -> str | None:
    given = environ.get("REDISCLI_AUTH") or None
    named = draft.password
    if named is None:
        return given
    if is_mask(named):
        # Our own output masks the key like this, and its commands are meant to be typed again.
        if given is None:
            raise BadTarget("the key is masked with asterisks; put the real one into REDISCLI_AUTH")
        return given
    if is_placeholder(named):
        raise BadTarget("the key still holds a placeholder; put the real key in its place")
    return named


def _auth(password: str | None) -> str:
    if not password:
        return "none"
    return "entra" if password.startswith("eyJ") and password.count(".") == 2 else "key"


def _settings(draft: Draft) -> ClientSettings | None:
    """Return what the text says of its client; ``None`` where it speaks of none."""
    if not (draft.client or draft.settings or draft.others or draft.other_hosts):
        return None
    from refused.evidence.observations import ClientSettings

    return ClientSettings(
        vantage="user",
        at=0.0,
        took_ms=0.0,
        source="target string",
        client=draft.client,
        others=tuple(redact(other) for other in draft.others),
        other_hosts=tuple(draft.other_hosts),
        cluster_aware=draft.cluster,
        **draft.settings,
    )
