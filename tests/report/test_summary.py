"""What a journal tells of a session is what is in it, no less and no more."""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import pairwise

import pytest

from pumpd.core.alarms import Priority
from pumpd.core.commands import FOR_DISCHARGE
from pumpd.core.effects import SaveSession
from pumpd.core.modes import Mode
from pumpd.core.ports import SamplesReceived, Validity, VitalKind
from pumpd.core.quantities import NS_PER_MIN
from pumpd.records.chain import Head, Link, genesis, link
from pumpd.records.encoding import parse
from pumpd.records.journal import GAP_KIND
from pumpd.records.report.content import document
from pumpd.records.report.html import html
from pumpd.records.summary.findings import beyond, extremes, hold_ns
from pumpd.records.summary.fold import told
from pumpd.records.summary.journal import NoSessionError, chosen
from pumpd.records.summary.model import Outcome, Score, Session
from pumpd.records.summary.prompts import prompts
from pumpd.records.summary.turns import SummaryError
from tests.records import runs
from tests.records.runs import TYPES
from tests.report.journals import IDENTITY, cleared_links, cleared_story, given_clearance, links, story


def only() -> Session:
    (session,) = story().sessions
    return session


def rechained(some: Iterable[Link], change: Callable[[Link], Iterable[Link]]) -> tuple[Link, ...]:
    """Return a journal as if it had been written so: every hash fits."""
    head: Head = genesis(IDENTITY.journal_id)
    found = []
    for each in (changed for old in some for changed in change(old)):
        following = link(
            head, kind=each.kind, mono_ns=each.mono_ns, wall_utc=each.wall_utc, boot=each.boot, body=each.body
        )
        found.append(following)
        head = following.head
    return tuple(found)


def test_each_pause_tells_who_or_which_rule_and_who_went_on() -> None:
    by_rule, by_person, by_symptom = only().pauses
    assert by_rule.by is None
    assert by_rule.rules == ("spo2-stale-pause", "hr-stale-pause")
    assert by_rule.cause == "no usable SPO2 for 15 s, limit 15 s"
    assert by_rule.resumed_by == "anna"
    assert (by_person.by, by_person.rules, by_person.resumed_by) == ("ben", (), "anna")
    assert by_person.cause == "pause by ben (the patient asks for it)"
    assert (by_symptom.by, by_symptom.resumed_by) == ("ben", None)
    for pause in only().pauses:
        assert pause.until_wall_ns is not None
        assert pause.until_wall_ns > pause.since_wall_ns


def test_modes_follow_each_other_without_a_hole() -> None:
    modes = only().modes
    assert [span.mode for span in modes[:3]] == [Mode.READY, Mode.STARTING, Mode.RUNNING]
    assert modes[-1].mode is Mode.ENDED
    for span, following in pairwise(modes):
        assert span.until_wall_ns == following.since_wall_ns
    assert modes[-1].until_wall_ns is None
    assert only().outcome is Outcome.ENDED_SHORT
    assert only().halt_cause == "stop by anna (enough for today)"


def test_what_was_given_is_the_ledger_of_the_last_record() -> None:
    last = next(each for each in reversed(links()) if each.kind == SaveSession.__name__)
    saved = parse(last.body, TYPES)
    assert isinstance(saved, SaveSession)
    assert (only().low_nl, only().high_nl) == (saved.record.ledger.low(), saved.record.ledger.high(last.mono_ns))
    for before, after in pairwise(only().delivered):
        assert before.low_nl <= after.low_nl <= after.high_nl
        assert before.at_wall_ns <= after.at_wall_ns
    assert sum(rate.counted_nl for rate in only().rates) == only().low_nl


def test_rates_end_where_the_mode_does_and_a_lower_one_is_a_rate_of_its_own() -> None:
    rates = only().rates
    assert [rate.commanded_nl_h for rate in rates] == [26_250_000, 26_250_000, 26_250_000, 20_000_000]
    assert [rate.by for rate in rates] == ["anna"] * 4
    assert [rates[0].until_wall_ns, rates[1].until_wall_ns, rates[3].until_wall_ns] == [
        pause.since_wall_ns for pause in only().pauses
    ]
    assert rates[2].until_wall_ns == rates[3].since_wall_ns
    assert rates[2].run_id == rates[3].run_id


def test_every_sample_of_the_session_is_there_in_its_order() -> None:
    begun = next(at for at, each in enumerate(links()) if each.kind == SaveSession.__name__)
    expected = []
    for each in links()[begun:]:
        if each.kind == SamplesReceived.__name__:
            event = parse(each.body, TYPES)
            assert isinstance(event, SamplesReceived)
            expected += [(sample.kind, sample.value, sample.validity, sample.seq) for sample in event.samples]
    measured = [sign for sign in only().signs if sign.vital in {VitalKind.SPO2, VitalKind.HR}]
    assert [(each.vital, each.value, each.validity, each.seq) for each in measured] == expected


