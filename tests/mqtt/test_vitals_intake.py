"""What sources publish at a bed: only what is wholly right becomes a number, and what is wrong is told."""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpd.core.events import ComfortPressed, ComfortSeen, CuffInflating, SourceOnline, SourceRefused, Trouble
from pumpd.core.ports import MonitorNotice, NibpFailed, NibpReading, Sample, SamplesReceived, Validity, VitalKind
from pumpd.core.quantities import NS_PER_S
from pumpd.mqtt.intake import MAX_REQUESTS_PER_S, Flooded
from pumpd.mqtt.vitals_intake import InputEvent, Moment, VitalsIntake
from pumpd.records.encoding import canonical

NOON = datetime(2027, 3, 14, 12, 0, 0, tzinfo=UTC)
AT = Moment(now_ns=5_000 * NS_PER_S, real_ns=9_000 * NS_PER_S, wall_utc=NOON.isoformat(), session="s-1", course="c-1")
KINDS = ("hr", "pr", "spo2", "rr", "nibp", "comfort")
NIBP = [
    {"code": "150301", "value": 116, "unit": "mm[Hg]"},
    {"code": "150302", "value": 66, "unit": "mm[Hg]"},
    {"code": "150303", "value": 84, "unit": "mm[Hg]"},
]
CODES = {"hr": ("147842", "/min"), "pr": ("149530", "/min"), "spo2": ("150456", "%"), "rr": ("151562", "/min")}


@dataclass
class Bed:
    """One intake and a source that counts its messages."""

    clinical: bool = False
    seq: int = 0
    at: Moment = AT
    intake: VitalsIntake = field(init=False)

    def __post_init__(self) -> None:
        self.intake = VitalsIntake(bed="bed1", sources={"ox7": KINDS}, clinical=self.clinical)

    def message(self, kind: str, value: object = None, **changes: object) -> dict[str, object]:
        self.seq += 1
        now = datetime.fromisoformat(self.at.wall_utc)
        members: dict[str, object] = {
            "v": 1,
            "source": "ox7",
            "bed": "bed1",
            "boot": "9f2c",
            "seq": self.seq,
            "measured_at": now.isoformat(timespec="milliseconds"),
            "status": "ok",
            "sensor": "on",
        }
        match kind:
            case "nibp":
                members["values"] = NIBP
            case "comfort":
                members["pressed"] = False
            case "status":
                members["state"] = "online"
            case _:
                members["code"], members["unit"] = CODES[kind]
                members["value"] = value
        merged = {**members, **changes}
        return {name: item for name, item in merged.items() if item != "absent"}

    def send(self, kind: str, payload: bytes, *, retained: bool = False) -> InputEvent | Flooded | None:
        return self.intake.receive(f"pumpd/v1/bed1/in/ox7/{kind}", payload, retained=retained, at=self.at)

    def say(self, kind: str, value: object = None, **changes: object) -> InputEvent | Flooded | None:
        return self.send(kind, json.dumps(self.message(kind, value, **changes)).encode())

    def pass_s(self, seconds: float) -> None:
        wall = datetime.fromisoformat(self.at.wall_utc) + timedelta(seconds=seconds)
        spent_ns = round(seconds * NS_PER_S)
        self.at = replace(
            self.at,
            now_ns=self.at.now_ns + spent_ns,
            real_ns=self.at.real_ns + spent_ns,
            wall_utc=wall.isoformat(timespec="milliseconds"),
        )


def sample(event: object) -> Sample:
    assert isinstance(event, SamplesReceived), event
    (one,) = event.samples
    return one


def trouble(event: object) -> Trouble:
    assert isinstance(event, SourceRefused), event
    assert event.source == "ox7"
    return event.trouble


@pytest.mark.parametrize(
    ("kind", "value", "vital"),
    [("hr", 72, VitalKind.HR), ("pr", 71, VitalKind.HR), ("spo2", 97, VitalKind.SPO2), ("rr", 14, VitalKind.RR)],
)
def test_a_good_message_is_a_sample_of_its_own_channel(kind: str, value: int, vital: VitalKind) -> None:
    one = sample(Bed().say(kind, value))
    assert (one.kind, one.value, one.validity) == (vital, value, Validity.VALID)
    assert (one.source, one.seq, one.measured_at_ns) == (f"ox7/{kind}", 1, AT.now_ns)


