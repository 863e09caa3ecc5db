"""The mode table, pair by pair, and every kind of event in every mode."""

from decimal import Decimal
from typing import get_args

import pytest

from pumpd.core.commands import (
    Acknowledge,
    Assess,
    Attest,
    Attested,
    AudioPause,
    Command,
    CommandMalformed,
    CommandReceived,
    Confirm,
    ConfirmLoosen,
    Loosen,
    Lower,
    Presence,
    ReceiptState,
    Resume,
    Start,
    Tighten,
)
from pumpd.core.controller import Core
from pumpd.core.effects import Receipt, SendRun, SendStop
from pumpd.core.events import (
    BrokerConnected,
    BrokerLost,
    ClearanceSeen,
    ComfortPressed,
    ComfortSeen,
    CuffInflating,
    DeadlineReached,
    Event,
    JournalConfirmed,
    JournalFailed,
    JournalRecovered,
    PumpLinkDown,
    PumpLinkUp,
    SourceOnline,
    SourceRefused,
    StationSeen,
    TokenIssued,
    Trouble,
)
from pumpd.core.modes import TRANSITIONS, IllegalTransitionError, Mode, Trigger, after
from pumpd.core.ports import (
    MonitorNotice,
    NibpFailed,
    Outcome,
    ProgramFailed,
    Programmed,
    PumpAlarmed,
    PumpAlarmKind,
    PumpAttached,
    PumpAttachFailed,
    PumpCounter,
    PumpPower,
    PumpSetting,
    PumpState,
    PumpStatus,
    RateChanged,
    RateChangeFailed,
    ReplyDiscarded,
    ReplyLost,
    RunAnswered,
    SettingChanged,
    Validity,
)
from tests.core.support import T0, S, World, core_in, frame, in_mode, nibp, only, prepare, self_tested, settings

LEGAL = {
    (Mode.IDLE, Trigger.PREPARED): Mode.READY,
    (Mode.IDLE, Trigger.RESTARTED): Mode.IDLE,
    (Mode.READY, Trigger.PREPARED): Mode.READY,
    (Mode.READY, Trigger.STARTED): Mode.STARTING,
    (Mode.READY, Trigger.HALT): Mode.STOPPING,
    (Mode.READY, Trigger.RESTARTED): Mode.IDLE,
    (Mode.STARTING, Trigger.RUN_SEEN): Mode.RUNNING,
    (Mode.STARTING, Trigger.HALT): Mode.STOPPING,
    (Mode.STARTING, Trigger.PUMP_LOST): Mode.UNKNOWN,
    (Mode.STARTING, Trigger.RESTARTED): Mode.UNKNOWN,
    (Mode.RUNNING, Trigger.HALT): Mode.STOPPING,
    (Mode.RUNNING, Trigger.PUMP_LOST): Mode.UNKNOWN,
    (Mode.RUNNING, Trigger.RESTARTED): Mode.UNKNOWN,
    (Mode.STOPPING, Trigger.REST_TO_READY): Mode.READY,
    (Mode.STOPPING, Trigger.REST_TO_PAUSED): Mode.PAUSED,
    (Mode.STOPPING, Trigger.REST_TO_COMPLETED): Mode.COMPLETED,
    (Mode.STOPPING, Trigger.REST_TO_ENDED): Mode.ENDED,
    (Mode.STOPPING, Trigger.REST_TO_FAULT): Mode.FAULT,
    (Mode.STOPPING, Trigger.PUMP_LOST): Mode.UNKNOWN,
    (Mode.STOPPING, Trigger.RESTARTED): Mode.UNKNOWN,
    (Mode.PAUSED, Trigger.STARTED): Mode.STARTING,
    (Mode.PAUSED, Trigger.HALT): Mode.STOPPING,
    (Mode.PAUSED, Trigger.PUMP_LOST): Mode.UNKNOWN,
    (Mode.PAUSED, Trigger.RESTARTED): Mode.UNKNOWN,
    (Mode.UNKNOWN, Trigger.REST_TO_READY): Mode.READY,
    (Mode.UNKNOWN, Trigger.REST_TO_PAUSED): Mode.PAUSED,
    (Mode.UNKNOWN, Trigger.REST_TO_COMPLETED): Mode.COMPLETED,
    (Mode.UNKNOWN, Trigger.REST_TO_ENDED): Mode.ENDED,
    (Mode.UNKNOWN, Trigger.REST_TO_FAULT): Mode.FAULT,
    (Mode.UNKNOWN, Trigger.PUMP_LOST): Mode.UNKNOWN,
    (Mode.UNKNOWN, Trigger.RESTARTED): Mode.UNKNOWN,
    (Mode.FAULT, Trigger.HALT): Mode.STOPPING,
    (Mode.FAULT, Trigger.PUMP_LOST): Mode.UNKNOWN,
    (Mode.FAULT, Trigger.RESTARTED): Mode.UNKNOWN,
    (Mode.COMPLETED, Trigger.PREPARED): Mode.READY,
    (Mode.COMPLETED, Trigger.RESTARTED): Mode.COMPLETED,
    (Mode.ENDED, Trigger.PREPARED): Mode.READY,
    (Mode.ENDED, Trigger.RESTARTED): Mode.ENDED,
}