def test_alarms_tell_who_acknowledged_each_and_when() -> None:
    alarms = {each.alarm: each for each in only().alarms}
    pause = alarms["spo2-stale-pause"]
    assert (pause.priority, pause.acknowledged_by) == (Priority.MEDIUM, "anna")
    assert pause.acknowledged_wall_ns is not None
    assert pause.ended_wall_ns is not None
    assert pause.raised_wall_ns == only().pauses[0].since_wall_ns


def test_people_symptoms_and_scores() -> None:
    session = only()
    assert (session.order.prepared_by, session.confirmed_by, session.started_by) == ("anna", "ben", "anna")
    (symptom,) = session.symptoms
    assert (symptom.symptom, symptom.by, symptom.ends) == ("nausea", "ben", False)
    assert [(score.scale, score.value, score.by) for score in session.scores] == [
        ("MOAA/S", 5, "anna"),
        ("respiration counted", 14, "anna"),
        ("nausea", 1, "anna"),
        ("dizziness", 2, "anna"),
        ("anxiety", 0, "anna"),
        ("dissociation", 4, "anna"),
    ]
    assert "weight_kg 70" in session.deeds[0].details


def test_the_time_without_a_value_is_told() -> None:
    found = {each.vital: each for each in extremes(only())}
    # the probe's line was out for 25 s; the last value stood for the 5 s after which the profile calls it old
    assert 18_000_000_000 < found[VitalKind.SPO2].unknown_ns < 25_000_000_000
    assert beyond(only()) == ()


def test_for_how_long_a_limit_was_passed_counts_no_silence() -> None:
    session = only()
    zero = session.zero_wall_ns
    signs = tuple(
        replace(
            session.signs[0], vital=VitalKind.SPO2, validity=validity, value=value, at_wall_ns=zero + second * 10**9
        )
        for second, value, validity in (
            (0, 97, Validity.VALID),
            (2, 91, Validity.VALID),
            (5, None, Validity.PROBE_OFF),
            (6, 91, Validity.VALID),
            (60, 97, Validity.VALID),
        )
    )
    found = {each.rule: each.beyond_ns for each in beyond(replace(session, signs=signs))}
    assert found == {"spo2-low-alert": 8 * 10**9, "spo2-low-pause": 8 * 10**9}


def test_a_killed_daemon_is_a_restart_of_one_session() -> None:
    (session,) = told(runs.links(), IDENTITY).sessions
    assert session.restarts == 1
    assert Mode.UNKNOWN in {span.mode for span in session.modes}
    assert session.pauses[0].cause == "the daemon was restarted"
    assert all(before.at_wall_ns <= after.at_wall_ns for before, after in pairwise(session.delivered))


def test_an_alarm_that_left_the_list_as_it_was_acknowledged_is_told_as_acknowledged() -> None:
    (session,) = told(runs.links(), IDENTITY).sessions
    (restarted,) = (each for each in session.alarms if each.alarm == "restarted")
    assert restarted.acknowledged_by == "anna"
    assert restarted.ended_wall_ns is not None
    assert restarted.acknowledged_wall_ns is not None
    assert restarted.acknowledged_wall_ns > restarted.raised_wall_ns


def test_a_closed_session_keeps_its_baseline_and_takes_nothing_that_comes_after() -> None:
    newest = max(each.seq for each in links() if each.kind == SaveSession.__name__)

    def change(each: Link) -> Iterable[Link]:
        if each.seq == newest:
            record = json.loads(each.body)
            record["record"] |= {"observed_ns": None, "baseline": None}
            each = replace(each, body=json.dumps(record))
        yield each

    (session,) = told(rechained(links(), change), IDENTITY).sessions
    assert session.is_closed
    assert session.baseline == only().baseline
    assert session.last_wall_ns == session.closed_wall_ns
    assert len(session.signs) <= len(only().signs)


def test_a_session_under_two_profiles_names_both() -> None:
    before = runs.links()
    second = next(each.boot for each in reversed(before))

    def change(each: Link) -> Iterable[Link]:
        other = each.body.replace('"version":1,"hash":', '"version":2,"hash":')
        yield replace(each, body=other) if each.boot == second and each.kind == "RunBegins" else each

    found = told(rechained(before, change), IDENTITY)
    (session,) = found.sessions
    assert len(session.profiles) == 2
    assert "MORE THAN ONE PROFILE" in html(document(found, session))