def test_a_good_cuff_message_is_a_reading() -> None:
    reading = Bed().say("nibp")
    assert isinstance(reading, NibpReading)
    assert (reading.sbp_mmhg, reading.dbp_mmhg, reading.map_mmhg) == (116, 66, 84)
    assert (reading.source, reading.pulse_bpm, reading.measured_at_ns) == ("ox7/nibp", None, AT.now_ns)


# ---- time -----------------------------------------------------------------------------------------------------------


@pytest.mark.req("VIT-04")
def test_the_age_that_the_source_states_counts() -> None:
    measured_at = (NOON - timedelta(seconds=7, milliseconds=250)).isoformat(timespec="milliseconds")
    assert sample(Bed().say("spo2", 97, measured_at=measured_at)).measured_at_ns == AT.now_ns - 7_250_000_000


@pytest.mark.req("VIT-04")
@pytest.mark.parametrize(("ahead_ms", "used"), [(1_999, True), (2_000, True), (2_001, False), (3_600_000, False)])
def test_a_measurement_from_the_future_is_refused(ahead_ms: int, used: bool) -> None:
    measured_at = (NOON + timedelta(milliseconds=ahead_ms)).isoformat(timespec="milliseconds")
    event = Bed().say("spo2", 97, measured_at=measured_at)
    if used:
        assert sample(event).measured_at_ns == AT.now_ns
    else:
        assert trouble(event) is Trouble.CLOCK


@pytest.mark.req("VIT-04")
def test_another_zone_is_the_same_instant() -> None:
    assert sample(Bed().say("spo2", 97, measured_at="2027-03-14T14:00:00+02:00")).measured_at_ns == AT.now_ns


@pytest.mark.req("VIT-04")
@pytest.mark.parametrize(
    "measured_at",
    ["2027-03-14T12:00:00", "2027-03-14 12:00:00Z", "2027-02-30T12:00:00Z", "1773489600", 1773489600, None, "absent"],
)
def test_a_time_without_zone_or_no_time_is_refused(measured_at: object) -> None:
    assert trouble(Bed().say("spo2", 97, measured_at=measured_at)) is Trouble.FORM


@pytest.mark.req("VIT-04", "VIT-06")
@pytest.mark.parametrize("earlier_s", [0, 1, 3600])
def test_a_measurement_not_after_the_one_before_is_not_used(earlier_s: int) -> None:
    bed = Bed()
    sample(bed.say("spo2", 97))
    bed.pass_s(1)
    measured_at = (NOON - timedelta(seconds=earlier_s)).isoformat(timespec="milliseconds")
    assert isinstance(bed.say("spo2", 99, measured_at=measured_at), MonitorNotice)


# ---- order ----------------------------------------------------------------------------------------------------------


@pytest.mark.req("VIT-06")
def test_a_repeat_is_ignored_and_an_older_number_is_not_used() -> None:
    bed = Bed()
    payload = json.dumps(bed.message("spo2", 97, seq=7)).encode()
    sample(bed.send("spo2", payload))
    assert bed.send("spo2", payload) is None
    bed.pass_s(1)
    notice = bed.say("spo2", 96, seq=6)
    assert isinstance(notice, MonitorNotice)
    assert "number 6 after 7" in notice.text
    sample(bed.say("spo2", 95, seq=8))


def test_a_new_boot_counts_from_its_own_beginning() -> None:
    bed = Bed()
    sample(bed.say("spo2", 97, seq=900))
    bed.pass_s(1)
    sample(bed.say("spo2", 97, boot="new", seq=0))


@pytest.mark.req("VIT-06")
def test_what_the_broker_kept_is_never_a_measurement() -> None:
    bed = Bed()
    payload = json.dumps(bed.message("spo2", 97)).encode()
    assert isinstance(bed.send("spo2", payload, retained=True), MonitorNotice)
    sample(bed.send("spo2", payload))


# ---- identity -------------------------------------------------------------------------------------------------------


@pytest.mark.req("VIT-12")
@pytest.mark.parametrize("kind", ["spo2", "nibp", "comfort"])
@pytest.mark.parametrize("changes", [{"bed": "bed2"}, {"source": "ox8"}, {"session": "s-2"}, {"course": "c-2"}])
def test_another_identity_is_refused(kind: str, changes: dict[str, object]) -> None:
    assert trouble(Bed().say(kind, 97, **changes)) is Trouble.IDENTITY


