"""Alerts that fit this cache, and what they would have said of the past.

  refused alerts plan TARGET    what is worth an alert here, at which threshold, and why
  refused alerts apply TARGET   make what is missing in Azure, one journalled change for each rule
  refused alerts undo [CHANGE]  take back the last apply, or one change (as refused fix --undo does)
  refused alerts test TARGET    replay history: when each rule would have fired, and how often for nothing

A rule that stands in Azure otherwise than planned is shown as a difference and changed only when you
agree to it (--update). Exit code: 0 all stands as planned (or would have fired in time), 1 something is
missing or differs.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from refused.cli.options import looking, print_json, probing, with_environment
from refused.vantage.words import BadOption

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator, Sequence
    from typing import Any

    from refused.evidence.bundle import Bundle
    from refused.evidence.control_plane import AzureCache, Metric
    from refused.incidents.record import Incident
    from refused.remedies.arm import Writer
    from refused.remedies.change import Change
    from refused.remedies.journal import Entry, Journal
    from refused.slo.bodies import Document
    from refused.slo.budget import Counted
    from refused.slo.replay import Span, Verdict
    from refused.slo.rules import Rules
    from refused.slo.standing import Standing

ACTIONS = ("plan", "apply", "undo", "test")
FORMS = ("az", "bicep", "arm", "terraform", "powershell", "prometheus")
FINE, NOT_FINE, USAGE = 0, 1, 2


def arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    made = {name: actions.add_parser(name, allow_abbrev=False) for name in ACTIONS}
    for name in ("plan", "apply"):
        looking(made[name], holds=False)
        _wishes(made[name])
        _told(made[name])
    made["plan"].add_argument(
        "--form", choices=FORMS, help="print the plan in this language, and nothing else"
    )
    made["plan"].add_argument(
        "--verbose",
        "-v",
        action="store_true",
        default=None,
        help="also say why this window, how bad it is, and where each figure is from",
    )
    made["apply"].add_argument(
        "--update",
        action="store_true",
        help="also change rules that stand otherwise than planned (their differences are shown)",
    )
    made["apply"].add_argument(
        "--tell-nobody",
        action="store_true",
        help="make rules without an action group: they show in the portal, and nobody is told",
    )
    looking(made["test"], holds=False)
    _wishes(made["test"])
    made["test"].add_argument(
        "--days",
        metavar="N",
        default="7",
        help="of Azure Monitor's history (default 7, at most 93)",
    )
    made["test"].add_argument(
        "--history",
        dest="histories",
        action="append",
        metavar="FILE",
        help="replay this instead: what az monitor metrics list printed, CSV, or a Prometheus range (repeatable)",
    )
    made["test"].add_argument(
        "--like",
        metavar="SIZE",
        help="TARGET is a file of history of a cache of this size, as C1, P2 or B10",
    )
    made["test"].add_argument(
        "--began", metavar="TIME", help="when the incident began, where there is none in the store"
    )
    made["test"].add_argument("--ended", metavar="TIME", help="when it worked again")
    made["undo"].add_argument(
        "change", nargs="?", metavar="CHANGE", help="one change; without it, all of the last apply"
    )
    for name in ("apply", "undo"):
        made[name].add_argument("--yes", action="store_true", help="do not ask before each change")
    for name in ("plan", "test"):
        made[name].add_argument("--json", action="store_true", default=None, help="print JSON")
    for name in ("plan", "test", "apply"):
        made[name].add_argument("--store", metavar="URL|FILE", help="where incidents are kept")


def _wishes(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--incident", metavar="ID", help="the alert on what recurred in this incident, or latest"
    )
    parser.add_argument(
        "--cause", metavar="CAUSE", help="only what warns of this cause, an id of refused causes"
    )
    parser.add_argument(
        "--without",
        action="append",
        metavar="RULE",
        help="leave this rule out, as evictions (repeatable)",
    )
    parser.add_argument(
        "--connection-limit",
        type=int,
        metavar="N",
        help="how many clients may connect, where no table says so",
    )


def _told(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--email",
        dest="emails",
        action="append",
        metavar="ADDRESS",
        help="whom to tell (repeatable)",
    )
    parser.add_argument(
        "--webhook",
        dest="webhooks",
        action="append",
        metavar="URL",
        help="what to call (repeatable)",
    )
    parser.add_argument(
        "--action-group",
        metavar="ARM_ID",
        help="an action group that exists, instead of one of our own",
    )


def run(options: Namespace) -> int:
    """Do what was asked. Returns the exit code."""
    with_environment(options, os.environ)
    return {"plan": _plan, "apply": _apply, "undo": _undo, "test": _test}[options.action](options)


# --- what is wanted -------------------------------------------------------------------------------


class _Wanted:
    """What a plan is made of: the cache, its rules, the incident, the documents."""

    def __init__(self, options: Namespace) -> None:
        from refused.api import probe

        asked = probing(options, os.environ)
        if asked["azure"] is None and not options.target.lstrip().startswith("@"):
            asked["azure"] = True
        self.bundle: Bundle = probe(options.target, **asked)
        self.incident = _incident(options)
        self.cache = _cache_of(self.bundle, options)
        self.rules = _rules(self.cache, self.incident, options)
        where = self.bundle.target
        self.target = f"{where.host}:{where.port}"

    def documents(self, options: Namespace) -> tuple[Document, ...]:
        """Return what is to stand in Azure."""
        from refused.slo.bodies import documents

        return documents(self.rules, self.cache.id, _receivers(options), target=self.target)


def _cache_of(bundle: Bundle, options: Namespace) -> AzureCache:
    from refused.evidence.control_plane import AzureCache as Cache
    from refused.evidence.observations import Unseen

    found = bundle.view(bundle.vantages[0]).one(Cache)
    if isinstance(found, Unseen):
        how = f"; {found.how_to_see}" if found.how_to_see else "; give --resource ARM_ID"
        raise BadOption(
            f"alerts are made from the cache's own resource, and it was not seen: {found.why}{how}"
        )
    if options.connection_limit is not None:
        if options.connection_limit < 1:
            raise BadOption("--connection-limit: give a number of connections above 0")
        return found.replace(max_clients=options.connection_limit)
    return found


def _rules(cache: AzureCache, incident: Incident | None, options: Namespace) -> Rules:
    from refused.incidents.timeline import bundles
    from refused.slo.for_cache import rules_for
    from refused.slo.recurred import rules_after

    made = rules_for(cache)
    if incident is not None:
        began = incident.began_at or incident.detected_at or incident.opened_at
        after = rules_after(
            incident.cause, cache, tuple(bundles(incident)), began, incident.resolved_at
        )
        # The alert on what recurred stands beside the general ones, which it does not replace.
        made = made.replace(
            metric=(*after.metric, *made.metric),
            log=(*after.log, *made.log),
            left_out=(*after.left_out, *made.left_out),
        )
    if options.cause:
        _known_cause(options.cause)
        made = made.replace(
            metric=tuple(each for each in made.metric if each.cause == options.cause),
            log=tuple(each for each in made.log if each.cause == options.cause),
        )
    without = set(options.without or ())
    unknown = without - {each.id for each in rules_for(cache).all} - {each.id for each in made.all}
    if unknown:
        raise BadOption(
            f"--without: there is no rule {', '.join(sorted(unknown))[:60]!r} here; refused alerts plan shows them"
        )
    return made.replace(
        metric=tuple(each for each in made.metric if each.id not in without),
        log=tuple(each for each in made.log if each.id not in without),
    )


def _known_cause(id_: str) -> None:
    from refused.causes import names

    known = {name.replace("_", "-") for name in names()}
    if id_ not in known:
        from difflib import get_close_matches

        near = get_close_matches(id_, known, 1)
        hint = f"; did you mean {near[0]}?" if near else "; refused causes lists them"
        raise BadOption(f"--cause: there is no cause {id_[:40]!r}{hint}")


def _incident(options: Namespace) -> Incident | None:
    if not options.incident:
        return None
    from refused.cli.incident import opened

    store = opened(options.store)
    try:
        return store.find(options.incident)
    finally:
        store.close()


def _receivers(options: Namespace) -> Any:
    from refused.evidence.redaction import remember
    from refused.remedies.arm_id import take_apart
    from refused.slo.bodies import Told

    for each in options.emails or ():
        if each.count("@") != 1 or each.startswith("@") or each.endswith("@"):
            raise BadOption("--email: give an address as name@host")
    for each in options.webhooks or ():
        if not each.startswith("https://"):
            raise BadOption(
                "--webhook: give a URL that begins with https://, it may carry a secret"
            )
        remember(each)
    if options.action_group:
        if options.emails or options.webhooks:
            raise BadOption("--action-group is told as it stands: leave --email and --webhook out")
        try:
            kind = take_apart(options.action_group).type.lower()
        except ValueError:
            kind = ""
        if kind != "microsoft.insights/actiongroups":
            raise BadOption(
                "--action-group: give an id that ends in /providers/Microsoft.Insights/actionGroups/NAME"
            )
    return Told(
        group_id=options.action_group or "",
        emails=tuple(options.emails or ()),
        webhooks=tuple(options.webhooks or ()),
    )


# --- plan -----------------------------------------------------------------------------------------


def _plan(options: Namespace) -> int:
    from refused.slo import forms
    from refused.slo.words import to_data, to_text

    wanted = _Wanted(options)
    made = wanted.documents(options)
    if options.form == "prometheus":
        from refused.slo.prometheus import for_cache, to_yaml

        cause = wanted.incident.cause if wanted.incident is not None else (options.cause or "")
        print(to_yaml(for_cache(wanted.cache, wanted.rules, wanted.target, cause)), end="")
        return FINE
    if options.form:
        print(forms.whole(made, options.form), end="")
        return FINE
    standing = _standing(made) if _can_ask(options) else ()
    if options.json:
        from json import dumps

        print_json(dumps(to_data(wanted.cache, wanted.rules, made, standing), indent=2))
    else:
        nobody = _receivers(options).is_nobody
        text = to_text(
            wanted.cache,
            wanted.rules,
            standing,
            nobody=nobody,
            verbose=bool(options.verbose),
            width=_width(),
        )
        print(text)
    return NOT_FINE if any(each.state in ("missing", "different") for each in standing) else FINE


def _can_ask(options: Namespace) -> bool:
    return not options.target.lstrip().startswith(("@", "lab:")) and options.azure is not False


def _standing(made: Sequence[Document]) -> tuple[Standing, ...]:
    """Read what stands in Azure, and compare."""
    from refused.api import arm_writer
    from refused.slo.standing import compare

    arm = arm_writer(os.environ)
    others = _log_rules(arm, made)
    return tuple(compare(each, _read(arm, each), others) for each in made)


def _read(arm: Writer, document: Document) -> dict[str, Any] | None:
    from refused.remedies.apply import CouldNotApply

    reply = arm.read(document.id, document.api_version)
    if reply.status == 404:
        return None
    if reply.status != 200 or not isinstance(reply.body, dict):
        said = (reply.body or {}).get("error") if isinstance(reply.body, dict) else None
        what = f"{said.get('code')}: {said.get('message')}" if isinstance(said, dict) else ""
        raise CouldNotApply(
            f"{document.id} cannot be read ({reply.status} {what[:300]}); "
            f"the role needs Microsoft.Insights/{document.kind}/read"
        )
    return reply.body


def _log_rules(arm: Writer, made: Sequence[Document]) -> tuple[Any, ...]:
    """Return the activity log's rules of the subscription; none where they may not be listed."""
    from refused.slo.bodies import API, LOG

    first = next((each for each in made if each.kind == LOG), None)
    if first is None:
        return ()
    path = "/".join(first.id.split("/")[:3]) + f"/providers/Microsoft.Insights/{LOG}"
    reply = arm.read(path, API[LOG])
    found = reply.body.get("value") if reply.status == 200 and isinstance(reply.body, dict) else ()
    return tuple(each for each in found or () if isinstance(each, dict))


