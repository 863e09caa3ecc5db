"""The session in a dozen lines: what bus, journal and plunger say of it, and whether they agree."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from pumpd.bedside.recovery import recover
from pumpd.core.modes import Mode
from pumpd.core.quantities import NL_PER_ML, NS_PER_MIN, text
from simulators.harness.plunger_log import PlungerLog
from simulators.harness.record import Record, ScriptError
from simulators.harness.site import BedFiles

COUNT_NL = 10_000
"""One count of the pump's four digits at 10 mL and above."""
COLUMN = 13
RUNNING_TOLERANCE_PERCENT = Decimal("0.5")


@dataclass(frozen=True, slots=True, kw_only=True)
class Volumes:
    """An interval that contains the truth."""

    low_nl: int
    high_nl: int

    def __str__(self) -> str:
        return f"{text(self.low_nl, NL_PER_ML, 6)} to {text(self.high_nl, NL_PER_ML, 6)} mL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """One pause by the bed's clock."""

    after_min: float
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One session from three sides."""

    session: str
    mode: Mode
    ordered_nl: int
    ordered_mg: Decimal
    duration_min: Decimal
    rate_ml_h: Decimal
    shown: Volumes
    journal: Volumes
    plunger_nl: int
    running_s: Decimal
    runs: int
    pauses: tuple[Pause, ...]
    alarms: tuple[str, ...]
    folder: Path
    journal_path: Path

    def disagreements(self) -> tuple[str, ...]:
        """Return what does not fit, one sentence each."""
        return tuple(self._disagreements())

    def _disagreements(self) -> Iterator[str]:
        if self.shown != self.journal:
            yield f"the bus showed {self.shown}, the journal holds {self.journal}"
        if not self.journal.low_nl <= self.plunger_nl <= self.journal.high_nl:
            yield f"the plunger gave {_ml(self.plunger_nl)}, outside of {self.journal}"
        if self.plunger_nl > self.ordered_nl:
            yield f"the plunger gave {_ml(self.plunger_nl)}, more than was ordered"
        if self.mode is not Mode.COMPLETED:
            return
        if self.plunger_nl < self.ordered_nl - COUNT_NL * self.runs:
            yield f"the plunger gave {_ml(self.plunger_nl)}, more than a count per run short of the order"
        wanted_s = self.duration_min * 60
        if abs(self.running_s - wanted_s) > wanted_s * RUNNING_TOLERANCE_PERCENT / 100:
            yield f"the infusion ran for {self.running_s} s, ordered were {wanted_s} s"

    def __str__(self) -> str:
        wrong = self.disagreements()
        rows = [
            ("session", f"{self.session}, {self.mode.value}"),
            (
                "ordered",
                f"{self.ordered_mg} mg: {_ml(self.ordered_nl)} at {self.rate_ml_h} mL/h in {self.duration_min} min",
            ),
            ("delivered", f"{self.shown}, as shown to the nurses"),
            ("journal", f"{self.journal}, as recorded"),
            ("plunger", f"{_ml(self.plunger_nl)}, the simulator's own log"),
            ("running time", f"{self.running_s / 60:.2f} min in {self.runs} run{'s' if self.runs != 1 else ''}"),
            ("pauses", _lines(f"after {each.after_min:.1f} min: {each.cause}" for each in self.pauses)),
            ("alarms", _lines(self.alarms)),
            ("journal file", str(self.journal_path)),
            ("agreement", "yes" if not wrong else "NO: " + "; ".join(wrong)),
        ]
        return "".join(f"{name:<{COLUMN}}{value}\n" for name, value in rows)


def summarise(record: Record, files: BedFiles) -> Summary:
    """Return the summary of the session that `record` followed; raise `ScriptError` where there was none."""
    saved = recover(files.journal)
    heard = record.view.state
    state = None if heard is None else heard.message
    if state is None or state.order is None or state.delivery is None or state.session is None or saved is None:
        raise ScriptError("no order was given, so there is nothing to sum up")
    began_ns = next((turn.clock_ns for turn in record.turns if turn.mode is Mode.RUNNING), 0)
    return Summary(
        session=state.session,
        mode=state.mode,
        ordered_nl=saved.order.volume_nl,
        ordered_mg=state.order.dose_mg,
        duration_min=state.order.duration_min,
        rate_ml_h=state.order.rate_ml_h,
        shown=Volumes(low_nl=int(state.delivery.low_ml * NL_PER_ML), high_nl=int(state.delivery.high_ml * NL_PER_ML)),
        journal=Volumes(low_nl=saved.ledger.low(), high_nl=saved.ledger.high(0)),
        plunger_nl=PlungerLog.read(files.plunger_log).volume_nl,
        running_s=state.delivery.running_s,
        runs=saved.runs,
        pauses=tuple(
            Pause(after_min=(turn.clock_ns - began_ns) / NS_PER_MIN, cause=turn.cause or "unknown")
            for turn in record.turns
            if turn.mode is Mode.PAUSED
        ),
        alarms=tuple(f"{alarm.priority} {alarm.id}: {alarm.text}" for alarm in record.alarms.values()),
        folder=files.folder,
        journal_path=files.journal,
    )


def _lines(items: Iterable[str]) -> str:
    """Return the items one below the other in the second column, or that there are none."""
    return ("\n" + " " * COLUMN).join(items) or "none"


def _ml(volume_nl: int) -> str:
    return f"{text(volume_nl, NL_PER_ML, 6)} mL"