@pytest.mark.req("VIT-12")
def test_the_course_may_be_named_and_none_is_none() -> None:
    bed = Bed()
    sample(bed.say("spo2", 97, course="c-1"))
    bed.at = replace(bed.at, course=None)
    assert trouble(bed.say("spo2", 97, course="c-1")) is Trouble.IDENTITY


@pytest.mark.req("VIT-12")
def test_the_open_session_may_be_named_and_none_is_none() -> None:
    bed = Bed()
    sample(bed.say("spo2", 97, session="s-1"))
    bed.at = replace(bed.at, session=None)
    assert trouble(bed.say("spo2", 97, session="s-1")) is Trouble.IDENTITY


@pytest.mark.parametrize(
    "topic",
    [
        "pumpd/v1/bed2/in/ox7/spo2",
        "pumpd/v1/bed1/in/ox8/spo2",
        "pumpd/v1/bed1/in/ox7/temp",
        "pumpd/v1/bed1/state",
        "other",
    ],
)
def test_what_is_not_on_the_list_is_not_heard(topic: str) -> None:
    bed = Bed()
    payload = json.dumps(bed.message("spo2", 97)).encode()
    assert bed.intake.receive(topic, payload, retained=False, at=AT) is None


# ---- code, name, unit -----------------------------------------------------------------------------------------------


@pytest.mark.req("VIT-19")
@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("spo2", {"code": "149530"}),
        ("hr", {"code": "149530"}),
        ("pr", {"code": "149522", "name": "MDC_PULS_RATE"}),
        ("pr", {"name": "MDC_BLD_PULS_RATE_INV"}),
        ("spo2", {"unit": "/min"}),
        ("spo2", {"unit": "fraction"}),
        ("spo2", {"unit": "absent"}),
        ("hr", {"unit": "Hz"}),
        ("hr", {"code": "150033"}),
        ("spo2", {"values": NIBP}),
        ("nibp", {"code": "150301"}),
        ("nibp", {"values": "absent"}),
    ],
)
def test_what_does_not_agree_is_refused(kind: str, changes: dict[str, object]) -> None:
    assert trouble(Bed().say(kind, 80, **changes)) is Trouble.FORM


@pytest.mark.req("VIT-19")
@pytest.mark.parametrize("codes", [("150033", "150034", "150035"), ("150037", "150038", "150039"), ("150017",) * 3])
def test_an_arterial_line_is_no_cuff(codes: tuple[str, ...]) -> None:
    values = [{**one, "code": code} for one, code in zip(NIBP, codes, strict=True)]
    assert trouble(Bed().say("nibp", values=values)) is Trouble.FORM


def test_a_name_that_agrees_is_good() -> None:
    assert sample(Bed().say("spo2", 97, name="MDC_PULS_OXIM_SAT_O2")).value == 97


@pytest.mark.req("VIT-19")
def test_kilopascals_become_millimetres_of_mercury() -> None:
    values = [
        {"code": "150021", "value": 16.4, "unit": "kPa"},
        {"code": "150022", "value": 10.0, "unit": "kPa"},
        {"code": "150023", "value": 12.5, "unit": "kPa"},
    ]
    reading = Bed().say("nibp", values=values)
    assert isinstance(reading, NibpReading)
    assert (reading.sbp_mmhg, reading.dbp_mmhg, reading.map_mmhg) == (123, 75, 94)


@pytest.mark.req("VIT-19")
@pytest.mark.parametrize(("sbp", "dbp", "mean"), [(116, 84, 66), (116, 116, 116), (80, 75, 77)])
def test_pressures_that_contradict_each_other_are_no_reading(sbp: int, dbp: int, mean: int) -> None:
    values = [{**one, "value": value} for one, value in zip(NIBP, (sbp, dbp, mean), strict=True)]
    assert isinstance(Bed().say("nibp", values=values), NibpFailed)


@pytest.mark.req("VIT-19")
def test_a_cuff_gives_all_three_pressures_each_once_whatever_their_order() -> None:
    assert trouble(Bed().say("nibp", values=NIBP[:2])) is Trouble.FORM
    assert trouble(Bed().say("nibp", values=[*NIBP, NIBP[0]])) is Trouble.FORM
    assert isinstance(Bed().say("nibp", values=NIBP[::-1]), NibpReading)