# --- apply ----------------------------------------------------------------------------------------


def _apply(options: Namespace) -> int:
    from refused.api import arm_writer

    if _receivers(options).is_nobody and not options.tell_nobody:
        raise BadOption(
            "nobody would be told: give --email ADDRESS or --action-group ARM_ID, or say --tell-nobody"
        )
    if options.target.lstrip().startswith("lab:"):
        raise BadOption(
            "a world of the lab is gone before a rule could stand in it; refused lab up keeps one"
        )
    wanted = _Wanted(options)
    made = wanted.documents(options)
    arm, journal = arm_writer(os.environ), _journal()
    causes = {each.id: each.cause for each in wanted.rules.all}
    others = _log_rules(arm, made)
    work = _Work(arm, journal, options, target=wanted.target, causes=causes)
    for document in made:
        work.bring(document, others)
    work.summary()
    return NOT_FINE if work.left else FINE


class _Work:
    """One run of apply: every rule in turn, each a change of its own."""

    def __init__(
        self,
        arm: Writer,
        journal: Journal,
        options: Namespace,
        *,
        target: str,
        causes: dict[str, str],
    ) -> None:
        import secrets

        self.arm, self.journal, self.options = arm, journal, options
        self.target, self.causes = target, causes
        self.run = secrets.token_hex(4)
        self.counts = dict.fromkeys(("made", "changed", "same", "elsewhere", "left"), 0)

    @property
    def left(self) -> int:
        """How many rules do not stand as planned now."""
        return self.counts["left"]

    def bring(self, document: Document, others: tuple[Any, ...]) -> None:
        """Bring one resource to what is wanted, if somebody agrees."""
        from refused.remedies.apply import apply, snapshot
        from refused.slo.changes import change_of
        from refused.slo.standing import compare

        self._finish_what_was_left(document)
        found = _read(self.arm, document)
        now = compare(document, found, others)
        if now.state in ("same", "elsewhere"):
            self.counts[now.state] += 1
            if now.state == "elsewhere":
                _say(f"{document.name}: {now.other} does the same already; no second one is made")
            return
        change = change_of(now, found, run=self.run, cause=self.causes.get(document.rule, ""))
        # What is shown now is what must still hold when the write is sent.
        planned = snapshot(change, self.arm)
        if not self._agreed(now, change):
            self.counts["left"] += 1
            return
        outcome = apply(
            change,
            self.arm,
            self.journal,
            lambda: _look(self.arm, document),
            planned=planned,
            target=self.target,
            tell=_say,
        )
        if not outcome.cured:
            self.counts["left"] += 1
            _say(f"{document.name}: {outcome.learnt}")
            return
        self.counts["made" if now.state == "missing" else "changed"] += 1
        print(f"{outcome.id}: {'made' if now.state == 'missing' else 'changed'} {document.name}")

    def _finish_what_was_left(self, document: Document) -> None:
        from refused.remedies.apply import resume

        left = self.journal.open_on(document.id)
        if left is None:
            return
        _say(f"change {left.id} was left at '{left.state}': finishing it first")
        resume(left, self.arm, lambda: _look(self.arm, document), tell=_say)

    def _agreed(self, now: Standing, change: Change) -> bool:
        from refused.cli.fix import NotAgreed

        if now.state == "different":
            _say(f"{now.document.name} stands otherwise than planned:")
            for line in now.differences:
                _say(f"  {line}")
            if self.options.update:
                return True
            if self.options.yes or not sys.stdin.isatty():
                _say("  left as it is; --update changes it")
                return False
            return _asked(f"{change.title}?")
        if self.options.yes:
            return True
        _say(f"{change.title}: {change.why}")
        if not sys.stdin.isatty():
            raise NotAgreed(f"{change.title}? There is nobody to ask; say --yes")
        return _asked(f"{change.title}?")

    def summary(self) -> None:
        """Say in one line what was done."""
        words = {
            "made": "made",
            "changed": "changed",
            "same": "stood as planned",
            "elsewhere": "watched by another rule already",
            "left": "left as they are",
        }
        said = ", ".join(
            f"{self.counts[name]} {word}" for name, word in words.items() if self.counts[name]
        )
        print(said or "nothing to do")
        if self.counts["made"] or self.counts["changed"]:
            _say("refused alerts undo takes it all back")


