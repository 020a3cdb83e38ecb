"""Every kind of change proposes what ends its cause, can be read by the tools it is written for, and weakens nothing."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import hcl2
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tree_sitter import Language, Parser
from tree_sitter_bicep import language

from refused.causes import names
from refused.evidence.control_plane import ClientAddress, FirewallRule, FirewallRules
from refused.evidence.observations import Login, RedisReply, TlsHandshake
from refused.remedies.change import FORMS, Change, Missing
from refused.remedies.kinds import all_kinds
from refused.remedies.kinds.firewall_rule import BadRange, range_of
from refused.remedies.plan import plan
from refused.remedies.refusals import weakens
from refused.report.plan import rendered, to_data, to_text, undo_words
from tests.remedies.scenery import (
    AZURE,
    CACHE,
    HERE,
    WORLDS,
    amr,
    bundle,
    cache,
    deny,
    dial,
    endpoint,
    found,
    group,
    subnet,
    target,
    zone,
)

if TYPE_CHECKING:
    from pathlib import Path

BICEP = Parser(Language(language()))
each_world = pytest.mark.parametrize("world", sorted(WORLDS))


def change_in(world: str) -> Change:
    """Return the change that a world is made for."""
    cause, facts, where = WORLDS[world]
    kind = world.partition(".")[0]
    steps = plan(bundle(facts, where), found(cause)).steps
    return next(step.change for step in steps if step.change.kind == kind)


def test_every_kind_has_a_world() -> None:
    """A kind that no test sees is a kind that nobody has seen."""
    kinds = {kind.__name__.rpartition(".")[2].replace("_", "-") for kind in all_kinds()}

    assert {world.partition(".")[0] for world in WORLDS} == kinds


def test_every_kind_ends_causes_that_there_are() -> None:
    """An id with a slip in it would never be asked for."""
    known = {name.replace("_", "-") for name in names()}

    for kind in all_kinds():
        assert set(kind.ENDS) <= known | {"bandwidth-exceeded", "azure-platform-outage", "resource-retired-or-migrated", "client-timeout-too-short"}, kind.__name__  # fmt: skip


@each_world
def test_a_change_says_everything_a_person_wants_to_know(world: str) -> None:
    """Blast radius, interruption, undo, proof."""
    change = change_in(world)

    assert change.why
    assert change.affects
    assert change.interruption
    assert change.proof
    assert change.title[0].islower()
    assert not change.title.endswith(".")
    assert undo_words(change) or change.where == "nowhere"
    assert (change.write is not None) == (change.where == "azure")
    assert Change.from_json(change.to_json()) == change


@each_world
def test_a_change_weakens_nothing(world: str) -> None:
    """What a plan shows has passed the guard."""
    assert weakens(change_in(world)) is None


@each_world
def test_bicep_can_be_parsed(world: str) -> None:
    """By tree-sitter's grammar, which is not ours."""
    text = rendered(change_in(world)).get("bicep")
    if text is not None:
        tree = BICEP.parse(text.encode())
        assert not tree.root_node.has_error, text


@each_world
def test_terraform_can_be_parsed(world: str) -> None:
    """By HCL's grammar, which is not ours."""
    text = rendered(change_in(world)).get("terraform")
    if text is not None:
        assert hcl2.loads(text)


@each_world
def test_commands_are_words_for_a_shell(world: str) -> None:
    """`bash -n` reads them, and nothing in them is expanded."""
    forms = rendered(change_in(world))
    for form in ("az", "kubectl"):
        text = forms.get(form)
        if text is None or text.startswith("#"):
            continue
        subprocess.run(["bash", "-n"], input=text.encode(), check=True)
        assert "$" not in text
        assert "`" not in text


@each_world
def test_forms_are_those_that_the_plan_offers(world: str) -> None:
    """What Azure does can be said in at least three languages."""
    change = change_in(world)
    forms = rendered(change)

    assert set(forms) <= set(FORMS)
    assert (
        change.where != "azure"
        or {"az", "bicep"} <= set(forms)
        or change.kind == "entra-assignment"
    )


def test_the_pod_s_sysctl_is_yaml() -> None:
    """A patch that does not parse is found out at three in the morning."""
    text = rendered(change_in("kernel-setting.conntrack"))["kubectl"]

    assert yaml.safe_load(text)["spec"]["securityContext"]["sysctls"][0]["value"] == "131072"


def test_every_cause_has_something_to_be_done() -> None:
    """By us, by others, or nothing with a reason; no cause leaves the reader alone."""
    ended = {cause for kind in all_kinds() for cause in kind.ENDS}

    assert {name.replace("_", "-") for name in names()} <= ended


