"""A replay makes the decisions of the record, and finds every record that is not as it was."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

import pytest

from pumpd.core.controller import Core
from pumpd.core.effects import Decision, Effect, PollPump, SaveSession, SendStop
from pumpd.core.events import Event
from pumpd.core.ports import SamplesReceived
from pumpd.records.beginning import RunBegins
from pumpd.records.chain import Link
from pumpd.records.encoding import canonical
from pumpd.records.journal import GAP_KIND
from pumpd.records.replay import WIRE_KINDS, ReplayError, Step, findings, replay
from tests.records.runs import links

pytestmark = pytest.mark.req("LOG-03")


def steps(some: tuple[Link, ...]) -> list[Step]:
    return [item for item in replay(some) if isinstance(item, Step)]


def place(kind: str, containing: str = "") -> int:
    """Return where the last such record stands."""
    return max(at for at, link in enumerate(links()) if link.kind == kind and containing in link.body)


def changed(at: int, **fields: str) -> tuple[Link, ...]:
    return (*links()[:at], replace(links()[at], **fields), *links()[at + 1 :])  # type: ignore[arg-type]  # text fields


def without(at: int) -> tuple[Link, ...]:
    return (*links()[:at], *links()[at + 1 :])


def test_a_run_is_replayed_to_the_byte() -> None:
    found = findings(links())
    assert found.is_same
    assert found.first is None
    assert found.runs == 2
    assert found.events > 1_000
    kinds = {link.kind for link in links()} - WIRE_KINDS - {RunBegins.__name__}
    assert {SendStop.__name__, Decision.__name__, SaveSession.__name__} <= kinds
    assert found.events + found.decisions == sum(link.kind in kinds for link in links())


def test_every_run_begins_with_its_settings() -> None:
    for _, run in groupby(links(), lambda link: link.boot):
        kinds = [link.kind for link in run]
        assert kinds.count(RunBegins.__name__) == 1
        assert kinds[0] == RunBegins.__name__


def test_a_stop_stands_in_the_record_after_what_led_to_it_and_its_bytes_before() -> None:
    at = place("CommandReceived", '"type":"Pause"')
    assert links()[at + 1].kind == SendStop.__name__
    assert links()[at - 1].kind == "pump-tx"


def test_what_a_core_is_asked_between_events_changes_nothing() -> None:
    class Asked(Core):
        def handle(self, event: Event, now_ns: int) -> Iterator[Effect]:
            for at_ns in (now_ns, now_ns + 1_000_000_000):
                self.line_policy(at_ns)
                self.permission(at_ns)
                self.next_deadline_ns(at_ns)
            yield from super().handle(event, now_ns)

    assert findings(links(), lambda run: Asked(run.settings)).is_same


def test_a_record_that_ends_anywhere_is_no_difference() -> None:
    first_save = next(at for at, link in enumerate(links()) if link.kind == SaveSession.__name__)
    for end in (1, 2, *range(first_save - 6, first_save + 6), *range(len(links()) - 6, len(links()))):
        assert findings(links()[:end]).is_same


def test_a_run_that_was_killed_may_have_decided_more_than_is_recorded() -> None:
    last = max(at for at, link in enumerate(links()) if link.boot == links()[0].boot)
    effect = max(at for at in range(last) if links()[at].kind == SaveSession.__name__)
    first_run = links()[:effect]
    assert findings((*first_run, *links()[last + 1 :])).is_same


def test_a_changed_event_is_found() -> None:
    at = max(
        at
        for at, link in enumerate(links())
        if link.kind == "SamplesReceived"
        and link.mono_ns < _paused_ns()
        and links()[at + 1].kind == PollPump.__name__  # a decision followed, so that the first difference has a record
    )
    spoilt = links()[at].body.replace('"kind":"spo2","value":9', '"kind":"spo2","value":7')
    assert spoilt != links()[at].body
    found = findings(changed(at, body=spoilt))
    assert found.first is not None
    assert found.first.seq == links()[at + 1].seq
    assert found.first.replayed == canonical(SendStop())


def _paused_ns() -> int:
    return links()[place("CommandReceived", '"type":"Pause"')].mono_ns


def test_a_changed_decision_is_found() -> None:
    at = place(Decision.__name__, "halt")
    found = findings(changed(at, body=links()[at].body.replace("pause", "other")))
    assert found.first is not None
    assert (found.first.seq, found.first.replayed) == (links()[at].seq, links()[at].body)
    assert found.differing == 1


def test_a_changed_time_is_found() -> None:
    at = max(at for at, link in enumerate(links()) if link.kind == "SamplesReceived" and link.mono_ns < _paused_ns())
    later = replace(links()[at], mono_ns=links()[at].mono_ns + 20_000_000_000)
    assert not findings((*links()[:at], later, *links()[at + 1 :])).is_same


@pytest.mark.parametrize("kind", [SendStop.__name__, Decision.__name__, "CommandReceived"])
def test_a_removed_record_is_found(kind: str) -> None:
    found = findings(without(place(kind)))
    assert found.first is not None


def test_a_core_with_another_rule_is_found() -> None:
    def strict(run: RunBegins) -> Core:
        rules = tuple(replace(rule, limit=150) if rule.id == "sbp-low-pause" else rule for rule in run.profile.rules)
        return Core(replace(run.settings, profile=replace(run.profile, rules=rules)))

    found = findings(links(), strict)
    assert found.first is not None
    assert found.differing > 1


def test_a_fault_in_the_core_is_shown_at_its_record() -> None:
    class Failing(Core):
        def handle(self, event: Event, now_ns: int) -> Iterator[Effect]:
            if isinstance(event, SamplesReceived):
                raise ZeroDivisionError("for the test")
            return super().handle(event, now_ns)

    first = next(link for link in links() if link.kind == "SamplesReceived")
    found = findings(links(), lambda run: Failing(run.settings))
    assert found.first is not None
    assert found.first.seq == first.seq
    assert found.first.replayed == "a fault in the core: ZeroDivisionError: for the test"


def test_what_follows_a_gap_is_not_judged_and_not_called_the_same() -> None:
    at = place("CommandReceived", '"type":"Start"')
    spoilt = changed(at, kind=GAP_KIND, body='{"first_ns":1,"last_ns":2,"records":3}')
    found = findings(spoilt)
    assert found.gaps == (links()[at].seq,)
    assert not found.is_same
    assert found.first is None
    assert found.runs == 2
    in_run = [link for link in links()[at + 1 :] if link.boot == links()[at].boot]
    assert in_run
    assert not any(step.event in in_run for step in steps(spoilt))


@pytest.mark.parametrize(
    ("at", "fields", "complaint"),
    [
        (0, {"kind": "Booted"}, "begins without its settings"),
        (0, {"body": '{"type":"RunBegins","program":"9"}'}, "missing fields .*; use the pumpd that wrote it"),
        (1, {"kind": "Levitated"}, "its kind 'Levitated' is unknown here; use the pumpd that wrote it"),
        (1, {"kind": "DeadlineReached"}, "its kind is DeadlineReached, its content Booted"),
        (1, {"body": "{"}, "not JSON"),
        (1, {"kind": "SendStop"}, "a decision stands before the first event"),
    ],
)
def test_what_no_replay_can_use_is_refused_by_its_number(at: int, fields: dict[str, str], complaint: str) -> None:
    with pytest.raises(ReplayError, match=rf"record {at + 1}: .*{complaint}"):
        findings(changed(at, **fields))
