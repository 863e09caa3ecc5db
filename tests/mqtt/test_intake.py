"""From bytes to commands: a stop is always understood, everything else only when it is right."""

import json
from dataclasses import fields, replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpd.core.bounds import Measure
from pumpd.core.commands import (
    Account,
    Acknowledge,
    Appearance,
    Assess,
    Attest,
    Attested,
    AudioPause,
    Close,
    Command,
    CommandMalformed,
    CommandReceived,
    Confirm,
    ConfirmLoosen,
    Loosen,
    Lower,
    Pause,
    Prepare,
    Presence,
    Resume,
    Score,
    Start,
    Stop,
    Symptom,
    SymptomKind,
    Tighten,
    Witness,
    kind_of,
)
from pumpd.core.events import StationSeen
from pumpd.core.ports import PumpDriver
from pumpd.mqtt.intake import MAX_REQUESTS_PER_S, Flooded, Intake, to_core, to_request
from pumpd.mqtt.payloads import StationBeat
from tests.mqtt.examples import AT

SHOWN = "t-1"
PREPARE = Prepare(
    weight_kg=Decimal("70.0"),
    dose_mg_per_kg=Decimal("0.5"),
    duration_min=Decimal(40),
    vial_strength_mg_ml=Decimal(50),
    drug_drawn_ml=Decimal(1),
    diluent_ml=Decimal(24),
    declared_concentration_mg_ml=Decimal(2),
    syringe="BD 50",
    syringe_fill_ml=Decimal(25),
    made_by="clara",
    witnessed_by="dan",
    mixed_min_ago=0,
    appearance=Appearance.CLEAR,
)
CONFIRM = Confirm(
    order_hash="c0ffee",
    weight_kg=Decimal("70.0"),
    concentration_mg_ml=Decimal(2),
    drug="ketamine",
    syringe="BD 50",
)
COMMANDS: list[Command] = [
    PREPARE,
    replace(PREPARE, soft_limits=(Measure.WEIGHT, Measure.DOSE_PER_KG), soft_limit_reason="measured twice"),
    replace(PREPARE, expires_in_min=30),
    CONFIRM,
    replace(CONFIRM, authenticated=True),
    Start(order_hash="c0ffee"),
    Pause(reason="patient moves"),
    Resume(order_hash="c0ffee"),
    Stop(),
    Acknowledge(alarm="sbp-high", episode=2),
    AudioPause(alarm="sbp-high", episode=2),
    Lower(rate_ml_h=Decimal("17.5")),
    Attest(item=Attested.PRIMED),
    Close(),
    Close(transfer_reason="to the hospital"),
    Score(nausea=1, dizziness=2, anxiety=0, dissociation=10),
    Account(primed_ml=Decimal(2), wasted_ml=Decimal(0), left_ml=Decimal("5.5"), explanation="a drop fell"),
    Witness(account_hash="c0ffee"),
    Assess(moaas=5, respiration_bpm=14),
    Presence(),
    Symptom(symptom=SymptomKind.NAUSEA),
    Symptom(symptom=SymptomKind.OTHER, emergency=True),
    Tighten(rule="spo2-low-pause", limit=94),
    Loosen(rule="hr-low-pause", limit=45, reason="an athlete"),
    ConfirmLoosen(loosening_hash="c0ffee"),
]


NOW_NS = 5_000_000_000_000_000


def request(command: Command) -> bytes:
    return to_request(command, command_id="id-1", session="s-1", rev=7, token=SHOWN, issued_at=AT).to_bytes()


def judge(payload: bytes, *, retained: bool = False) -> CommandReceived | CommandMalformed:
    return to_core(user="anna", payload=payload, retained=retained, received_real_ns=5)


def odd(**members: object) -> bytes:
    return json.dumps(members).encode()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_every_command_comes_back_as_it_left(command: Command) -> None:
    assert judge(request(command), retained=True) == CommandReceived(
        user="anna",
        id="id-1",
        command=command,
        session="s-1",
        rev=7,
        token=SHOWN,
        retained=True,
        received_real_ns=5,
    )