@pytest.mark.kernel
def test_the_kernel_takes_the_setting_from_its_file(tmp_path: Path) -> None:
    """`sysctl` reads the file, in a network of its own."""
    file = tmp_path / "90-refused-redis.conf"
    file.write_text(rendered(change_in("kernel-setting"))["sysctl"])

    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", f"sysctl -q -p {file} && sysctl -n net.ipv4.tcp_retries2"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "5"


def test_a_firewall_rule_lets_one_address_in() -> None:
    """Exactly this client."""
    change = change_in("firewall-rule")

    assert change.write is not None
    assert change.write.id == f"{CACHE}/firewallRules/refused_203_0_113_7"
    assert change.write.body == '{"properties": {"startIP": "203.0.113.7", "endIP": "203.0.113.7"}}'
    assert rendered(change)["az"].endswith(
        "--name contoso --rule-name refused_203_0_113_7 --start-ip 203.0.113.7 --end-ip 203.0.113.7"
    )


def test_an_address_that_is_a_hint_is_not_let_in() -> None:
    """Behind a NAT the address of an interface is somebody else's in the service's eyes."""
    facts = (
        cache(),
        FirewallRules(**AZURE, resource_id=CACHE, rules=()),
        ClientAddress(**AZURE, address="203.0.113.7", how="metadata"),
    )

    made = plan(bundle(facts, target()), found("firewall-ip-blocked"))

    assert made.steps == ()
    assert isinstance(made.missing[0], Missing)
    assert "--client-ip" in made.missing[0].how


def test_nobody_is_told_to_add_a_firewall_rule_to_managed_redis() -> None:
    """It has none."""
    facts = (
        amr(),
        FirewallRules(**AZURE, resource_id=CACHE, rules=()),
        ClientAddress(**AZURE, address="203.0.113.7", how="given"),
    )

    made = plan(
        bundle(facts, target(service="amr")), found("firewall-ip-blocked", "public-access-disabled")
    )

    assert not any(step.change.kind in ("firewall-rule", "public-access") for step in made.steps)


def test_the_door_is_opened_only_behind_the_rule() -> None:
    """First the rule for one client, then public access; and both at the owner's word, last in the list."""
    address = ClientAddress(**AZURE, address="203.0.113.7", how="given")
    shut = cache(public_access="Disabled")
    rule = FirewallRule(name="r", first="203.0.113.7", last="203.0.113.7")

    before = plan(bundle((shut, FirewallRules(**AZURE, resource_id=CACHE, rules=()), address, subnet()), target()), found("public-access-disabled"))  # fmt: skip
    after = plan(bundle((shut, FirewallRules(**AZURE, resource_id=CACHE, rules=(rule,)), address), target()), found("public-access-disabled"))  # fmt: skip

    assert [step.change.kind for step in before.steps] == ["private-endpoint", "public-access"]
    assert before.steps[-1].change.prepares
    assert after.steps[-1].change.write is not None
    assert "Enabled" in after.steps[-1].change.write.body
    assert all(step.change.owner_word for step in (*before.steps[1:], *after.steps))


def test_a_link_comes_before_a_record() -> None:
    """Where the zone knows the address, the client's network only has to see it."""
    facts = (cache(), endpoint(), zone("10.1.0.4"), subnet())

    kinds = [
        step.change.kind
        for step in plan(bundle(facts, target()), found("private-endpoint-dns")).steps
    ]

    assert kinds == ["private-dns-link"]


def test_no_link_is_planned_where_it_was_not_seen_whether_there_is_one() -> None:
    """What is missing is said, and nothing is written."""
    facts = (cache(), endpoint(), zone("10.1.0.4", links_seen=False), subnet())

    made = plan(bundle(facts, target()), found("private-endpoint-dns"))

    assert [step.change.kind for step in made.steps] == []
    assert [(each.kind, each.needs) for each in made.missing] == [
        ("private-dns-link", "to which networks the zone is linked")
    ]


def test_a_security_rule_stands_just_before_the_one_that_blocks() -> None:
    """Its number is free, and lower."""
    rules = (deny(priority=200), deny("other", 199))
    facts = (cache(), dial(), subnet(), group(*rules))

    (step,) = plan(bundle(facts, target()), found("vnet-nsg-blocked")).steps

    assert step.change.fact("priority") == "198"
    assert step.change.fact("source") == "10.1.1.0/24"
    assert step.change.fact("ports") == "6380"


def test_without_a_free_priority_nothing_is_planned() -> None:
    """Rules of others are not moved."""
    facts = (cache(), dial(), subnet(), group(deny(priority=100)))

    made = plan(bundle(facts, target()), found("vnet-nsg-blocked"))

    assert made.steps == ()
    assert "move deny-redis" in made.missing[0].how