def _look(arm: Writer, document: Document) -> Any:
    """Look whether a rule stands as it was planned."""
    from refused.remedies.apply import Seen
    from refused.slo.standing import compare

    found = _read(arm, document)
    now = compare(document, found)
    works = now.state == "same"
    said = "it stands as planned" if works else "; ".join(now.differences[:3]) or "it is not there"
    return Seen(works=works, says=said)


def _asked(question: str) -> bool:
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


# --- undo -----------------------------------------------------------------------------------------


def _undo(options: Namespace) -> int:
    from refused.api import arm_writer
    from refused.cli.fix import NotAgreed
    from refused.remedies.apply import ChangedMeanwhile, CouldNotApply, undo
    from refused.remedies.journal import Busy

    entries = _to_undo(_journal(), options.change)
    if not entries:
        print("no alert was made from here that still stands")
        return FINE
    if not options.yes:
        for entry in entries:
            _say(f"{entry.id}: {entry.change.title}")
        if not sys.stdin.isatty():
            raise NotAgreed(f"Take back {len(entries)} changes? There is nobody to ask; say --yes")
        if not _asked(f"Take back {len(entries)} changes?"):
            raise NotAgreed("not agreed; nothing was changed")
    arm, left = arm_writer(os.environ), 0
    for entry in entries:
        if left and _is_told(entry):
            left += 1
            print(f"{entry.id}: {entry.change.title}: kept, for what is left standing tells it")
            continue
        try:
            outcome = undo(entry, arm, tell=_say)
        except (CouldNotApply, ChangedMeanwhile, Busy) as why:
            left += 1
            print(f"{entry.id}: {entry.change.title}: {why}")
            continue
        print(f"{entry.id}: {outcome.state}; {entry.change.title}")
    if left:
        _say(f"{left} of {len(entries)} were left as they are")
    return NOT_FINE if left else FINE