@pytest.mark.req("CTRL-01")
@pytest.mark.parametrize("trigger", Trigger)
@pytest.mark.parametrize("mode", Mode)
def test_every_pair_of_mode_and_trigger(mode: Mode, trigger: Trigger) -> None:
    if (mode, trigger) in LEGAL:
        assert after(mode, trigger) is LEGAL[mode, trigger]
    else:
        with pytest.raises(IllegalTransitionError, match="no transition"):
            after(mode, trigger)


@pytest.mark.req("CTRL-01", "CTRL-04")
def test_running_is_reached_from_starting_alone_and_starting_by_a_person_alone() -> None:
    into = {(mode, trigger): to for mode, row in TRANSITIONS.items() for trigger, to in row.items()}
    assert [pair for pair, to in into.items() if to is Mode.RUNNING] == [(Mode.STARTING, Trigger.RUN_SEEN)]
    assert {trigger for (_, trigger), to in into.items() if to is Mode.STARTING} == {Trigger.STARTED}


def events(core: Core, now: int) -> list[Event]:
    starting, run = core.state.starting, core.state.ledger.run
    run_id = starting.order.run_id if starting else run.run_id if run else "none"
    alarms = [PumpAlarmed(kind=kind, text="x") for kind in PumpAlarmKind]
    states = [PumpStatus(state=state, asked_at_ns=now) for state in PumpState]
    runs = [RunAnswered(run_id=run_id, outcome=outcome, reason="x") for outcome in Outcome]
    return [
        *alarms,
        *states,
        *runs,
        *(SettingChanged(setting=each, programmed="1", held="2", asked_at_ns=now) for each in PumpSetting),
        PumpPower(mains=False, battery_left_ns=0, asked_at_ns=now),
        PumpLinkUp(),
        PumpLinkDown(reason="x", last_packet_ns=now),
        PumpLinkDown(reason="x", last_packet_ns=None),
        DeadlineReached(real_ns=now),
        JournalConfirmed(token=run_id),
        JournalFailed(reason="disk full"),
        JournalRecovered(),
        TokenIssued(token=run_id, real_ns=now),
        BrokerConnected(real_ns=now),
        BrokerLost(reason="x", real_ns=now),
        StationSeen(user="anna", token=run_id, real_ns=now, test_age_ns=None),
        self_tested(begun_ns=now),
        self_tested(free_bytes=None, storage_fault="x", clock_fault="x"),
        SourceRefused(source="ox7", trouble=Trouble.IDENTITY, reason="x"),
        SourceOnline(source="ox7"),
        CuffInflating(source="cuff2/nibp", limb_shared=True, on=True),
        ComfortSeen(source="button1/comfort"),
        ClearanceSeen(clearance=None, trouble="x"),
        ComfortPressed(source="button1/comfort"),
        CommandMalformed(user="anna", id=None, reason="x"),
        frame(now),
        frame(now, hr=300, spo2=10),
        frame(now, validity=Validity.IMPOSSIBLE),
        nibp(now, 190, 120),
        NibpFailed(source="cuff", cycle=1, reason="x", retry=True),
        MonitorNotice(source="cuff", text="x"),
        PumpAttached(model="x", firmware="x", serial=None, lease_ns=5 * S),
        PumpAttachFailed(reason="x"),
        PumpCounter(low_nl=50_000_000, high_nl=50_001_000, asked_at_ns=now),
        PumpCounter(low_nl=0, high_nl=1_000, asked_at_ns=now),
        Programmed(run_id=run_id, diameter_um=26_590, rate_nl_h=26_250_000, volume_nl=17_500_000, read_back=()),
        ProgramFailed(run_id=run_id, reason="x"),
        RateChanged(run_id=run_id, rate_nl_h=1_000_000),
        RateChangeFailed(run_id=run_id, outcome=Outcome.UNKNOWN, reason="x"),
        ReplyLost(command="DIS"),
        ReplyDiscarded(reason="crc", data=b"x"),
    ]