def test_what_was_tried_in_vain_stands_last() -> None:
    """The next hypothesis is offered."""
    cause, facts, where = WORLDS["firewall-rule"]
    title = change_in("firewall-rule").title
    more = (*facts, dial(), subnet(), group(deny()))
    evidence = bundle(more, where)

    fresh = plan(evidence, found(cause, "vnet-nsg-blocked"))
    again = plan(evidence, found(cause, "vnet-nsg-blocked"), {title: "it did not help"})

    assert [step.change.kind for step in fresh.steps] == ["firewall-rule", "nsg-rule"]
    assert [step.change.kind for step in again.steps] == ["nsg-rule", "firewall-rule"]
    assert again.steps[-1].tried == "it did not help"


def test_a_basic_cache_is_not_scaled_in_silence() -> None:
    """There is no way back from an empty cache, and the plan says so before it asks."""
    made = plan(bundle((cache(sku="Basic"),), target()), found("max-clients-reached"))

    (step,) = made.steps
    assert not step.change.reversible
    assert "no way back" in to_text(made) or "the data is gone" in to_text(made)


def test_tls_is_never_switched_off_to_meet_a_plain_port() -> None:
    """The safe way is named instead."""
    facts = (dial(),)
    made = plan(
        bundle(facts, target(service="redis", host="cache.example")), found("tls-plaintext-mixup")
    )

    assert made.steps == ()
    assert "in clear" in made.missing[0].how


def test_a_server_that_ends_at_an_old_version_is_not_the_client_s_to_mend() -> None:
    """The client speaks 1.2; letting it down to 1.1 would be worse than the fault."""
    facts = tuple(
        TlsHandshake(
            **HERE,
            address="1.1.1.1",
            port=6380,
            sni="redis.example.net",
            outcome="ok" if version == "1.1" else "alert",
            min_tls=version,
            max_tls=version,
            purpose="version",
        )
        for version in ("1.1", "1.2")
    )

    made = plan(bundle(facts, target(service="redis")), found("tls-version-mismatch"))

    assert made.steps == ()
    assert "this one ends at 1.1" in made.missing[0].needs
    assert "client-config" not in made.missing[0].how


def test_an_injected_cache_is_restarted_a_node_at_a_time() -> None:
    """Azure wants it after a change of its subnet's rules; all nodes at once would lose the data."""
    change = change_in("nsg-rule.injected")

    assert "az redis force-reboot" in change.interruption
    assert "AllNodes" not in change.interruption


def test_what_comes_first_says_why() -> None:
    """By likelihood, by the owner's word, by what it disturbs; the last has nothing to say."""
    facts, aim = WORLDS["public-access"][1:]
    made = plan(bundle(facts, aim), found("public-access-disabled", "firewall-ip-blocked"))
    said = [step.before for step in made.steps]

    assert len(said) > 1
    assert all(said[:-1])
    assert said[-1] == ""
    assert "before   the next: " in to_text(made, width=200)


def test_a_plan_is_text_and_data() -> None:
    """Both carry the command."""
    cause, facts, where = WORLDS["firewall-rule"]
    made = plan(bundle(facts, where), found(cause))

    assert "az redis firewall-rules create" in to_text(made)
    assert "New-AzRedisCacheFirewallRule" in to_text(made, form="powershell")
    assert to_data(made, "contoso")["steps"][0]["rendered"]["terraform"].startswith("resource")


FACTS: list[Any] = [
    *(fact for _, facts, _ in WORLDS.values() for fact in facts),
    amr(),
    cache(public_access="Disabled", sku="Basic"),
    cache(min_tls="1.0"),
    endpoint("Pending"),
    endpoint("Disconnected"),
    group(deny(direction="Inbound"), role="cache"),
    group(deny(direction="Inbound"), role="endpoint"),
    ClientAddress(**AZURE, address="0.0.0.0", how="given"),
    ClientAddress(**AZURE, address="10.1.1.20", how="echo"),
    ClientAddress(**AZURE, address="2001:db8::1", how="given"),
]