def _is_told(entry: Entry) -> bool:
    """Whether taking it back would remove the action group that rules tell."""
    from refused.slo.bodies import GROUP

    back = entry.change.undo
    return back is not None and back.method == "DELETE" and f"/{GROUP}/" in entry.change.resource_id


def _to_undo(journal: Journal, wanted: str | None) -> list[Entry]:
    """Return what is to be taken back, the latest first: rules go before the group they tell."""
    from refused.slo.changes import KIND

    if wanted:
        return [journal.find(wanted)]
    stands = [
        each
        for each in journal.entries()
        if each.state in ("kept", "undoing") and each.change.kind == KIND
    ]
    # Ids tell the second; a run makes several changes in one.
    stands.sort(key=lambda each: float(each.steps[0]["at"]), reverse=True)
    last = stands[0].change.fact("run") if stands else ""
    return [each for each in stands if each.change.fact("run") == last]


# --- test -----------------------------------------------------------------------------------------


def _test(options: Namespace) -> int:
    from refused.slo.budget import Objective
    from refused.slo.replay import replay, replay_burns
    from refused.slo.words import replay_data, replay_text

    days = _days(options.days)
    incident = _incident(options)
    files = _files(options)
    if files and options.like:
        cache, bundle = _pretended(options.like), None
        rules = _rules(cache, incident, options)
    else:
        wanted = _Wanted(options)
        cache, rules, bundle = wanted.cache, wanted.rules, wanted.bundle
    spans = _spans(options, incident, cache)
    series, counts, gaps, where = _history(
        options, files, bundle, incident, cache, rules, days, spans
    )
    verdicts = [*replay(rules.metric, series, spans)]
    if counts:
        verdicts += replay_burns(counts, Objective(), spans)
    if options.json:
        from json import dumps

        print_json(dumps(replay_data(verdicts, spans, gaps, where), indent=2))
    else:
        print(replay_text(rules, verdicts, series, spans, gaps=gaps, where=where, width=_width()))
    if not spans:
        return NOT_FINE if any(each.cried_wolf for each in verdicts) else FINE
    # In time is before anybody else noticed: at least one rule for each incident, from its beginning on.
    return FINE if all(_is_rung_for(span.id, verdicts) for span in spans) else NOT_FINE