def test_numbers_are_read_digit_for_digit() -> None:
    received = judge(request(PREPARE).replace(b'"weight_kg":70.0', b'"weight_kg":0.1'))
    assert isinstance(received, CommandReceived)
    assert isinstance(received.command, Prepare)
    assert received.command.weight_kg == Decimal("0.1")


@pytest.mark.parametrize("name", ["v", "id", "session", "rev", "token", "issued_at", "order_hash"])
@pytest.mark.req("CMD-01")
def test_a_start_with_anything_missing_is_malformed(name: str) -> None:
    members = json.loads(request(Start(order_hash="c0ffee")))
    del members[name]
    if name == "v":
        members["v"] = 2
    received = judge(odd(**members))
    assert isinstance(received, CommandMalformed)
    assert name in received.reason
    assert received.id == (None if name == "id" else "id-1")


@pytest.mark.parametrize("bad", ["", "a" * 65, "a b", "é", "a/b", 5, None])
def test_ids_are_short_and_plain(bad: object) -> None:
    members = {**json.loads(request(Start(order_hash="c0ffee"))), "id": bad}
    received = judge(odd(**members))
    assert isinstance(received, CommandMalformed)
    assert received.id is None


@pytest.mark.req("CMD-06")
def test_an_oversized_command_is_malformed() -> None:
    received = judge(request(PREPARE) + b" " * 4096)
    assert isinstance(received, CommandMalformed)
    assert "4096" in received.reason


@pytest.mark.parametrize(
    "payload",
    [
        odd(kind="stop"),
        odd(kind=" STOP "),
        odd(kind="stop", id="id-1", extra=1),
        odd(kind="stop", rev="seven", reason=5),
        odd(kind="stop", weight=1e300, reason="\ud800" * 500),
        odd(kind="stop", filler="x" * 60_000),
        b'{"kind": "stop", "reason": "tor',
        b'\xff\xfe{"kind":"stop"}',
        b'{"kind":"start","kind":"stop"}',
        b'{"kind":"pause","kind":"stop"}',
        b'{"kind":"stop","x":' + b"[" * 3000,
        odd(kind="stop") + b" " * 100_000,
    ],
)
@pytest.mark.req("CTRL-02", "CMD-06")
def test_an_odd_stop_is_still_a_stop(payload: bytes) -> None:
    received = judge(payload)
    assert isinstance(received, CommandReceived)
    assert isinstance(received.command, Stop)
    received.command.reason.encode()
    assert (received.session, received.rev, received.token) == (None, None, None)


def test_an_odd_stop_keeps_its_id_or_gets_one_from_its_bytes() -> None:
    named, nameless, other = judge(odd(kind="stop", id="id-1")), judge(odd(kind="stop")), judge(odd(kind="stop", a=1))
    assert named.id == "id-1"
    assert nameless.id is not None
    assert nameless.id.startswith("odd-")
    assert nameless.id == judge(odd(kind="stop")).id
    assert nameless.id != other.id


def test_an_odd_pause_is_still_a_pause() -> None:
    received = judge(odd(kind="pause", reason="dizzy"))
    assert isinstance(received, CommandReceived)
    assert received.command == Pause(reason="dizzy")


@pytest.mark.req("CLIN-04", "CTRL-02")
@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (odd(kind="symptom"), Pause),
        (odd(kind="symptom", symptom="nausea"), Pause),
        (odd(kind="symptom", symptom="no-such-symptom", id="id-1"), Pause),
        (odd(kind="symptom", symptom="chest-pain"), Stop),
        (odd(kind=" Symptom ", symptom="nausea", emergency=True), Stop),
        (odd(kind="symptom", symptom=["chest-pain"], emergency="yes"), Pause),
        (b'{"kind": "symptom", "symptom": "chest', Pause),
    ],
)
def test_an_odd_symptom_halts_all_the_same(payload: bytes, kind: type[Stop]) -> None:
    received = judge(payload)
    assert isinstance(received, CommandReceived)
    assert isinstance(received.command, kind)


