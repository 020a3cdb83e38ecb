"""Measure: stated against true, the two parameters of the ranking, and the choice of the next check."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from math import exp, log
from random import Random
from typing import TYPE_CHECKING, ClassVar, NamedTuple
from zlib import crc32

from refused.diagnosis.checks import CHECKS
from refused.diagnosis.judge import diagnose, silent_ones
from refused.diagnosis.next_check import MOSTLY, next_check
from refused.diagnosis.rank import AT_MOST, PROVED
from refused.evidence.bundle import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from docs.calibration_cases import Told, Varied
    from refused.causes.statements import Cause
    from refused.diagnosis.checks import Check
    from refused.diagnosis.outcome import Diagnosis
    from refused.diagnosis.rank import Finding
    from refused.diagnosis.weigh import Weighed
    from refused.evidence.bundle import Fact

FOLDS = 8
TEMPERATURES = [at / 20 for at in range(8, 33, 2)]
SOMETHING_ELSE = [at / 10 for at in range(0, 22, 2)]
# Of the cases, so many are judged as if nobody had written the true cause down yet. A guess: nobody
# knows how often an incident has a cause that no catalogue holds.
UNKNOWN = 0.1
EDGES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
TOO_HIGH = 0.9
# Another than that with which mistakes were looked for: what is published was measured after.
SEED = 20260103


class Heard(NamedTuple):
    """One cause as weighed: what the ranking needs of it."""

    id: str
    score: float
    proved: bool


class Case(NamedTuple):
    """One variation, judged.

    Attributes:
        cause: The first true cause; cases are held out by it.
        true: Every cause that is true and may be found; empty where the true one was struck off.
        weight: One over the number of cases with the same cause: each cause counts alike.
    """

    name: str
    cause: str
    where: str
    true: frozenset[str]
    heard: tuple[Heard, ...]
    weight: float = 1.0


class Guess(NamedTuple):
    """A cause named for a case, with what was stated."""

    id: str
    stated: float
    right: bool
    proved: bool


# --- judging --------------------------------------------------------------------------------------


def counted(heard: Iterable[Weighed]) -> tuple[Heard, ...]:
    """Return the causes that the ranking may name."""
    return tuple(
        Heard(each.cause.id, each.score, bool(each.proofs))
        for each in heard
        if each.counts and not each.is_ruled_out
    )


def cases(
    told: Sequence[Told],
    vary: Callable[[Told, Random], Varied],
    *,
    each: int,
    seed: int = SEED,
    left_out: list[str] | None = None,
) -> list[Case]:
    """Judge *each* variations of every bundle; those on which nothing fails any more are left out."""
    found = []
    for one in told:
        for at in range(each):
            dice = Random(  # noqa: S311  # chance, not secrecy
                crc32(f"{seed} {one.where} {one.id} {at}".encode())
            )
            made = vary(one, dice)
            seen = diagnose(made.bundle)
            if seen.verdict != "fault":
                if left_out is not None:
                    left_out.append(one.id)
                continue
            heard, true = counted(seen.heard), made.true
            if dice.random() < UNKNOWN:
                heard = tuple(cause for cause in heard if cause.id not in true)
                true = frozenset()
            found.append(Case(f"{one.id} #{at}", one.cause, one.where, true, heard))
    by_cause: dict[str, int] = defaultdict(int)
    for case in found:
        by_cause[case.cause] += 1
    return [case._replace(weight=1 / by_cause[case.cause]) for case in found]


def guesses(case: Case, temperature: float, something_else: float) -> list[Guess]:
    """Return what is stated for a case, best first; the ranking's own arithmetic."""
    proved = [each for each in case.heard if each.proved]
    open_ones = [each for each in case.heard if not each.proved]
    share = 1 - PROVED if proved else AT_MOST
    odds = [exp(each.score / temperature) for each in open_ones]
    total = sum(odds) + exp(something_else / temperature)
    stated = [(PROVED, each) for each in proved]
    stated += [(share * odd / total, each) for odd, each in zip(odds, open_ones, strict=True)]
    stated.sort(key=lambda entry: (-entry[0], -entry[1].score, entry[1].id))
    return [Guess(each.id, number, each.id in case.true, each.proved) for number, each in stated]


def loss(case: Case, temperature: float, something_else: float) -> float:
    """Return the log loss of a case without proofs: how surprising the truth was."""
    told = guesses(case, temperature, something_else)
    right = sum(guess.stated for guess in told if guess.right)
    if not any(guess.right for guess in told):
        # What is true is none of those named. Where it is in the catalogue, a part of "something else".
        right = 1 - sum(guess.stated for guess in told)
    return -log(max(1e-4, right))


