"""Plan what would end the fault of TARGET; with --apply make the first change, and only the first.

Without --apply nothing is changed. Before a change the resource is exported; after it the failing
probe runs again from the same place, and what did not help is taken back. The journal survives a
crash at any moment: the next run says what was done, and finishes or undoes it.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from refused.cli.options import looking, print_json, probing, with_environment
from refused.remedies.change import FORMS
from refused.remedies.refusals import ASKED, asked

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from refused.remedies.apply import Outcome
    from refused.remedies.change import Change
    from refused.remedies.journal import Entry, Journal
    from refused.remedies.plan import Plan
    from refused.remedies.rehearsal import Rehearsal

CURED, NOT_CURED, USAGE, INCONCLUSIVE = 0, 1, 2, 3


class NotAgreed(ValueError):
    """Nobody agreed to the change; the message says how to agree."""

    for_people = True


def arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    looking(parser, needs_target=False)
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--dry-run", action="store_true", help="plan and change nothing (the default)"
    )
    what.add_argument(
        "--apply",
        action="store_true",
        help="make the first change of the plan, prove it, else undo it",
    )
    what.add_argument(
        "--rehearse",
        action="store_true",
        help="make it in a lab that is built from the exported resource, and touch nothing else",
    )
    what.add_argument(
        "--to-group",
        metavar="NAME",
        help="make it on a copy of the resource in this resource group, and take the copy away",
    )
    what.add_argument(
        "--export",
        metavar="FILE",
        help="write the resource as a template, without secrets: FILE.json, FILE.bicep",
    )
    what.add_argument(
        "--undo",
        nargs="?",
        const="",
        metavar="CHANGE",
        help="take a change back: the latest, or by its id",
    )
    what.add_argument("--journal", action="store_true", help="show what was changed from here")
    parser.add_argument(
        "--keep", action="store_true", help="keep the change even if it does not help"
    )
    parser.add_argument(
        "--yes", "-y", action="store_true", help="do not ask before the change is made"
    )
    parser.add_argument(
        "--owner-agrees",
        action="store_true",
        help="the owner of the resource has agreed to what the plan marks so",
    )
    parser.add_argument(
        "--let-in",
        metavar="RANGE",
        help="a firewall rule for this range, as 203.0.113.0/28, in place of the one address; wider than /24 at the owner's word",
    )
    parser.add_argument(
        "--incident", metavar="ID", help="keep the change with this incident, or latest"
    )
    parser.add_argument("--form", choices=FORMS, help="show the changes in this language")
    parser.add_argument(
        "--json",
        action="store_true",
        default=None,
        help="print the plan, the outcome or the journal as JSON",
    )
    for word in ASKED:
        parser.add_argument(
            f"--{word}",
            dest="unsafe",
            action="append_const",
            const=word,
            help="refused, with the reason and the safe way",
        )


def run(options: Namespace) -> int:
    """Plan, or carry out one change. Returns the exit code."""
    with_environment(options, os.environ)
    if options.unsafe:
        for word in options.unsafe:
            no = asked(word)
            print(
                f"refused: --{word} is not done: {no.because}; instead: {no.instead}",
                file=sys.stderr,
            )
        return USAGE
    journal = _journal()
    if options.journal:
        _show_journal(journal, options)
        return CURED
    if options.undo is not None:
        return _undo(journal, options)
    if not options.target:
        raise NotAgreed("give a TARGET, or --journal, or --undo")
    return _mend(journal, options)


def _mend(journal: Journal, options: Namespace) -> int:
    """Look, judge and plan; then show the plan, rehearse it, or make its first change."""
    from refused.evidence.parse_target import kind_of

    if options.apply and kind_of(options.target) in ("bundle", "lab"):
        raise NotAgreed(
            "a change is proved against what is there now: give the live target; --rehearse needs none"
        )
    left = _left_open(journal, options.target)
    if left is not None and options.apply:
        return _take_up(left, options)
    if left is not None:
        _tell(f"change {left.id} was left at '{left.state}': {left.change.title}")
        _tell(f"--apply finishes it first, --undo {left.id} takes it back")
    from refused.api import judge, plan, probe, rehearse
    from refused.remedies.kinds.firewall_rule import range_of

    let_in = range_of(options.let_in) if options.let_in else None
    bundle = probe(options.target, **probing(options, os.environ))
    report = judge(bundle)
    made = plan(report, _tried(journal), let_in)
    if (
        let_in is not None
        and not made.refused
        and not any(each.change.kind == "firewall-rule" for each in made.steps)
    ):
        _tell("--let-in: no firewall rule stands in this plan")
    if report.verdict != "fault" and not made.steps:
        _show(made, options)
        print(f"{report.verdict}: there is nothing to fix", file=sys.stderr)
        return CURED if report.verdict == "healthy" else INCONCLUSIVE
    if options.rehearse:
        return _rehearsed(rehearse(report, _tell, let_in), options)
    if options.to_group or options.export:
        return _copied(made, options)
    if not options.apply:
        _show(made, options)
        return NOT_CURED
    return _apply(made, journal, options)


def _show(made: Plan, options: Namespace) -> None:
    from refused.evidence.redaction import redact_ours
    from refused.report import plan as words

    if options.json:
        from json import dumps

        from refused.evidence.redaction import redact_data

        print_json(dumps(redact_data(words.to_data(made, options.target)), indent=2))
        return
    print(redact_ours(words.to_text(made, form=options.form or "", width=_width())))


def _apply(made: Plan, journal: Journal, options: Namespace) -> int:
    from refused.api import arm_writer, looker
    from refused.evidence.redaction import redact
    from refused.remedies.apply import apply, snapshot

    step = next((each for each in made.steps if each.change.write is not None), None)
    first = made.steps[0] if made.steps else None
    look = looker(options.target, probing(options, os.environ))
    if first is None or step is None or first is not step:
        _show(made, options)
        said = (
            "the plan has no change that I can make"
            if first is None
            else (
                f"the first change is not mine to make: {first.change.title} ({first.change.where})"
            )
        )
        print(f"refused: {said}", file=sys.stderr)
        return NOT_CURED
    change = step.change
    arm = arm_writer(os.environ)
    # What is shown now is what must still hold when the write is sent.
    planned = snapshot(change, arm)
    _agree(change, options)
    outcome = apply(
        change,
        arm,
        journal,
        look(change.hop),
        planned=planned,
        target=redact(options.target),
        keep=options.keep,
        tell=_tell,
    )
    _keep(change, outcome, options)
    return _said(outcome, options)


def _keep(change: Change, outcome: Outcome, options: Namespace) -> None:
    """Keep what was changed with an incident, where one was named."""
    if not options.incident:
        return
    from json import dumps

    from refused.cli.incident import opened

    store = opened(None)
    data = {**change.to_json(), **outcome.to_json(), "change": outcome.id}
    store.add(options.incident, "change", f"{change.title}: {outcome.state}", data=dumps(data))
    store.close()


def _left_open(journal: Journal, target: str) -> Entry | None:
    """Return the change of this target that a run before this one did not finish."""
    from refused.evidence.redaction import redact

    mine = redact(target)
    return next((each for each in journal.entries() if each.is_open and each.target == mine), None)


def _take_up(left: Entry, options: Namespace) -> int:
    """Finish what an earlier run left open, before anything else is changed there."""
    from refused.api import arm_writer, looker
    from refused.remedies.apply import resume

    arm = arm_writer(os.environ)
    look = looker(options.target, probing(options, os.environ))

    _tell(f"change {left.id} was left at '{left.state}': {left.change.title}")
    _tell("finishing it first; it is kept if it helped, and taken back if not")
    outcome = resume(left, arm, look(left.change.hop), keep=options.keep, tell=_tell)
    return _said(outcome, options)


def _undo(journal: Journal, options: Namespace) -> int:
    from refused.api import arm_writer
    from refused.remedies.apply import undo

    entry = journal.find(options.undo)
    if not options.yes:
        _ask(f"Take back {entry.id} ({entry.change.title})?")
    return _said(undo(entry, arm_writer(os.environ), tell=_tell), options, undone=True)


def _agree(change: Change, options: Namespace) -> None:
    """Show one change, and go on only if somebody agrees.

    Raises:
        NotAgreed: Nobody did.
    """
    from refused.report.plan import rendered, undo_words

    if change.owner_word and not options.owner_agrees:
        raise NotAgreed(f"{change.title}: {change.owner_word}; if it is so, say --owner-agrees")
    print(
        f"{change.title}\n  affects: {change.affects}\n  breaks: {change.interruption}\n  undo: {undo_words(change)}",
        file=sys.stderr,
    )
    command = rendered(change).get("az")
    if command:
        print(f"  same as: {command}", file=sys.stderr)
    if not options.yes:
        _ask("Make this change?")


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise NotAgreed(f"{question} There is nobody to ask; say --yes")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise NotAgreed("not agreed; nothing was changed")


def _said(outcome: Outcome, options: Namespace, *, undone: bool = False) -> int:
    if options.json:
        from json import dumps

        print_json(dumps({"schema": "refused.change/1", **outcome.to_json()}, indent=2))
    else:
        print(f"{outcome.id}: {outcome.state}; {outcome.learnt}")
    if outcome.state == "undone" and not undone:
        print("run the same again: the plan goes on from what was learnt", file=sys.stderr)
    return CURED if outcome.cured or undone or outcome.learnt.startswith("ready") else NOT_CURED


def _show_journal(journal: Journal, options: Namespace) -> None:
    from refused.report import plan as words

    entries = journal.entries()
    if not options.json:
        print(words.journal_text(entries, _width()))
        return
    from json import dumps

    print_json(dumps(words.journal_data(entries), indent=2))


def _tried(journal: Journal) -> dict[str, str]:
    """Return what changes taught that were made in the last day and taken back, by title."""
    import time

    since = time.time() - 24 * 3600
    return {
        entry.change.title: f"tried before: {looked['says']}"
        for entry in journal.entries()
        if entry.state == "undone"
        and (looked := entry.last("looked")) is not None
        and not looked["works"]
        and looked["at"] > since
    }


def _copied(made: Plan, options: Namespace) -> int:
    """Try the first change on a copy, or write the template that a copy is made from."""
    from refused.api import arm_writer
    from refused.remedies.copy import as_bicep, export, template, try_on_copy

    step = next((each for each in made.steps if each.change.write is not None), None)
    if step is None:
        raise NotAgreed("the plan has no change to Azure, so there is nothing to try on a copy")
    arm = arm_writer(os.environ)
    if options.export:
        from json import dumps

        from refused.cli.incident import write_file

        text = template(export(step.change, arm))
        is_bicep = options.export.endswith(".bicep")
        write_file(options.export, as_bicep(text) if is_bicep else dumps(text, indent=2) + "\n")
        return CURED
    print(
        f"A copy of the cache is made in {options.to_group}: it takes Azure about 20 minutes, is billed by the hour, and is taken away afterwards.",
        file=sys.stderr,
    )
    if not options.yes:
        _ask("Make the copy?")
    said = try_on_copy(step.change, arm, options.to_group, tell=_tell)
    print(f"{step.change.title}, on the copy {said.name}: {said.learnt}")
    if not said.cleaned_up:
        print(f"refused: the copy {said.name} is still in {said.group}; remove it", file=sys.stderr)
    return CURED if said.accepted and said.cleaned_up else NOT_CURED


def _rehearsed(said: Rehearsal, options: Namespace) -> int:
    if options.json:
        from json import dumps

        print_json(dumps({"schema": "refused.rehearsal/1", **said.to_json()}, indent=2))
        return CURED if said.cured and said.reproduced else NOT_CURED
    if not said.reproduced:
        print(
            f"The fault could not be reproduced in the lab: there it is {said.verdict}, {', '.join(said.causes) or 'without a cause'}."
        )
    if not said.change:
        print("The lab has no such change to make: the plan is not rehearsed.")
        return NOT_CURED
    print(f"Rehearsed in {said.took_s:.1f} s: {said.change}: {said.state}; {said.learnt}")
    return CURED if said.cured and said.reproduced else NOT_CURED


def _tell(line: str) -> None:
    from refused.evidence.redaction import redact_ours

    print(redact_ours(line), file=sys.stderr, flush=True)


def _journal() -> Journal:
    from refused.remedies.journal import Journal as Opened
    from refused.remedies.journal import data_folder

    return Opened(data_folder(os.environ) / "changes")


def _width() -> int:
    from shutil import get_terminal_size

    return min(get_terminal_size((80, 24)).columns, 100)
