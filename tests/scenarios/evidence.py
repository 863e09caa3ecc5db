"""What a played scenario leaves behind, read without any help of the daemon: plunger, wire, bus and journal."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pumpd.bedside.recovery import recover
from pumpd.core.session import SessionRecord
from pumpd.records import reader
from pumpd.records.replay import findings
from simulators.harness.plunger_log import PlungerLog

ORDER_NL = 17_500_000
RATE_NL_H = 26_250_000
COUNT_NL = 10_000
"""One count of four digits at 10 mL and above."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One message on the bus, or one receipt of a scripted nurse."""

    clock_ns: int
    topic: str
    retained: bool
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The folder of one bed after a play."""

    folder: Path

    @property
    def journal(self) -> Path:
        return self.folder / "journal.db"

    def plunger(self) -> PlungerLog:
        return PlungerLog.read(self.folder / "plunger.jsonl")

    def wire(self) -> list[tuple[int, bytes]]:
        """What the simulated pump heard, and when."""
        found = []
        for line in (self.folder / "wire.jsonl").read_text().splitlines():
            members = json.loads(line)
            found.append((members["monotonic_ns"], bytes.fromhex(members["heard"])))
        return found

    def bus(self, topic: str) -> list[Heard]:
        """Every message on `topic` that the broker did not keep, in order."""
        return [heard for heard in self._bus() if heard.topic == topic and not heard.retained]

    def _bus(self) -> Iterator[Heard]:
        for line in (self.folder / "bus.jsonl").read_text().splitlines():
            yield Heard(**json.loads(line))

    def receipts(self, kind: str) -> list[Heard]:
        """The final words on commands of one kind, to whomever."""
        found = [heard for heard in self._bus() if heard.topic.startswith("ack/")]
        return [heard for heard in found if heard.payload["kind"] == kind]

    def states(self, mode: str) -> list[Heard]:
        """Every state that was shown in one mode."""
        return [heard for heard in self.bus("state") if heard.payload["mode"] == mode]

    def alarms(self) -> dict[str, dict[str, Any]]:
        """Every alarm that was ever listed, by name, as it was listed first."""
        found: dict[str, dict[str, Any]] = {}
        for heard in self.bus("alarms"):
            for alarm in heard.payload["alarms"]:
                found.setdefault(alarm["id"], alarm)
        return found

    def last_state(self) -> dict[str, Any]:
        return self.bus("state")[-1].payload

    def session(self) -> SessionRecord:
        """The session as the journal holds it, every record of it verified and every decision made again first."""
        assert reader.check(self.journal) is None
        assert findings(reader.read(self.journal)).first is None
        record = recover(self.journal)
        assert record is not None
        return record


def assert_complete(evidence: Evidence, *, runs: int) -> None:
    """Within one count per run of the order, never above it, at no rate but the ordered one."""
    plunger = evidence.plunger()
    assert plunger.at_rest
    assert all(flow.delivered_nl <= ORDER_NL for flow in plunger.flows)
    assert plunger.volume_nl >= ORDER_NL - COUNT_NL * runs
    assert {flow.rate_nl_h for flow in plunger.flows} == {0, RATE_NL_H}
    assert len(plunger.stops_ns()) == runs


def assert_agreement(evidence: Evidence) -> None:
    """What the nurses saw, what the journal holds and what the plunger gave are one thing."""
    session = evidence.session()
    delivery = evidence.last_state()["delivery"]
    assert [_nl(delivery["low_ml"]), _nl(delivery["high_ml"])] == [session.ledger.low(), session.ledger.high(0)]
    assert session.ledger.low() <= evidence.plunger().volume_nl <= session.ledger.high(0)


def assert_no_flow_while_paused(evidence: Evidence) -> None:
    """Whenever a screen said PAUSED, nothing flowed."""
    plunger = evidence.plunger()
    paused = evidence.states("paused")
    assert paused
    assert [heard.clock_ns for heard in paused if plunger.rate_nl_h(heard.clock_ns) != 0] == []


def assert_resume_refused_then_accepted(evidence: Evidence, *words: str) -> None:
    """The first resume was refused naming the cause; the last one was verified, and flow began only then."""
    resumes = evidence.receipts("resume")
    first, last = resumes[0], resumes[-1]
    assert first.payload["state"] == "refused"
    assert any(word in first.payload["reason"] for word in words), first.payload["reason"]
    assert last.payload["state"] == "verified"
    plunger = evidence.plunger()
    stopped_ns = plunger.stops_ns()[0]
    restarted_ns = next(flow.at_ns for flow in plunger.flows if flow.at_ns > stopped_ns and flow.rate_nl_h)
    assert stopped_ns < first.clock_ns < restarted_ns
    verified_first = next(each for each in resumes if each.payload["state"] == "verified")
    refused = [each.clock_ns for each in resumes if each.payload["state"] == "refused"]
    assert max(refused) < restarted_ns <= verified_first.clock_ns


def _nl(volume_ml: str | float) -> int:
    return round(float(volume_ml) * 1_000_000)
