"""Random lives of a bedside: whatever happens in whatever order, the invariants hold, and a nurse can end it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumpd.core.commands import Acknowledge, Symptom, SymptomKind, Tighten
from pumpd.core.effects import SendRun, StateChanged
from pumpd.core.events import (
    BrokerConnected,
    BrokerLost,
    ComfortPressed,
    ComfortSeen,
    CuffInflating,
    JournalFailed,
    JournalRecovered,
    SourceRefused,
    Trouble,
)
from pumpd.core.modes import Mode
from pumpd.core.ports import (
    Outcome,
    PumpAlarmed,
    PumpAlarmKind,
    PumpState,
    PumpStatus,
    ReplyLost,
    SamplesReceived,
    Validity,
    VitalKind,
)
from tests.core.support import MS, World, frame, ready, vital

ACTS = (
    "wait",
    "start",
    "resume",
    "stop",
    "pause",
    "acknowledge",
    "assess",
    "lower",
    "symptom",
    "tighten",
    "leave",
    "return",
    "cut",
    "connect",
    "mute",
    "unmute",
    "disobey",
    "obey",
    "desaturate",
    "recover",
    "probe-off",
    "journal-lost",
    "journal-back",
    "broker-lost",
    "broker-back",
    "keypad-stop",
    "alarm",
    "lost-reply",
    "run-lost",
    "old-status",
    "second",
    "second-low",
    "second-foreign",
    "second-gone",
    "press",
    "release",
    "inflate",
)
SECOND = "ox7/spo2"


def act(world: World, what: str) -> None:  # noqa: C901 - one line per act
    match what:
        case "start":
            world.start()
        case "resume":
            world.resume()
        case "stop":
            world.stop()
        case "pause":
            world.pause()
        case "acknowledge":
            world.acknowledge_all()
        case "assess":
            world.assess()
        case "lower":
            world.lower("20")
        case "symptom":
            world.command("anna", Symptom(symptom=SymptomKind.NAUSEA))
        case "tighten":
            world.command("anna", Tighten(rule="spo2-low-pause", limit=95))
        case "leave" | "return":
            world.attentive = what == "return"
        case "cut" if world.link_up:
            world.cut()
        case "connect" if not world.link_up:
            world.connect()
        case "mute" | "unmute":
            world.pump_answers = what == "unmute"
        case "disobey" | "obey":
            world.pump.ignores_stop = what == "disobey"
        case "desaturate" | "recover":
            world.spo2, world.probe = (80, Validity.VALID) if what == "desaturate" else (98, Validity.VALID)
        case "probe-off":
            world.probe = Validity.PROBE_OFF
        case "journal-lost":
            world.tell(JournalFailed(reason="disk full"))
        case "journal-back":
            world.tell(JournalRecovered())
        case "broker-lost":
            world.tell(BrokerLost(reason="x", real_ns=world.now_ns))
        case "broker-back":
            world.tell(BrokerConnected(real_ns=world.now_ns))
        case "keypad-stop":
            world.pump.stop(world.now_ns)
        case "alarm":
            world.pump.stop(world.now_ns)
            world.tell(PumpAlarmed(kind=PumpAlarmKind.STALL, text="A?S"))
        case "lost-reply":
            world.tell(ReplyLost(command="DIS"))
        case "run-lost":
            world.run_reaches_pump, world.run_outcome = not world.run_reaches_pump, Outcome.UNKNOWN
        case "old-status":
            world.tell(PumpStatus(state=PumpState.REST, asked_at_ns=world.now_ns - 900 * MS))
        case "second" | "second-low":
            value = 80 if what == "second-low" else 97
            world.tell(SamplesReceived(samples=(replace(vital(VitalKind.SPO2, value, world.now_ns), source=SECOND),)))
        case "second-foreign" | "second-gone":
            trouble = Trouble.IDENTITY if what == "second-foreign" else Trouble.OFFLINE
            world.tell(SourceRefused(source="ox7", trouble=trouble, reason="x"))
        case "press":
            world.tell(ComfortPressed(source="button1/comfort"))
        case "release":
            world.tell(ComfortSeen(source="button1/comfort"))
        case "inflate":
            world.tell(CuffInflating(source="cuff2/nibp", limb_shared=True, on=True))


@pytest.mark.req("CTRL-04", "CMD-02", "COMM-03", "DOSE-04", "DOSE-11", "VIT-07", "ALRM-04")
@given(
    st.lists(st.tuples(st.sampled_from(ACTS), st.sampled_from([0, 0.05, 0.3, 1, 4, 12, 40])), min_size=1, max_size=40)
)
def test_invariants_hold_and_a_nurse_can_always_end_it(life: list[tuple[str, float]]) -> None:
    world = ready()
    for what, seconds in life:
        act(world, what)  # the world checks I1, I4, I5, I8, the poll's permission and the deadline at every event
        world.advance(seconds)
        if world.mode is Mode.PAUSED and world.core.state.pause_cause and " by " not in world.core.state.pause_cause:
            assert world.core.state.alarms.episodes, world.core.state.pause_cause
    for what in ("unmute", "obey", "recover", "journal-back", "broker-back", "connect"):
        act(world, what)
    world.advance(15)
    assert world.mode in {Mode.READY, Mode.RUNNING, Mode.PAUSED, Mode.ENDED, Mode.FAULT, Mode.COMPLETED}
    if world.mode in {Mode.READY, Mode.RUNNING, Mode.PAUSED, Mode.FAULT}:
        world.stop()
        world.advance(8)
        assert world.mode in {Mode.ENDED, Mode.COMPLETED}


@pytest.mark.req("CMD-03")
def test_samples_time_and_acknowledgements_do_not_move_the_version() -> None:
    world = ready()
    rev = world.core.state.rev
    world.hr = 99
    world.advance(20)
    assert world.core.state.rev == rev
    world.tell(PumpStatus(state=PumpState.OTHER, asked_at_ns=world.now_ns))
    world.advance(5)
    rev = world.core.state.rev
    (alarm,) = world.core.state.alarms.listed
    effects = world.command("anna", Acknowledge(alarm=alarm.id, episode=alarm.episode))
    assert alarm.id == "keypad-start"
    changes = [effect for effect in effects if isinstance(effect, StateChanged)]
    assert len(changes) <= 1, "an alarm that has gone leaves the list"
    world.tell(frame(world.now_ns))
    assert not [effect for _, effect in world.effects if isinstance(effect, SendRun)]