@pytest.mark.parametrize(
    "payload",
    [
        odd(kind="start", note={"kind": "stop"}),
        odd(kind="start", reason='"kind": "stop"'),
        odd(kind="stopp"),
        odd(note="stop"),
        b'"stop"',
    ],
)
def test_what_only_mentions_a_stop_is_none(payload: bytes) -> None:
    assert isinstance(judge(payload), CommandMalformed)


@given(st.binary(max_size=300))
@pytest.mark.req("CMD-06")
def test_noise_never_raises_and_is_never_obeyed(payload: bytes) -> None:
    received = judge(payload)
    assert isinstance(received, CommandMalformed) or isinstance(received.command, (Stop, Pause))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
NAMES = sorted(json.loads(request(PREPARE)))


@given(st.sampled_from(COMMANDS), st.dictionaries(st.sampled_from(NAMES), JSON, min_size=1, max_size=3))
@pytest.mark.req("CMD-06", "CTRL-02")
def test_a_command_with_any_fields_spoilt_never_raises(command: Command, spoilt: dict[str, object]) -> None:
    members = {**json.loads(request(command)), **spoilt}
    received = judge(odd(**members))
    if members["kind"] in ("stop", "pause", "symptom"):
        assert isinstance(received, CommandReceived)
    if isinstance(received, CommandReceived) and not isinstance(received.command, (Stop, Pause)):
        assert kind_of(received.command) == str(members["kind"]).strip().lower()


# ---- floods ---------------------------------------------------------------------------------------------------------

BASE = "pumpd/v1/bed1"


def intake() -> Intake:
    return Intake(bed="bed1", users=frozenset({"anna", "ben"}))


def test_a_flood_of_one_user_is_cut_and_counted_and_spares_the_others() -> None:
    under = intake()
    payload = request(Start(order_hash="c0ffee"))
    heard = [under.receive(f"{BASE}/cmd/anna/request", payload, retained=False, real_ns=0) for _ in range(1000)]
    assert sum(isinstance(each, CommandReceived) for each in heard) == MAX_REQUESTS_PER_S
    assert heard[-1] == Flooded(user="anna", dropped=1000 - MAX_REQUESTS_PER_S)
    assert isinstance(under.receive(f"{BASE}/cmd/ben/request", payload, retained=False, real_ns=0), CommandReceived)
    later = under.receive(f"{BASE}/cmd/anna/request", payload, retained=False, real_ns=1_000_000_000)
    assert isinstance(later, CommandReceived)


@pytest.mark.parametrize("payload", [request(Stop()), request(Pause()), request(COMMANDS[-5]), odd(kind="stop")])
@pytest.mark.req("CTRL-02")
def test_no_flood_holds_a_stop_back(payload: bytes) -> None:
    under = intake()
    for _ in range(1000):
        under.receive(f"{BASE}/cmd/anna/request", b"noise", retained=False, real_ns=0)
        assert isinstance(
            under.receive(f"{BASE}/cmd/anna/request", payload, retained=False, real_ns=0), CommandReceived
        )


def test_strangers_share_one_allowance_and_may_stop() -> None:
    under = intake()
    heard = [
        under.receive(f"{BASE}/cmd/stranger{number}/request", request(PREPARE), retained=False, real_ns=0)
        for number in range(200)
    ]
    assert sum(isinstance(each, CommandReceived) for each in heard) == MAX_REQUESTS_PER_S
    assert isinstance(
        under.receive(f"{BASE}/cmd/stranger7/request", request(Stop()), retained=False, real_ns=0), CommandReceived
    )


SHOWN = "token-1"


def beat(age_s: str | None, *, user: str = "anna", listening: bool = True) -> bytes:
    age = None if age_s is None else Decimal(age_s)
    return StationBeat(user=user, token=SHOWN, listening=listening, audible_test_age_s=age, at=AT).to_bytes()


