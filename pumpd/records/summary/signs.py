"""The vital signs of a session with their validity, and the cycles of the cuff. Pure; judges nothing."""

from pumpd.core import commands
from pumpd.core.commands import Assess
from pumpd.core.effects import Decision
from pumpd.core.ports import NibpFailed, NibpReading, SamplesReceived, Validity, VitalKind
from pumpd.core.vitals import ENTERED_BY
from pumpd.records.summary.axis import Axis
from pumpd.records.summary.model import CuffCycle, Score, Sign
from pumpd.records.summary.turns import Turn

SCALES = {VitalKind.MOAAS: "MOAA/S", VitalKind.RR: "respiration counted"}
FEELINGS = ("nausea", "dizziness", "anxiety", "dissociation")


class Signs:
    """Takes a session's turns in their order."""

    def __init__(self) -> None:
        self.signs: list[Sign] = []
        self.cuff: list[CuffCycle] = []
        self.scores: list[Score] = []

    def take(self, turn: Turn, axis: Axis) -> None:
        """Take one turn; assessments come by `assessed`, once they were accepted."""
        match turn.event:
            case SamplesReceived():
                for sample in turn.event.samples:
                    measured_ns = min(sample.measured_at_ns, turn.now_ns)  # age counts at least from receipt (VIT-04)
                    self._sign(
                        axis.of(measured_ns), sample.kind, sample.value, sample.validity, sample.source, sample.seq
                    )
            case NibpReading():
                self._reading(turn, turn.event, axis)
            case NibpFailed():
                self._failed(turn.at_wall_ns, turn.event.source, turn.event.cycle, turn.event.reason)
            case _:
                pass

    def assessed(self, entry: Assess, by: str, at_wall_ns: int) -> None:
        """Take what a person has assessed."""
        for kind, value in ((VitalKind.MOAAS, entry.moaas), (VitalKind.RR, entry.respiration_bpm)):
            self.scores.append(Score(at_wall_ns=at_wall_ns, scale=SCALES[kind], value=value, by=by))
            self._sign(at_wall_ns, kind, value, Validity.VALID, f"{ENTERED_BY}{by}", len(self.scores))

    def felt(self, entry: commands.Score, by: str, at_wall_ns: int) -> None:
        """Take how the patient feels, as a person has scored it."""
        values = (entry.nausea, entry.dizziness, entry.anxiety, entry.dissociation)
        self.scores.extend(
            Score(at_wall_ns=at_wall_ns, scale=scale, value=value, by=by)
            for scale, value in zip(FEELINGS, values, strict=True)
        )

    def _reading(self, turn: Turn, reading: NibpReading, axis: Axis) -> None:
        refused = [each.text for each in turn.effects if isinstance(each, Decision) and each.cause == "cuff"]
        if refused:
            self._failed(turn.at_wall_ns, reading.source, reading.cycle, refused[0])
            return
        at_wall_ns = axis.of(min(reading.measured_at_ns, turn.now_ns))
        self.cuff.append(
            CuffCycle(
                at_wall_ns=at_wall_ns,
                source=reading.source,
                cycle=reading.cycle,
                sbp_mmhg=reading.sbp_mmhg,
                dbp_mmhg=reading.dbp_mmhg,
                map_mmhg=reading.map_mmhg,
                pulse_bpm=reading.pulse_bpm,
                failure=None,
            )
        )
        for kind, value in (
            (VitalKind.SBP, reading.sbp_mmhg),
            (VitalKind.DBP, reading.dbp_mmhg),
            (VitalKind.MAP, reading.map_mmhg),
        ):
            self._sign(at_wall_ns, kind, value, Validity.VALID, reading.source, reading.cycle)

    def _failed(self, at_wall_ns: int, source: str, cycle: int, reason: str) -> None:
        self.cuff.append(
            CuffCycle(
                at_wall_ns=at_wall_ns,
                source=source,
                cycle=cycle,
                sbp_mmhg=None,
                dbp_mmhg=None,
                map_mmhg=None,
                pulse_bpm=None,
                failure=reason or "no reason given",
            )
        )

    def _sign(
        self, at_wall_ns: int, vital: VitalKind, value: int | None, validity: Validity, source: str, seq: int
    ) -> None:
        self.signs.append(
            Sign(at_wall_ns=at_wall_ns, vital=vital, value=value, validity=validity, source=source, seq=seq)
        )