@given(
    st.lists(st.sampled_from(FACTS), max_size=8, unique_by=id),
    st.lists(st.sampled_from([name.replace("_", "-") for name in names()]), min_size=1, max_size=4, unique=True),
    st.sampled_from([target(), target(service="amr", port=10000), target(tls=False, port=6379), target(service="redis", host="10.0.0.5")]),
)  # fmt: skip
def test_no_plan_in_any_world_weakens_security(
    facts: list[Any], causes: list[str], where: Any
) -> None:
    """Over random worlds; and what needs its owner's word says so."""
    made = plan(bundle(tuple(facts), where), found(*causes))

    for step in made.steps:
        change = step.change
        assert weakens(change) is None
        body = change.write.body if change.write else ""
        assert "0.0.0.0" not in body
        assert "enableNonSslPort" not in body
        assert "minimumTlsVersion" not in body
        assert not ('"publicNetworkAccess": "Enabled"' in body and not change.owner_word)
        assert not any(s.name == "tls" and s.after == "false" for s in change.settings)
    assert to_text(made) or not (made.steps or made.missing or made.refused or made.without)


def ranged(word: str) -> Any:
    """Plan a rule for a range in place of the one address."""
    cause, facts, where = WORLDS["firewall-rule"]
    return plan(bundle(facts, where), found(cause), let_in=range_of(word))


@pytest.mark.parametrize("word", ["203.0.113.0/28", "203.0.113.0 - 203.0.113.15"])
def test_a_narrow_range_is_let_in_without_the_owner_s_word(word: str) -> None:
    """The outbound addresses of a NAT gateway are a few, one beside the other."""
    (step,) = ranged(word).steps
    change = step.change

    assert change.write is not None
    assert (
        change.write.body == '{"properties": {"startIP": "203.0.113.0", "endIP": "203.0.113.15"}}'
    )
    assert rendered(change)["az"].endswith("--start-ip 203.0.113.0 --end-ip 203.0.113.15")
    assert "16 addresses" in change.why
    assert not change.owner_word


def test_a_wide_range_is_flagged_for_its_owner() -> None:
    """Wider than /24, and the plan says whose word it wants."""
    made = ranged("203.0.112.0/22")

    (step,) = made.steps
    assert "1024 addresses" in step.change.owner_word
    assert "owner    the owner of the cache" in to_text(made)


@pytest.mark.parametrize("word", ["0.0.0.0/0", "203.0.0.0/8", "1.0.0.0-255.255.255.255"])
def test_a_range_that_nobody_knows_is_not_planned(word: str) -> None:
    """Whoever says so; with the safe way."""
    made = ranged(word)

    assert made.steps == ()
    assert "--client-ip" in made.refused[0].instead


@pytest.mark.parametrize(
    "word", ["198.51.100.0/28", "2001:db8::/64", "203.0.113.9-203.0.113.1", "203.0.113.0/40", "all", "-"]
)  # fmt: skip
def test_a_range_that_is_none_or_misses_the_client_is_said_at_once(word: str) -> None:
    """A rule that does not hold the client would end nothing."""
    with pytest.raises(BadRange):
        ranged(word)


def test_a_key_is_read_where_the_cache_keeps_it() -> None:
    """The value is nowhere in the plan; the command that shows it is."""
    own, managed = change_in("client-setting.key"), change_in("client-setting.key-amr")

    assert "redis list-keys" in rendered(own)["az"]
    assert "redisenterprise database list-keys" in rendered(managed)["az"]
    assert "Get-AzRedisCacheKey" in rendered(own)["powershell"]
    assert all(each.write is None for each in (own, managed))


def test_a_key_that_was_harmed_on_its_way_is_not_to_be_another() -> None:
    """Whoever puts a new one in the same quotes has the same fault."""
    change = change_in("client-setting.quoted")

    assert "without quotes" in change.title
    assert "az" not in rendered(change)


def test_a_server_without_a_password_is_not_given_a_client_with_another() -> None:
    """No key of any kind would be taken."""
    reply = RedisReply(
        **HERE,
        address="1.1.1.1",
        port=1,
        command="AUTH",
        outcome="error",
        error_text="ERR AUTH <password> called without any password configured for the default user.",
    )

    made = plan(bundle((reply,), target(service="redis")), found("auth-wrong-key"))

    assert made.steps == ()
    assert "requirepass" in made.missing[0].how


def test_a_token_for_something_else_is_asked_for_anew() -> None:
    """The scope is said letter for letter; where there is no such login, the key."""
    change = change_in("client-setting.audience")
    login = Login(**HERE, how="entra", user="me", looks_like="token", token_user="me")
    made = plan(bundle((login,), target(service="acre")), found("auth-entra-misconfigured"))

    assert change.title == "set token scope to https://redis.azure.com/.default"
    assert [step.change.title for step in made.steps] == ["set auth to key"]


def test_a_pinned_address_goes_by_its_line() -> None:
    """The name is right; the hosts file is not."""
    change = change_in("client-setting.hosts")

    assert change.title == "remove line 3 of /etc/hosts"
    assert rendered(change)["diff"].startswith("- line 3 of /etc/hosts = 20.42.65.9 ")