class Fitted(NamedTuple):
    """The parameters with the least log loss, and those with the least that state nothing false above 90 %."""

    best: tuple[float, float]
    cautious: tuple[float, float]


def fit(told: Sequence[Case]) -> Fitted:
    """Fit temperature and weight of "something else" by the least log loss, each cause counting alike.

    Whoever wrote the judges knew the lab, so that the sharpest parameters would believe them too
    much elsewhere. Therefore one limit: of *told* nothing false may be stated above 90 %.
    """
    guessed = [case for case in told if case.heard and not any(each.proved for each in case.heard)]
    losses = {
        (temperature, something_else): sum(
            case.weight * loss(case, temperature, something_else) for case in guessed
        )
        for temperature in TEMPERATURES
        for something_else in SOMETHING_ELSE
    }
    ranked = sorted(losses, key=lambda point: (losses[point], point))
    # Where no parameters keep the limit, the most cautious there are.
    kept = (point for point in ranked if not any(_boasts(case, *point) for case in guessed))
    return Fitted(ranked[0], next(kept, (TEMPERATURES[-1], SOMETHING_ELSE[-1])))


def _boasts(case: Case, temperature: float, something_else: float) -> bool:
    first = guesses(case, temperature, something_else)[0]
    return first.stated > TOO_HIGH and not first.right


def cross_validated(
    told: Sequence[Case],
) -> tuple[list[tuple[Case, list[Guess]]], list[Fitted]]:
    """State for every case what the parameters say that were fitted on the other causes."""
    fold = {case.cause: crc32(case.cause.encode()) % FOLDS for case in told}
    stated, fitted = [], []
    for at in range(FOLDS):
        parameters = fit([case for case in told if fold[case.cause] != at])
        fitted.append(parameters)
        stated += [
            (case, guesses(case, *parameters.cautious)) for case in told if fold[case.cause] == at
        ]
    return stated, fitted


# --- figures --------------------------------------------------------------------------------------


class Bin(NamedTuple):
    """Answers with about the same probability; proofs stand by themselves."""

    proved: bool

    low: float
    high: float
    answers: int
    causes: int
    stated: float
    true: float
    least: float
    most: float


def bins(stated: Sequence[tuple[Case, list[Guess]]], *, first: bool) -> list[Bin]:
    """Return stated against true, for the first cause of each case or for every one named."""
    told = [
        (case.cause, guess)
        for case, given in stated
        for guess in (given[:1] if first else given)
        if guess.stated >= 0.02
    ]
    rows = []
    for low, high in (*pairwise(EDGES), (PROVED, 1.0)):
        proved = low == PROVED
        inside = [
            (cause, guess)
            for cause, guess in told
            if guess.proved == proved and (proved or low <= guess.stated < high)
        ]
        if not inside:
            continue
        least, most = _interval(inside)
        count = len(inside)
        stated_in_all = sum(guess.stated for _, guess in inside)
        right = sum(guess.right for _, guess in inside)
        causes = len({cause for cause, _ in inside})
        rows.append(
            Bin(proved, low, high, count, causes, stated_in_all / count, right / count, least, most)
        )
    return rows


def _interval(told: Sequence[tuple[str, Guess]], draws: int = 400) -> tuple[float, float]:
    """Return the 95 % interval of the true share, by drawing whole causes anew (bootstrap)."""
    groups: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for cause, guess in told:
        groups[cause][0] += guess.right
        groups[cause][1] += 1
    pairs, dice = list(groups.values()), Random(1)  # noqa: S311  # chance, not secrecy
    shares = []
    for _ in range(draws):
        drawn = [dice.choice(pairs) for _ in pairs]
        shares.append(sum(right for right, _ in drawn) / sum(of for _, of in drawn))
    shares.sort()
    return shares[int(0.025 * draws)], shares[int(0.975 * draws)]


class Score(NamedTuple):
    """How good the stated probabilities are in all."""

    cases: int
    first_right: float
    within_three: float
    brier: float
    reference: float
    log_loss: float
    over_ninety: int
    over_ninety_wrong: int


def score(stated: Sequence[tuple[Case, list[Guess]]]) -> Score:
    """Return the figures. The Brier score is of the first cause: (stated - right)², 0 is perfect."""
    firsts = [given[0] for _, given in stated if given]
    rate = sum(each.right for each in firsts) / len(firsts)
    known = [(case, given) for case, given in stated if case.true]
    sure = [each for each in firsts if each.stated > TOO_HIGH]
    return Score(
        cases=len(stated),
        first_right=sum(given[0].right for _, given in known if given) / len(known),
        within_three=sum(any(g.right for g in given[:3]) for _, given in known) / len(known),
        brier=sum((each.stated - each.right) ** 2 for each in firsts) / len(firsts),
        reference=rate * (1 - rate),
        log_loss=sum(_loss(given) for _, given in stated) / len(stated),
        over_ninety=len(sure),
        over_ninety_wrong=sum(not each.right for each in sure),
    )