def _is_rung_for(id_: str, verdicts: Sequence[Verdict]) -> bool:
    return any(each.state == "rang" and id_ not in each.missed for each in verdicts)


def _days(text: str) -> float:
    from refused.slo.azure_history import KEPT_DAYS

    try:
        days = float(text)
    except ValueError:
        days = 0.0
    if not 0 < days <= KEPT_DAYS:
        raise BadOption(
            f"--days: give a number above 0 and at most {KEPT_DAYS}, as Azure keeps no more"
        )
    return days


def _files(options: Namespace) -> tuple[str, ...]:
    """Return the files of history; TARGET may be one where --like says what the cache is."""
    files = tuple(options.histories or ())
    if options.like:
        return (options.target, *files)
    if not options.target.startswith("@") and os.path.isfile(options.target):
        raise BadOption(
            f"{options.target} is a file of history: say --like SIZE (C1, P2, B10) for the cache that it is of"
        )
    return files


def _pretended(size: str) -> AzureCache:
    """Return a cache of that size, for history that comes without its cache.

    Raises:
        BadOption: There is no such size.
    """
    from refused.evidence.control_plane import CONTROL_PLANE
    from refused.evidence.control_plane import AzureCache as Cache
    from refused.service.tiers import find_sku

    found = find_sku(size)
    if found is None:
        raise BadOption(f"--like: there is no size {size[:20]!r}; give one as C1, P2 or B10")
    is_acr = found.service == "acr"
    kind = "redis" if is_acr else "redisEnterprise"
    return Cache(
        vantage=CONTROL_PLANE,
        at=0.0,
        took_ms=0.0,
        source="--like",
        id=f"/subscriptions/0/resourceGroups/0/providers/Microsoft.Cache/{kind}/cache",
        service=found.service,
        name="cache",
        host="cache",
        sku=("Premium" if found.size.startswith("P") else "Standard") if is_acr else found.name,
        family=found.size[0] if is_acr else None,
        capacity=int(found.size[1:]) if is_acr else None,
    )


