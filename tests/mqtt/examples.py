"""Whole messages for the tests, built from the models."""

from decimal import Decimal

from pumpd.core.commands import Appearance, Attested, Role
from pumpd.core.modes import Mode
from pumpd.core.ports import Validity, VitalKind
from pumpd.mqtt.payloads import (
    Account,
    Alarm,
    Alarms,
    AttestedItem,
    Delivery,
    GivenBefore,
    Handover,
    Heartbeat,
    Interlock,
    Links,
    Order,
    Peak,
    Presence,
    Profile,
    Prompt,
    Pump,
    Rate,
    Scores,
    State,
    SyringeLabel,
    Vital,
    VitalState,
    WaitingLoosening,
)

AT = "2026-11-23T10:00:00.000Z"


def order() -> Order:
    return Order(
        course=None,
        clearance=None,
        hash="c0ffee",
        drug="ketamine",
        weight_kg=Decimal("70.0"),
        dose_mg_per_kg=Decimal("0.5"),
        dose_mg=Decimal(35),
        duration_min=Decimal(40),
        concentration_mg_ml=Decimal(2),
        volume_ml=Decimal("17.5"),
        rate_ml_h=Decimal("26.25"),
        syringe="BD 50",
        soft_limits_passed=(),
        soft_limit_reason="",
        prepared_by="anna",
        confirmed_by="ben",
        started_by=None,
    )


def state(**changes: object) -> State:
    whole = State(
        bed="bed1",
        boot="boot-1",
        session="s-1",
        rev=7,
        mode=Mode.RUNNING,
        mode_text="infusing",
        stop_target=None,
        phase="infusing",
        simulated=True,
        clinical=False,
        profile=Profile(name="demo", hash="ab12", approved=False),
        clearance=None,
        clearance_trouble=None,
        clearance_waived=False,
        order=order(),
        syringe_label=SyringeLabel(
            vial_strength_mg_ml=Decimal(50),
            drug_drawn_ml=Decimal(1),
            diluent_ml=Decimal(24),
            made_by="clara",
            witnessed_by="dan",
            appearance=Appearance.CLEAR,
            mixed_age_s=Decimal(300),
            left_s=None,
        ),
        attested=(AttestedItem(item=Attested.PRIMED, by="anna"),),
        presence=Presence(by="anna", age_s=Decimal(40)),
        respiration_measured=True,
        symptoms=(),
        prompt=Prompt(where="at 10 min of the infusion", asks=("sedation (assess)",), age_s=Decimal(60)),
        scores=(Scores(nausea=1, dizziness=2, anxiety=0, dissociation=4, by="anna", at=AT),),
        account=Account(
            hash="acc0",
            drawn_ml=Decimal(25),
            drawn_mg=Decimal(50),
            primed_ml=Decimal(2),
            primed_mg=Decimal(4),
            wasted_ml=Decimal(0),
            wasted_mg=Decimal(0),
            left_ml=Decimal("5.5"),
            left_mg=Decimal(11),
            missing_ml=Decimal(0),
            has_gap=False,
            explanation="",
            by="anna",
            witness=None,
        ),
        handover=Handover(pauses=1, peaks=(Peak(kind=VitalKind.SBP, low=112, high=151, unit="mmHg"),)),
        limits=(),
        loosening=WaitingLoosening(
            hash="1005e",
            rule="hr-low-pause",
            limit=45,
            present_limit=50,
            unit="/min",
            by="anna",
            reason="an athlete",
        ),
        refusals=(),
        delivery=Delivery(
            low_ml=Decimal("7.21"),
            high_ml=Decimal("7.25"),
            low_mg=Decimal("14.42"),
            high_mg=Decimal("14.5"),
            ordered_ml=Decimal("17.5"),
            remaining_ml=Decimal("10.25"),
            running_s=Decimal(990),
            expected_end=AT,
        ),
        given_before=(
            GivenBefore(
                order="b0b",
                course=None,
                drug="ketamine",
                low_ml=Decimal("3.1"),
                high_ml=Decimal("3.114"),
                low_mg=Decimal("6.2"),
                high_mg=Decimal("6.228"),
                until="2026-11-23T08:10:00+00:00",
            ),
        ),
        rate=Rate(commanded_ml_h=Decimal("26.25"), counted_ml_h=Decimal("26.1")),
        pump=Pump(
            link="up",
            state="infusing",
            model="NE-1000",
            firmware="3.928",
            age_s=Decimal("0.3"),
            mains=None,
            battery_min=None,
            lease_s=Decimal(5),
            worst_extra_ml=Decimal("0.04"),
            reaction_s=Decimal(15),
        ),
        vitals=(
            VitalState(
                kind=VitalKind.SPO2,
                value=97,
                unit="%",
                validity=Validity.VALID,
                age_s=Decimal("1.0"),
                source="nonin",
                status="ok",
            ),
            VitalState(
                kind=VitalKind.SBP,
                value=None,
                unit="mmHg",
                validity=Validity.MISSING,
                age_s=None,
                source="suntech",
                status="stale",
            ),
        ),
        interlocks=(
            Interlock(rule="spo2-low", state="armed", text="SpO2 below 90 %"),
            Interlock(rule="sbp-high", state="pending", text="SBP above 180 mmHg"),
        ),
        start_blockers=("already infusing",),
        resume_blockers=(),
        close_blockers=(),
        links=Links(journal="ok", broker="ok", stations=1, stations_heard=1),
        cause=None,
        at=AT,
    )
    return whole.model_copy(update=changes)


def heartbeat(seq: int, **changes: object) -> Heartbeat:
    whole = Heartbeat(boot="boot-1", session="s-1", rev=7, seq=seq, token=f"token-{seq}", at=AT)
    return whole.model_copy(update=changes)


def alarms() -> Alarms:
    return Alarms(
        rev=7,
        sounding=None,
        alarms=(
            Alarm(
                id="sbp-high",
                episode=2,
                priority="high",
                cause="sbp-high",
                text="SBP 190 mmHg, limit 180 mmHg",
                values="190 mmHg, 2 s old",
                action="paused",
                advice="assess the patient",
                since=AT,
                active=True,
                acknowledged_by=None,
                passed_to=Role.PRESCRIBER,
                audio_paused_by="ben",
                audio_paused_until="2026-11-23T09:20:00.000Z",
            ),
        ),
    )


def vital(value: int | None = 96) -> Vital:
    return Vital(
        kind=VitalKind.SPO2,
        value=value,
        unit="%",
        validity=Validity.VALID if value is not None else Validity.PROBE_OFF,
        at=AT,
        age_s=Decimal("0.5"),
        source="nonin",
        seq=3,
    )