def _loss(given: Sequence[Guess]) -> float:
    right = max((guess.stated for guess in given if guess.right), default=0.0)
    rest = 1 - min(1.0, sum(guess.stated for guess in given))
    return -log(max(1e-3, right or rest))


def overconfident(
    stated: Sequence[tuple[Case, list[Guess]]], above: float = TOO_HIGH
) -> list[tuple[Case, Guess]]:
    """Return what was stated with more than *above* and is not true; each is a bug."""
    return [
        (case, guess)
        for case, given in stated
        for guess in given
        if guess.stated > above and not guess.right
    ]


# --- the next check -------------------------------------------------------------------------------

REACHED = 0.8
# Where the outcome of a look is left to chance, so many times it is.
SEEDS = (1, 2, 3)
MOST_CHECKS = 12
# A look may mislead: of ten, one shows something else than the cause lets expect.
TRUSTED = 0.9

# Which hidden facts a check brings to light; what is not here is answered by what the cause expects.
USUAL = {check.id: check.usual for check in CHECKS}
REVEALS: dict[str, frozenset[str]] = {
    "resource": frozenset(
        {
            *("AzureCache", "ResourceSearch", "PrivateEndpoint", "PrivateEndpointList"),
            *("PrivateDnsZone", "PrivateDnsZoneList", "ResourceHealth", "ServiceEvent"),
            *("ResourceChange", "ChangeSearch", "AccessAssignments", "AzureSubscription"),
        }
    ),
    "firewall-rules": frozenset({"FirewallRules", "ClientAddress"}),
    "network-rules": frozenset({"NetworkSecurityGroup", "RouteTable", "AzureSubnet"}),
    "clients-metric": frozenset({"Metric"}),
    "keys": frozenset({"AccessKeys"}),
    "deeper": frozenset(
        {
            *("ConntrackUse", "PortUse", "SocketsToTarget", "RedirectRules", "DescriptorUse"),
            *("KernelSettings", "Platform"),
        }
    ),
}


class Walk(NamedTuple):
    """What one way of asking cost until the true cause stood first above :data:`REACHED`."""

    reached: bool
    checks: int
    seconds: float