HUMAN: tuple[Command, ...] = (
    prepare(),
    Confirm(
        order_hash="x",
        weight_kg=prepare().weight_kg,
        concentration_mg_ml=prepare().diluent_ml,
        drug="x",
        syringe="x",
    ),
    Start(order_hash="x"),
    Resume(order_hash="x"),
    Acknowledge(alarm="x", episode=1),
    AudioPause(alarm="x", episode=1),
    Lower(rate_ml_h=Decimal(2_000)),
    Attest(item=Attested.PRIMED),
    Assess(moaas=5, respiration_bpm=12),
    Presence(),
    Tighten(rule="spo2-low-pause", limit=94),
    Loosen(rule="hr-low-pause", limit=45, reason="x"),
    ConfirmLoosen(loosening_hash="x"),
)


def test_every_kind_of_event_is_in_the_list() -> None:
    listed = {type(event) for event in events(Core(settings()), T0)}
    missing = {kind.__name__ for kind in get_args(Event)} - {kind.__name__ for kind in listed}
    assert missing == {"Booted", "CommandReceived"}


@pytest.mark.req("CTRL-01", "CTRL-04")
@pytest.mark.parametrize("mode", Mode)
def test_no_event_raises_or_starts_anything_in_any_mode(mode: Mode) -> None:
    for index in range(len(events(*core_in(mode)))):
        core, now = core_in(mode)
        event = events(core, now + 1)[index]
        effects = list(core.handle(event, now + 1))
        assert not only(effects, SendRun), event
        assert core.state.mode is not Mode.RUNNING or mode is Mode.RUNNING, event


@pytest.mark.req("START-06")
@pytest.mark.parametrize("mode", Mode)
def test_commands_that_do_not_fit_are_refused_by_a_sentence(mode: Mode) -> None:
    for command in HUMAN:
        core, now = core_in(mode)
        token = core.state.tokens[-1][0]
        asked = CommandReceived(
            user="anna",
            id="new",
            command=command,
            session=core.state.session,
            rev=core.state.rev,
            token=token,
            retained=False,
            received_real_ns=now,
        )
        answer = only(core.handle(asked, now), Receipt)[-1]
        assert answer.state in {ReceiptState.REFUSED, ReceiptState.VERIFIED}
        assert answer.reason


@pytest.mark.req("CTRL-02")
@pytest.mark.parametrize("user", ["anna", "stranger"])
@pytest.mark.parametrize("mode", Mode)
def test_stop_and_pause_are_accepted_in_every_mode_from_anybody(mode: Mode, user: str) -> None:
    for ask in (World.stop, World.pause):
        world = in_mode(mode)
        effects = ask(world, user)
        assert [receipt.state for receipt in only(effects, Receipt) if receipt.kind in {"stop", "pause"}] == [
            ReceiptState.ACCEPTED
        ]
        assert world.core.state.halt is not None
        if world.link_up:
            assert isinstance(effects[0], SendStop)
        world.pump.ignores_stop = False
        if not world.link_up:
            world.connect()
        world.advance(15)
        kind = "stop" if ask is World.stop else "pause"
        assert world.last_answer(kind).state is ReceiptState.VERIFIED
        assert world.mode not in {Mode.RUNNING, Mode.STARTING, Mode.STOPPING}