def _spans(options: Namespace, incident: Incident | None, cache: AzureCache) -> tuple[Span, ...]:
    """Return the incidents: the one that was named, or what the words say, or all of this cache in the store."""
    from refused.cli.incident import moment
    from refused.slo.replay import Span as Made

    began, ended = moment(options.began), moment(options.ended)
    if began is not None:
        if ended is not None and ended < began:
            raise BadOption("--ended is before --began")
        return (Made(id="the incident", began=began, ended=ended),)
    if ended is not None:
        raise BadOption("--ended needs --began")
    if incident is not None:
        return tuple(_span(incident))
    try:
        from refused.cli.incident import opened

        store = opened(options.store)
    except (BadOption, OSError):
        return ()
    try:
        names = (cache.host.lower(), cache.id.lower())
        return tuple(
            span
            for each in store.all()
            if any(name and name in each.target.lower() for name in names)
            for span in _span(each)
        )
    finally:
        store.close()


def _span(incident: Incident) -> Iterator[Span]:
    from refused.slo.replay import Span as Made

    began = incident.began_at or incident.detected_at or incident.opened_at
    yield Made(id=incident.id, began=began, ended=incident.resolved_at or incident.closed_at)


def _history(  # noqa: PLR0917 - where history may come from, in the order in which it is asked
    options: Namespace,
    files: Sequence[str],
    bundle: Bundle | None,
    incident: Incident | None,
    cache: AzureCache,
    rules: Rules,
    days: float,
    spans: Sequence[Span],
) -> tuple[tuple[Metric, ...], tuple[Counted, ...], tuple[str, ...], str]:
    """Return the history, what was counted of our own probes, what is missing of it, and where it is from."""
    import time

    from refused.evidence.control_plane import Metric as Series
    from refused.incidents.timeline import bundles
    from refused.slo.azure_history import KEPT_DAYS, read
    from refused.slo.history import parse

    if files:
        read_files = [parse(_read_file(each), each) for each in files]
        series = tuple(each for found in read_files for each in found.series)
        counts = tuple(each for found in read_files for each in found.counts)
        return series, counts, (), ", ".join(files)
    kept = tuple(
        fact
        for each in (bundles(incident) if incident is not None else ())
        for fact in each.facts
        if isinstance(fact, Series)
    )
    if kept:
        return kept, (), (), f"the evidence of incident {incident.id if incident else ''}"
    if bundle is not None and not _can_ask(options):
        own = tuple(fact for fact in bundle.facts if isinstance(fact, Series))
        return own, (), (), "the evidence itself"
    end = time.time()
    begin = end - days * 86400
    if spans:
        # An incident that is older than that, with what Azure still has of it.
        begin = max(
            min(begin, min(each.began for each in spans) - 86400), end - KEPT_DAYS * 86400 + 60
        )
    found, gaps = read(os.environ, cache.id, rules.metric, begin, end)
    return found, (), gaps, f"Azure Monitor, {(end - begin) / 86400:.0f} days"


def _read_file(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


# --- small things ---------------------------------------------------------------------------------


def _say(line: str) -> None:
    from refused.evidence.redaction import redact_ours

    print(redact_ours(line), file=sys.stderr, flush=True)


def _journal() -> Journal:
    from refused.remedies.journal import Journal as Opened
    from refused.remedies.journal import data_folder

    return Opened(data_folder(os.environ) / "changes")


def _width() -> int:
    from shutil import get_terminal_size

    return min(get_terminal_size((80, 24)).columns, 100)