def test_late_in_the_observation_a_cuff_reading_stands_for_longer() -> None:
    session = only()
    assert session.over_wall_ns is not None
    reading = replace(session.signs[0], vital=VitalKind.SBP, at_wall_ns=session.over_wall_ns)
    late = replace(reading, at_wall_ns=session.over_wall_ns + session.profile.observe_first_ns)
    assert hold_ns(session, reading) == 420 * 10**9
    assert hold_ns(session, late) == (420 + 900 - 300) * 10**9


def test_sessions_of_one_journal_are_told_apart() -> None:
    first = only().session
    other = f"s-{'0' * 16}"
    renamed = (replace(each, body=each.body.replace(first, other)) for each in links())
    both = rechained([*links(), *(replace(each, boot=f"{each.boot}-2") for each in renamed)], lambda each: [each])
    found = told(both, IDENTITY)
    assert [each.session for each in found.sessions] == [first, other]
    assert found.sessions[0].delivered == only().delivered
    assert [each.low_nl for each in found.sessions[1].delivered] == [each.low_nl for each in only().delivered]
    assert chosen(found, None).session == other
    assert chosen(found, first) == found.sessions[0]
    with pytest.raises(NoSessionError, match=f"no session s-x; it holds {first}, {other}"):
        chosen(found, "s-x")


def test_a_kind_that_is_not_known_is_named_and_takes_no_credit_for_what_others_did() -> None:
    def change(each: Link) -> Iterable[Link]:
        yield each
        if each.kind == "CommandReceived" and '"type":"Pause"' in each.body:
            yield replace(each, kind="DrugDrawn", body='{"type":"DrugDrawn"}')

    found = told(rechained(links(), change), IDENTITY)
    (session,) = found.sessions
    assert [(each.kind, each.count) for each in session.others] == [("DrugDrawn", 1)]
    assert session.pauses[1].by is None


def test_a_known_kind_of_another_program_is_refused() -> None:
    def change(each: Link) -> Iterable[Link]:
        yield replace(each, body=each.body.replace('"samples":', '"values":'))

    with pytest.raises(SummaryError, match=r"record \d+: .*use the pumpd that wrote it"):
        told(rechained(links(), change), IDENTITY)


def test_a_journal_that_ends_anywhere_tells_what_it_holds_and_that_it_is_unfinished() -> None:
    begun = next(each.seq for each in links() if each.kind == SaveSession.__name__)
    for end in (0, 1, 50, begun - 1, begun, *range(begun + 1, len(links()), 900)):
        found = told(links()[:end], IDENTITY)
        assert found.head.seq == end
        assert len(found.sessions) == (end >= begun)
        for session in found.sessions:
            assert "UNFINISHED" in html(document(found, session))


def test_records_that_a_disk_lost_are_told() -> None:
    def change(each: Link) -> Iterable[Link]:
        yield each
        if each.kind == "LowerRate":
            yield replace(each, kind=GAP_KIND, body='{"first_ns":1,"last_ns":2,"records":3}')

    found = told(rechained(links(), change), IDENTITY)
    assert (found.lost, found.sessions[0].lost) == (1, 1)
    assert "NOT COMPLETE" in html(document(found, found.sessions[0]))
    assert found.sessions[0].others == ()


def test_a_step_of_the_wall_clock_bends_no_pause() -> None:
    def change(each: Link) -> Iterable[Link]:
        yield replace(each, wall_utc=each.wall_utc.replace("08:2", "07:2"))

    found = told(rechained(links(), change), IDENTITY)
    assert found.sessions[0].pauses == only().pauses
    assert found.strayed_ns > 3_599 * 10**9


def cleared() -> Session:
    (session,) = cleared_story().sessions
    return session


@pytest.mark.req("CLIN-10")
def test_the_clearance_of_an_order_is_the_one_it_quotes() -> None:
    assert cleared().clearance == given_clearance()
    assert cleared().order.clearance_hash == given_clearance().hash
    assert only().clearance is None

    def other(each: Link) -> Iterable[Link]:
        # what the clinic said later, and for somebody else, is none of this order
        yield each
        if each.kind == "ClearanceSeen":
            yield replace(each, body=each.body.replace(given_clearance().hash, "0" * 16))

    (session,) = told(rechained(cleared_links(), other), IDENTITY).sessions
    assert session.clearance == given_clearance()

    def lost(each: Link) -> Iterable[Link]:
        if each.kind != "ClearanceSeen":
            yield each

    found = told(rechained(cleared_links(), lost), IDENTITY)
    assert found.sessions[0].clearance is None
    assert f"{given_clearance().hash} of course c-0a1b2c3d; the journal does not hold" in html(
        document(found, found.sessions[0])
    )