class Game:
    """One fault of which only the path is known, and what looks would show of it.

    Args:
        told: The bundle with everything in it, which answers checks as far as it holds the answer.
    """

    def __init__(self, told: Told, seed: int) -> None:
        from refused.causes import modules

        self.told, self.seed = told, seed
        self.dice = self._dice("")
        self.expects = {m.CAUSE.id: dict(m.CAUSE.expects) for m in modules()}
        place = told.bundle.vantages[0]
        hidden = frozenset().union(*REVEALS.values())
        self.facts = [
            fact
            for fact in told.bundle.facts
            if type(fact).__name__ not in hidden and fact.vantage in (place, "user")
        ]
        self.learnt: list[tuple[str, str]] = []
        self.done: set[str] = set()
        self.shown: frozenset[str] = frozenset()

    def _dice(self, what: str) -> Random:
        text = f"{self.seed} {self.told.where} {self.told.id} {what}"
        return Random(crc32(text.encode()))  # noqa: S311  # chance, not secrecy

    # What is seen depends on the looks alone that showed something, in whatever order.
    _judged: ClassVar[dict[tuple[str, str, frozenset[str]], Diagnosis]] = {}

    @property
    def _diagnosis(self) -> Diagnosis:
        key = (self.told.where, self.told.id, self.shown)
        if key not in self._judged:
            self._judged[key] = diagnose(self.told.bundle.replace(facts=tuple(self.facts)))
        return self._judged[key]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The causes as they stand, what was learnt by looks included."""
        found = list(self._diagnosis.findings)
        if not found or found[0].certainty == "confirmed":
            return tuple(found)
        rest = max(0.0, 1 - sum(each.probability for each in found))
        shares = [each.probability for each in found]
        for check, outcome in self.learnt:
            outcomes = self._outcomes(check, outcome)
            for at, each in enumerate(found):
                shares[at] *= self._chance(each.weighed.cause.id, check, outcome, len(outcomes))
            rest /= len(outcomes)
        total = sum(shares) + rest
        found = [e.replace(probability=s / total) for e, s in zip(found, shares, strict=True)]
        return tuple(sorted(found, key=lambda each: (-each.probability, each.weighed.cause.id)))

    @property
    def silent(self) -> tuple[Cause, ...]:
        """The causes of the broken hop of which nothing was seen yet."""
        view = Evidence(*self.facts, target=self.told.bundle.target)
        found = {each.weighed.cause.id for each in self.findings}
        return silent_ones(view, self._diagnosis.heard, found)

    def _outcomes(self, check: str, seen: str) -> set[str]:
        told = {expected[check] for expected in self.expects.values() if check in expected}
        return {*told, seen, USUAL[check] or "something else", "something else"}

    def _chance(self, cause: str, check: str, outcome: str, count: int) -> float:
        said = self.expects[cause].get(check)
        expected, trust = (said, TRUSTED) if said else (USUAL[check], MOSTLY)
        if not expected:
            return 1 / count
        return trust if expected == outcome else (1 - trust) / (count - 1)

    @property
    def is_over(self) -> bool:
        """Whether the true cause stands first, and is stated high enough."""
        found = self.findings
        return bool(
            found
            and found[0].weighed.cause.id == self.told.cause
            and found[0].probability >= REACHED
        )

    def make(self, check: str) -> None:
        """Make a look: what the lab holds is shown, else what the true cause lets expect."""
        shown = self._shown(check)
        self.done.add(check)
        if shown:
            self.facts += shown
            self.shown |= {check}
            return
        expected = self.expects[self.told.cause].get(check)
        if expected is None:
            told = sorted(self._outcomes(check, "something else"))
            # The same look shows the same, whenever it is made.
            dice = self._dice(check)
            usual = USUAL[check] if dice.random() < MOSTLY else ""
            expected = usual or dice.choice(told)
        self.learnt.append((check, expected))

    def _shown(self, check: str) -> list[Fact]:
        bundle, kinds = self.told.bundle, REVEALS.get(check, frozenset())
        if check == "elsewhere":
            others = set(bundle.vantages[1:])
            return [fact for fact in bundle.facts if fact.vantage in others]
        place = bundle.vantages[0]
        here = (place, "user", "control-plane")
        return [f for f in bundle.facts if type(f).__name__ in kinds and f.vantage in here]


def walk(game: Game, choose: Callable[[Game, list[Check]], Check | None]) -> Walk:
    """Ask until the truth stands out, or nothing is left to ask."""
    seconds, count = 0.0, 0
    while not game.is_over:
        service = game.told.bundle.target.service
        left = [
            each
            for each in CHECKS
            if each.id not in game.done
            and (not each.services or service in each.services)
            and not each.after
        ]
        if not left or count >= MOST_CHECKS:
            return Walk(reached=False, checks=count, seconds=seconds)
        check = choose(game, left) or left[0]
        game.make(check.id)
        seconds += check.seconds
        count += 1
    return Walk(reached=True, checks=count, seconds=seconds)


def by_information(game: Game, left: list[Check]) -> Check | None:
    """The program's own choice."""
    service = game.told.bundle.target.service
    found = next_check(game.findings, service, frozenset(game.done), game.silent)
    if found is None or found.check.id not in {each.id for each in left}:
        return None
    return found.check


def in_order(order: Sequence[str]) -> Callable[[Game, list[Check]], Check | None]:
    """Always the same order, whatever was seen."""
    places = {check: at for at, check in enumerate(order)}
    return lambda _, left: min(left, key=lambda each: places.get(each.id, len(places)))


def at_random(game: Game, left: list[Check]) -> Check | None:
    """Whatever comes to mind."""
    return game.dice.choice(left)


def played(
    told: Sequence[Told],
    choose: Callable[[Game, list[Check]], Check | None],
    *,
    seeds: Sequence[int] = SEEDS,
) -> dict[str, Walk]:
    """Return how each bundle's fault is found, for those that are not plain from the start."""
    walks = {}
    for each in told:
        for seed in seeds:
            game = Game(each, seed)
            if game.findings and not game.is_over:
                walks[f"{each.where} {each.id} {seed}"] = walk(game, choose)
    return walks


def best_order(told: Sequence[Told]) -> list[str]:
    """Return the fixed order that is best on *told* in hindsight, chosen greedily, check by check."""
    order: list[str] = []
    left = list(dict.fromkeys(each.id for each in CHECKS))
    while left:
        scored = []
        for check in left:
            walks = played(told, in_order([*order, check]), seeds=SEEDS[:1]).values()
            scored.append((sum(each.seconds for each in walks), check))
        best = min(scored)[1]
        order.append(best)
        left.remove(best)
    return order