@pytest.mark.req("VIT-05", "VIT-19")
def test_kilopascals_that_are_called_millimetres_are_impossible() -> None:
    values = [{**one, "value": value} for one, value in zip(NIBP, (16, 10, 12), strict=True)]
    event = Bed().say("nibp", values=values)
    assert isinstance(event, SamplesReceived)
    assert {one.validity for one in event.samples} == {Validity.IMPOSSIBLE}


# ---- validity -------------------------------------------------------------------------------------------------------


@pytest.mark.req("VIT-05")
@pytest.mark.parametrize(
    ("kind", "value", "seen", "validity"),
    [
        ("spo2", 0, None, Validity.MISSING),
        ("spo2", 101, None, Validity.MISSING),
        ("spo2", 49, 49, Validity.IMPOSSIBLE),
        ("spo2", 91.9, 91, Validity.VALID),
        ("spo2", None, None, Validity.MISSING),
        ("hr", 0, None, Validity.MISSING),
        ("hr", 19, 19, Validity.IMPOSSIBLE),
        ("hr", 301, 301, Validity.IMPOSSIBLE),
        ("hr", 120.2, 121, Validity.VALID),
        ("hr", 49.8, 49, Validity.VALID),
        ("rr", 0, 0, Validity.IMPOSSIBLE),
        ("rr", 9.9, 9, Validity.VALID),
        ("rr", 30.1, 31, Validity.VALID),
    ],
)
def test_what_cannot_be_is_no_value_and_a_fraction_goes_to_the_worse_side(
    kind: str, value: float | None, seen: int | None, validity: Validity
) -> None:
    one = sample(Bed().say(kind, value))
    assert (one.value, one.validity) == (seen, validity)


@pytest.mark.req("VIT-05")
@pytest.mark.parametrize(
    ("changes", "validity"),
    [
        ({"status": "questionable"}, Validity.ARTEFACT),
        ({"status": "invalid"}, Validity.MISSING),
        ({"status": "off"}, Validity.PROBE_OFF),
        ({"sensor": "off"}, Validity.PROBE_OFF),
    ],
)
def test_a_flag_makes_a_value_unusable(changes: dict[str, object], validity: Validity) -> None:
    one = sample(Bed().say("spo2", 97, **changes))
    assert (one.value, one.validity) == (None, validity)
    assert isinstance(Bed().say("nibp", **changes), NibpFailed)


@pytest.mark.req("VIT-05")
def test_a_demonstration_is_refused_in_clinical_mode() -> None:
    assert trouble(Bed(clinical=True).say("spo2", 97, status="demo")) is Trouble.DEMO
    assert sample(Bed().say("spo2", 97, status="demo")).validity is Validity.VALID


@pytest.mark.req("VIT-10")
def test_a_cuff_tells_that_it_inflates_and_the_result_of_that_cycle_still_counts() -> None:
    bed = Bed()
    event = bed.say("nibp", status="inflating", limb_shared=True, values="absent")
    assert event == CuffInflating(source="ox7/nibp", limb_shared=True, on=True)
    assert isinstance(bed.say("nibp"), NibpReading)
    assert trouble(bed.say("spo2", 97, status="inflating")) is Trouble.FORM


# ---- form -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes"),
    [{"v": 2}, {"seq": -1}, {"seq": "1"}, {"unit": ""}, {"status": "fine"}, {"boot": ""}],
)
def test_a_field_that_is_wrong_refuses_the_message(changes: dict[str, object]) -> None:
    assert trouble(Bed().say("spo2", 97, **changes)) is Trouble.FORM


@pytest.mark.parametrize("value", ["97", True, [97], {}])
def test_a_value_that_is_no_number_is_refused(value: object) -> None:
    assert trouble(Bed().say("spo2", value)) is Trouble.FORM


@pytest.mark.parametrize(
    "payload", [b"", b"97", b"NaN", b"[]", b"{", b"\xff", b'{"v":1,"v":1}', b'{"value":NaN}', b" " * 4097]
)
def test_what_is_no_message_is_refused(payload: bytes) -> None:
    assert trouble(Bed().send("spo2", payload)) is Trouble.FORM


def test_a_refusal_can_be_recorded_whatever_it_quotes() -> None:
    event = Bed().say("spo2", 97, code="\ud800")
    assert trouble(event) is Trouble.FORM
    canonical(event)


def test_unknown_fields_are_ignored() -> None:
    assert sample(Bed().say("spo2", 97, perfusion=3)).value == 97


