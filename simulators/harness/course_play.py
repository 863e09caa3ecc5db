"""`pumpd demo --course`: one simulated patient through the clinic's eight steps, on the calendar, each answer printed.

The clinic's desk, the bed's daemon and its devices are the real ones in simulated time; only the days between visits
are skipped. Each visit goes on to the discharge and leaves its journal and its report. `--gates` asks for a clearance
at each step before it is due, and shows who refuses and why.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from pumpd.bedside.config import Config
from pumpd.clinic.command import policy_of
from pumpd.clinic.decide import assign
from pumpd.clinic.desk import Desk
from pumpd.clinic.schedule import follow_up
from pumpd.clinic.store import Store
from pumpd.core.commands import ReceiptState
from pumpd.core.course_words import Check
from pumpd.core.modes import Mode
from pumpd.mqtt.course_payloads import CourseAnswer, ShownCourse
from pumpd.mqtt.topics import clinic_filters
from pumpd.records.report_command import write_report
from pumpd.records.summary.journal import chosen, read
from pumpd.records.summary.prompts import prompts
from simulators.harness.record import ScriptError
from simulators.harness.site import CLINIC, shipped_config
from simulators.harness.virtual.bay import BED, START_NS, Bay, load_bed
from simulators.harness.virtual.clock import EPOCH
from simulators.harness.virtual.journal_file import write
from simulators.harness.virtual.loop import NS_PER_S
from simulators.harness.virtual.nurse import ORDER, Nurse, attend, begin, discharge

NURSE, SECOND, PRESCRIBER = "anna", "ben", "clara"
"""Of the example site."""
COURSE, CODE = "c-5eed00c0ffee", "P-0001"
FIRST_VISIT = datetime(2026, 2, 2, 8, tzinfo=UTC)
TOTALS = (31, 24, 19, 14, 12, 12, 11, 9, 8, 8)
"""What the simulated patient scores, first to last: a story, no claim."""
INFUSIONS = 3
WITHIN_S = 2 * 3_600.0
OBSERVED_WITHIN_S = 3 * 3_600.0


def run(keep: Path | None, *, gates: bool, bed: Config | None = None) -> int:
    """Play it, in `keep` or a new folder; return the exit code: 0 only when every step came out as it must.

    `bed` is another than the demo's, such as one whose profile lets a patient go sooner.
    """
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    folder = Path(tempfile.mkdtemp(prefix="pumpd-course-")) if keep is None else keep
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with closing(Store(folder / "clinic.db", wall=lambda: datetime.now(UTC).isoformat())) as store:
            _Play(store, bed or cleared_bed(), folder, gates=gates).all_steps()
    except ScriptError as error:
        print(f"pumpd demo: {error}")
        return 1
    finally:
        structlog.reset_defaults()
    print(f"the course is in {folder / 'clinic.db'}: pumpd verify {folder / 'clinic.db'}")
    return 0


def cleared_bed() -> Config:
    """Return the bed of the demo, whose profile asks for a clearance."""
    bed = load_bed(shipped_config("site.example.toml").parent)
    return replace(bed, profile=replace(bed.profile, clearance_required=True))


class _Play:
    """The desk, its calendar and, while a patient is infused, a bay."""

    def __init__(self, store: Store, bed: Config, folder: Path, *, gates: bool) -> None:
        self._store = store
        self._config = bed
        self._folder = folder
        self._gates = gates
        self._moment = FIRST_VISIT
        self._bay: Bay | None = None
        self._asked = 0
        self._totals = iter(TOTALS)
        self._answer: CourseAnswer | None = None
        self._desk = Desk(
            store,
            policy=policy_of(CLINIC),
            operators=self._config.site.operators,
            beds=(BED,),
            now=self._now,
            publish=self._publish,
        )

    # ---- the clinic's side ------------------------------------------------------------------------------------------

    def _now(self) -> datetime:
        if self._bay is None:
            return self._moment
        return datetime.fromisoformat(self._bay.clock.wall_utc()).replace(microsecond=0)

    def _publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> None:
        if retain and qos:
            if self._bay is not None:
                self._bay.broker.publish(topic, payload, retain=True)
        else:
            self._answer = CourseAnswer.from_bytes(payload)

    def _ask(self, user: str, kind: str, **fields: Any) -> CourseAnswer:
        self._asked += 1
        common = {"v": 1, "id": f"i{self._asked}", "issued_at": self._now().isoformat(), "kind": kind}
        known = self._store.register.courses.get(COURSE)
        quoted = {} if kind == "new" or known is None else {"revision": known.revision}
        whole = {**common, "course": COURSE, **({} if kind == "show" else quoted), **fields}
        self._desk.message(f"pumpd/v1/clinic/cmd/{user}/request", json.dumps(whole).encode(), retained=False)
        if self._answer is None:
            raise ScriptError(f"{kind} of {user} was not answered")
        return self._answer

    def _must(self, user: str, kind: str, **fields: Any) -> ShownCourse:
        answer = self._ask(user, kind, **fields)
        if answer.state is not ReceiptState.VERIFIED:
            raise ScriptError(f"{kind} of {user} was refused: {answer.reason}")
        said = " ".join(str(value) for name, value in fields.items() if name not in {"on", "document"})
        if kind != "show":
            self._say(f"{user}: {kind} {said}")
        return answer.courses[0]

    def _refused(self, before: str) -> None:
        """Ask for a clearance too early, and show what is in the way."""
        if not self._gates:
            return
        answer = self._ask(PRESCRIBER, "clear", bed=BED)
        if answer.state is not ReceiptState.REFUSED:
            raise ScriptError(f"cleared before {before}")
        self._say(f"{PRESCRIBER}: clear, before {before}")
        lacking = (
            self._must(PRESCRIBER, "show").missing if answer.reason.startswith("not cleared") else (answer.reason,)
        )
        for each in lacking:
            print(f"               refused: {each}")

    def _say(self, words: str) -> None:
        print(f"{self._now():%Y-%m-%d %H:%M}  {words}", flush=True)

    def _today(self) -> str:
        return self._now().date().isoformat()

    def _to(self, day: date) -> None:
        self._moment = datetime.combine(day, FIRST_VISIT.timetz())

    def _score(self) -> None:
        fields = {"scale": "BDI-II", "total": next(self._totals), "on": self._today(), "rater": "tom"}
        self._must(PRESCRIBER, "score", **fields, item9_reviewed=True)

    # ---- the steps --------------------------------------------------------------------------------------------------

    def all_steps(self) -> None:
        """Go from screening to the score of the twelfth month."""
        self._before()
        for number in range(1, INFUSIONS + 1):
            self._infusion(number)
            self._after()
        self._counted()
        self._follow_up()

    def _before(self) -> None:
        print("steps 1 to 4: screening, consultation, preparation, ECG and laboratory")
        self._must(NURSE, "new", indication="depression")
        self._refused("anybody is known to be its patient")
        office = assign(COURSE, CODE, self._store.register, by="office", command_id="office", now=self._now())
        self._store.append(office)
        self._say(f"office: assign {COURSE} (the patient's code stays here)")
        self._refused("screening")
        for gate, drugs in (("screening", {"failed_drugs": 3}), ("consultation", {}), ("ecg", {}), ("labs", {})):
            self._must(PRESCRIBER, "gate", gate=gate, met=True, on=self._today(), document=f"D-{gate}", **drugs)
            self._refused(f"what comes after {gate}")
        for days in (2, 4):
            self._to((FIRST_VISIT + timedelta(days=days)).date())
            self._must(NURSE, "session", meeting="preparatory", on=self._today(), therapist="tom")
        self._to((FIRST_VISIT + timedelta(days=7)).date())
        self._score()

    def _infusion(self, number: int) -> None:
        print(f"step 5, infusion {number}: the day's questions, the clearance, 40 minutes, the observation")
        with self._at_bed(number) as bay:
            bay.run(self._infused(bay))
            journal = self._folder / f"infusion-{number}.journal"
            write(journal, bay.store.links, bed=BED)
        self._report(journal)

    @contextmanager
    def _at_bed(self, number: int) -> Iterator[Bay]:
        with Bay(self._config, seed=number) as bay:
            since = self._moment - EPOCH
            bay.clock.wall_offset_ns = (since.days * 86_400 + since.seconds) * NS_PER_S - START_NS
            self._bay = bay
            bay.broker.connect(
                "clinic-desk", clinic_filters((BED,)), on_message=self._desk.message, on_lost=lambda: None
            )
            self._desk.connected()
            yield bay
            self._moment = self._now()
            self._bay = None

    async def _infused(self, bay: Bay) -> None:
        anna, ben = bay.nurse(NURSE), bay.nurse(SECOND)
        bay.start_daemon()
        await bay.clock.pass_s(5)
        refused = await anna.command(ORDER)
        if refused is None or refused.state is not ReceiptState.REFUSED:
            raise ScriptError("the bed prepared an order without a clearance")
        if self._gates:
            self._say(f"{BED}: prepare refused: {refused.reason}")
        self._refused("the questions of the day")
        for check in Check:
            self._must(NURSE, "check", check=check.value, answer="clear")
        self._must(NURSE, "weight", weight_kg="70.0", weight_again_kg="70.0")
        self._must(PRESCRIBER, "clear", bed=BED)
        await bay.clock.pass_s(2)
        if not await begin(anna, ben):
            raise ScriptError("the infusion did not start")
        self._say(f"{BED}: infusing")
        state = await attend(anna, within_s=WITHIN_S)
        await bay.clock.pass_s(5)
        if state is None or state.mode is not Mode.COMPLETED or state.delivery is None:
            raise ScriptError("the infusion did not complete")
        self._say(f"{BED}: completed, {state.delivery.low_mg} to {state.delivery.high_mg} mg")
        await self._observed(bay, anna, ben)

    async def _observed(self, bay: Bay, anna: Nurse, ben: Nurse) -> None:
        if not await discharge(anna, ben, within_s=OBSERVED_WITHIN_S):
            raise ScriptError("the patient was not discharged")
        await bay.clock.pass_s(2)
        if self._must(NURSE, "show").open_session is not None:
            raise ScriptError("the clinic has not heard that the session is closed")

    def _report(self, journal: Path) -> None:
        """Tell of a visit what its journal tells, and write its report."""
        told = read(journal)
        session = chosen(told, None)
        page, paper = journal.with_suffix(".html"), journal.with_suffix(".pdf")
        write_report(told, session, page=page, paper=paper)
        drug, left = session.account, session.leaving
        if told.broken is not None or drug is None or drug.counted.witness is None or left is None:
            raise ScriptError(f"{journal} does not tell of a whole visit")
        asked = prompts(session)
        answered = sum(bool(each.felt) and each.sedation is not None for each in asked)
        self._say(f"{BED}: {answered} of {len(asked)} prompts answered")
        self._say(f"{BED}: the drug counted by {drug.counted.by}, witnessed by {drug.counted.witness}")
        self._say(f"{BED}: discharge signed by {left.by}; {left.handover.partition(': ')[2]}")
        for each in (journal, page, paper):
            print(f"               {each}")

    def _after(self) -> None:
        print("step 6 and between: mood check at 24 h, integration, a new total")
        day = self._now().date()
        self._to(day + timedelta(days=1))
        self._refused("integration, and too early")
        self._must(NURSE, "session", meeting="mood-check", on=self._today(), therapist=NURSE)
        self._must(NURSE, "session", meeting="integration", on=self._today(), therapist="tom")
        self._to(day + timedelta(days=7))
        self._score()

    def _counted(self) -> None:
        print("step 7: the infusions are counted")
        self._say(self._must(NURSE, "show").exposure)
        self._refused("a further infusion")

    def _follow_up(self) -> None:
        print("step 8: follow-up")
        for day in follow_up(self._store.register.courses[COURSE], self._now())[1:]:
            self._to(day)
            due = self._must(NURSE, "show").due
            self._say("; ".join(due) or "nothing is due")
            self._score()
        shown = self._must(NURSE, "show")
        self._say(f"{shown.exposure}; BDI-II {', '.join(f'{each.total} ({each.band})' for each in shown.scores)}")
        if shown.infusions != INFUSIONS or shown.next_follow_up is not None or shown.due:
            raise ScriptError(f"the course does not end as it must: {shown.due}")