@pytest.mark.req("CLIN-08", "CLIN-09")
def test_account_attestations_and_signature_are_told_with_who_and_when() -> None:
    session = cleared()
    drug = session.account
    assert drug is not None
    counted = drug.counted
    assert (counted.by, counted.witness, counted.has_gap, counted.explanation) == ("anna", "ben", True, "spilt <1 mL>")
    assert (counted.low_nl, counted.high_nl) == (session.low_nl, session.high_nl)
    total_nl = counted.primed_nl + counted.wasted_nl + counted.left_nl + counted.missing_nl
    assert total_nl + counted.high_nl == session.order.label.mixed_nl
    deeds = {deed.kind: deed for deed in session.deeds}
    assert (drug.counted_wall_ns, drug.witnessed_wall_ns) == (deeds["account"].at_wall_ns, deeds["witness"].at_wall_ns)
    attests = {deed.details: deed.at_wall_ns for deed in session.deeds if deed.kind == "attest"}
    assert [(each.by, each.at_wall_ns) for each in session.attested] == [
        ("anna", attests[f"item {each.item.value}"]) for each in session.attested
    ]
    assert {each.item for each in session.attested} == set(FOR_DISCHARGE)
    left = session.leaving
    assert left is not None
    assert (left.by, left.at_wall_ns, left.transfer_reason) == ("anna", session.closed_wall_ns, "")
    assert left.handover.startswith("discharge signed by anna: given 0.307 to 0.308 mL")
    assert only().leaving is None


@pytest.mark.req("CLIN-08")
def test_a_transfer_is_told_by_its_reason_and_a_close_that_was_refused_is_none() -> None:
    def transfer(each: Link) -> Iterable[Link]:
        yield replace(each, body=each.body.replace('"transfer_reason":""', '"transfer_reason":" chest pain "'))

    found = told(rechained(cleared_links(), transfer), IDENTITY)
    assert found.sessions[0].leaving is not None
    assert found.sessions[0].leaving.transfer_reason == "chest pain"
    page = html(document(found, found.sessions[0]))
    assert "NOT DISCHARGED: handed over to other care by anna (nurse), because: chest pain" in page

    def refused(each: Link) -> Iterable[Link]:
        if each.kind == "Receipt" and '"kind":"close"' in each.body:
            each = replace(each, body=each.body.replace('"verified"', '"refused"'))
        yield each

    (session,) = told(rechained(cleared_links(), refused), IDENTITY).sessions
    assert session.leaving is None


@pytest.mark.req("CLIN-06")
def test_each_prompt_is_answered_by_the_first_entry_that_counts_for_it() -> None:
    session = cleared()
    first_ns, over_ns = session.zero_wall_ns, session.zero_wall_ns + 41 * NS_PER_MIN
    entered = (0, 9, 16, 36, 58)
    scores = tuple(
        Score(at_wall_ns=first_ns + at_min * NS_PER_MIN, scale=scale, value=value, by="anna")
        for value, at_min in enumerate(entered)
        for scale in ("nausea", "dizziness", "anxiety", "dissociation")
    )
    long = replace(session, scores=scores, over_wall_ns=over_ns, last_wall_ns=over_ns + 40 * NS_PER_MIN)
    found = [(each.where, [score.value for score in each.felt]) for each in prompts(long)]
    assert found == [
        ("at 0 min of the infusion", [0] * 4),
        ("at 10 min of the infusion", [1] * 4),
        ("at 20 min of the infusion", [2] * 4),
        ("at 30 min of the infusion", [3] * 4),
        ("at 40 min of the infusion", [3] * 4),
        ("at 0 min of the observation", [3] * 4),
        ("at 15 min of the observation", [4] * 4),
        ("at 30 min of the observation", []),
    ]
    assert {each.sedation for each in prompts(long)} == {None}
    assert prompts(replace(session, first_run_wall_ns=None)) == ()


def test_an_override_at_a_start_is_told_with_who_and_why() -> None:
    assert only().overrides == ()

    def change(each: Link) -> Iterable[Link]:
        if each.kind == "CommandReceived" and '"type":"Start"' in each.body:
            each = replace(each, body=each.body.replace('"override_reason":""', '"override_reason":" known athlete "'))
        yield each
        if each.kind == "CommandReceived" and '"type":"Start"' in each.body:
            body = '{"cause":"override","text":"start override by anna: known athlete","type":"Decision"}'
            yield replace(each, kind="Decision", body=body)

    found = told(rechained(links(), change), IDENTITY)
    (override, *_) = found.sessions[0].overrides
    assert (override.what, override.by, override.reason) == ("start", "anna", "known athlete")
    page = html(document(found, found.sessions[0]))
    assert "<td>anna</td><td>known athlete</td>" in page