def test_a_flood_is_held_back_and_another_source_is_not() -> None:
    bed = Bed()
    bed.intake = VitalsIntake(bed="bed1", sources={"ox7": KINDS, "ox8": KINDS}, clinical=False)
    events = [bed.say("spo2", 97) for _ in range(MAX_REQUESTS_PER_S + 5)]
    assert isinstance(events[-1], Flooded)
    payload = json.dumps(bed.message("spo2", 97, source="ox8")).encode()
    sample(bed.intake.receive("pumpd/v1/bed1/in/ox8/spo2", payload, retained=False, at=bed.at))


def test_a_source_says_whether_it_is_there_also_by_what_the_broker_kept() -> None:
    bed = Bed()
    assert bed.say("status") == SourceOnline(source="ox7")
    gone = json.dumps(bed.message("status", state="offline")).encode()
    assert trouble(bed.send("status", gone, retained=True)) is Trouble.OFFLINE


# ---- comfort button -------------------------------------------------------------------------------------------------


@pytest.mark.req("CLIN-05")
def test_the_button_is_seen_and_pressed() -> None:
    bed = Bed()
    assert bed.say("comfort") == ComfortSeen(source="ox7/comfort")
    assert bed.say("comfort", pressed=True) == ComfortPressed(source="ox7/comfort")


@pytest.mark.req("CLIN-05")
@pytest.mark.parametrize(
    "payload",
    [
        b'{"pressed": true}',
        b'{"v":7,"pressed":true,"bed":"bed9"}',
        b'{"pressed" : true, "pressed": true}',
        b'{"pressed":true,"x":1e999}',
    ],
)
@pytest.mark.parametrize("retained", [False, True])
def test_a_press_is_understood_whatever_else_is_wrong(payload: bytes, retained: bool) -> None:
    bed = Bed()
    for _ in range(3 * MAX_REQUESTS_PER_S):
        assert bed.send("comfort", payload, retained=retained) == ComfortPressed(source="ox7/comfort")


@pytest.mark.req("CLIN-05")
def test_a_repeat_or_what_the_broker_kept_does_not_prove_the_link() -> None:
    bed = Bed()
    payload = json.dumps(bed.message("comfort")).encode()
    assert isinstance(bed.send("comfort", payload, retained=True), MonitorNotice)
    assert isinstance(bed.send("comfort", payload), ComfortSeen)
    assert bed.send("comfort", payload) is None


# ---- anything -------------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    (
        *("v", "source", "bed", "session", "boot", "seq", "measured_at", "code", "name", "value", "unit", "values"),
        *("status", "sensor", "limb_shared", "pressed", "state"),
    )
)


@given(st.sampled_from((*KINDS, "status")), st.binary(max_size=200), st.booleans())
def test_no_bytes_raise_and_none_is_a_usable_value(kind: str, payload: bytes, retained: bool) -> None:
    event = Bed().send(kind, payload, retained=retained)
    assert not isinstance(event, (SamplesReceived, NibpReading))
    canonical(event)


@given(st.sampled_from((*KINDS, "status")), st.dictionaries(FIELDS, JSON, min_size=1, max_size=3), st.booleans())
def test_no_spoilt_message_raises_and_what_comes_of_it_can_be_recorded(
    kind: str, changes: dict[str, object], retained: bool
) -> None:
    bed = Bed()
    event = bed.send(kind, json.dumps({**bed.message(kind, 97), **changes}).encode(), retained=retained)
    canonical(event)
    if isinstance(event, SamplesReceived):
        assert not retained
        assert all(
            (one.validity in {Validity.VALID, Validity.IMPOSSIBLE}) is (one.value is not None) for one in event.samples
        )
        assert all(one.measured_at_ns <= AT.now_ns for one in event.samples)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-4, 4), st.integers(0, 3)), max_size=20))
def test_the_measurement_times_of_a_channel_only_rise(steps: list[tuple[int, int, int]]) -> None:
    bed = Bed()
    newest_ns = None
    for seq, behind_s, waited_s in steps:
        bed.pass_s(waited_s)
        measured_at = datetime.fromisoformat(bed.at.wall_utc) - timedelta(seconds=behind_s)
        event = bed.say("spo2", 97, seq=seq, measured_at=measured_at.isoformat(timespec="milliseconds"))
        if isinstance(event, SamplesReceived):
            measured_ns = event.samples[0].measured_at_ns
            assert newest_ns is None or measured_ns >= newest_ns
            assert measured_ns <= bed.at.now_ns
            newest_ns = measured_ns
