"""The session: what one order has seen, and the part of it that a restarted daemon must know."""

from dataclasses import dataclass, replace

from pumpd.core.commands import Attested, SymptomKind
from pumpd.core.delivery import Ledger
from pumpd.core.given import Given
from pumpd.core.modes import Mode
from pumpd.core.ports import PumpCounter, VitalKind
from pumpd.core.prescription import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The mean of the blood-pressure readings before the start, in mmHg, rounded down."""

    sbp_mmhg: int
    dbp_mmhg: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """Something that no device can tell, as a named person saw it."""

    item: Attested
    by: str
    at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotedSymptom:
    """A symptom of this session, as a named person told it."""

    symptom: SymptomKind
    ended: bool  # it was an emergency
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """How the patient felt, each from 0 to 10, as a named person scored it."""

    nausea: int
    dizziness: int
    anxiety: int
    dissociation: int
    by: str
    wall_ns: int  # when, since 1970; for people, never judged

    def words(self) -> str:
        """Return the scores for people."""
        return (
            f"nausea {self.nausea}, dizziness {self.dizziness}, anxiety {self.anxiety}, "
            f"dissociation {self.dissociation} of 10"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """The lowest and the highest value of a vital sign since the first run."""

    vital: VitalKind
    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounted:
    """Where the mixed drug has gone, as one person counted it; `witness` is the second, None until she has signed."""

    hash: str
    primed_nl: int
    wasted_nl: int
    left_nl: int
    low_nl: int  # what was given when it was counted
    high_nl: int
    missing_nl: int  # what is missing beyond that interval; less than 0 is too much
    has_gap: bool  # it is more than is allowed, so both sign the explanation
    explanation: str
    by: str
    witness: str | None

    def witnessed(self, user: str) -> "Accounted":
        """Return the account as the second person has signed it."""
        return replace(self, witness=user)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitChange:
    """A limit of this session that is not the profile's. `confirmed_by` and `reason` are those of a loosening."""

    rule: str
    limit: int
    by: str
    confirmed_by: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Loosening:
    """A looser limit that waits for a second person; a restart forgets it."""

    hash: str
    rule: str
    limit: int
    reason: str
    by: str
    at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """A session as the journal keeps it. `mode` is the last one; a recovered session never comes up in it unchecked."""

    session: str
    rev: int
    mode: Mode
    order: Order
    ledger: Ledger
    counter: PumpCounter | None  # the pump's last count: what it has risen by since then flowed
    confirmed_by: str | None
    started_by: str | None
    baseline: Baseline | None
    ending: bool  # somebody or some rule has ended it; it cannot be resumed
    pause_cause: str | None
    pressure_pause: bool  # the last pause was one of blood pressure, so two readings in range are asked for
    ran_ns: int
    rate_nl_h: int
    planned_ns: int
    runs: int
    observed_ns: int | None  # how long the patient has been observed since the infusion; None: not observed
    since_first_run_ns: int | None  # how long ago the first run began; the time the daemon was away is not in it
    vital_pauses: int
    locked: str | None  # why only a prescriber may resume
    line_unrelieved: bool
    limits: tuple[LimitChange, ...]
    symptoms: tuple[NotedSymptom, ...]
    pauses: int
    peaks: tuple[Peak, ...]
    scores: tuple[Scores, ...]
    scored_ago_ns: int | None
    for_discharge: tuple[Attestation, ...]
    account: Accounted | None
    over_wall_ns: int | None  # when the infusion was over, since 1970; for people, never judged
    before: tuple[Given, ...]  # what other orders gave before this one, the newest last