@pytest.mark.req("ALRM-05")
@pytest.mark.parametrize(
    ("age_s", "test_age_ns"),
    [("0", 0), ("12.5", 12_500_000_000), ("0.0000000001", 1), ("600", 600 * 10**9)],
)
def test_the_age_of_an_audible_test_is_never_less_than_it_was(age_s: str, test_age_ns: int) -> None:
    heard = intake().receive(f"{BASE}/station/anna", beat(age_s), retained=False, real_ns=NOW_NS)
    assert heard == StationSeen(user="anna", token=SHOWN, real_ns=NOW_NS, test_age_ns=test_age_ns)


@pytest.mark.req("ALRM-05")
@pytest.mark.parametrize("age_s", [None, "600.000000001", "999999999999"])
def test_a_test_that_no_profile_counts_is_none_and_the_station_still_watches(age_s: str | None) -> None:
    heard = intake().receive(f"{BASE}/station/anna", beat(age_s), retained=False, real_ns=NOW_NS)
    assert heard == StationSeen(user="anna", token=SHOWN, real_ns=NOW_NS, test_age_ns=None)


@pytest.mark.req("ALRM-05")
@pytest.mark.parametrize("age", [b"-1", b"-0.001", b"1e3", b"NaN", b"true", b'"soon"', b"[]", b"9999999999999.5"])
def test_a_beat_with_a_spoilt_age_counts_for_nothing(age: bytes) -> None:
    payload = beat("7").replace(b'"audible_test_age_s":7', b'"audible_test_age_s":' + age)
    assert age in payload
    assert intake().receive(f"{BASE}/station/anna", payload, retained=False, real_ns=NOW_NS) is None
    assert intake().receive(f"{BASE}/station/anna", beat("7"), retained=True, real_ns=NOW_NS) is None


def test_a_station_counts_only_live_listening_and_for_an_operator() -> None:
    under = intake()
    watched = beat(None, user="ben")
    asleep = beat("1", listening=False)
    topic = f"{BASE}/station/anna"
    # who it is says the topic, not the payload
    seen = StationSeen(user="anna", token=SHOWN, real_ns=3, test_age_ns=None)
    assert under.receive(topic, watched, retained=False, real_ns=3) == seen
    assert under.receive(topic, watched, retained=True, real_ns=3) is None
    assert under.receive(topic, asleep, retained=False, real_ns=3) is None
    assert under.receive(topic, b"{", retained=False, real_ns=3) is None
    assert under.receive(f"{BASE}/station/mallory", watched, retained=False, real_ns=3) is None


@pytest.mark.parametrize(
    "topic", ["pumpd/v1/bed2/cmd/anna/request", f"{BASE}/state", f"{BASE}/cmd/anna", f"{BASE}/cmd/a b/request", ""]
)
def test_other_topics_are_not_for_this_bed(topic: str) -> None:
    assert intake().receive(topic, request(Stop()), retained=False, real_ns=0) is None


def test_the_wire_knows_every_field_of_every_command() -> None:
    for command in COMMANDS:
        sent = set(json.loads(request(command))) - {"v", "kind", "id", "session", "rev", "token", "issued_at"}
        assert sent == {each.name for each in fields(command)}


# ---- what nobody can ask for ----------------------------------------------------------------------------------------


@pytest.mark.req("DOSE-13")
@pytest.mark.parametrize("kind", ["bolus", "purge", "prime", "rate", "flush", "raise"])
def test_no_command_gives_a_bolus(kind: str) -> None:
    received = judge(odd(kind=kind))
    assert isinstance(received, CommandMalformed)
    assert "kind" in received.reason


@pytest.mark.req("DOSE-13")
def test_a_pump_is_asked_for_a_run_and_a_lower_rate_and_nothing_else_that_moves() -> None:
    asked = {name for name in vars(PumpDriver) if not name.startswith("_")}
    quiet = {"stop_sent", "settle", "poll", "transmit", "take_facts", "next_deadline_ns"}
    assert asked - quiet == {"program", "run", "lower"}
