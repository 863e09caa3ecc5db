"""Which hook of a simulated bed applies which fault. Knows names only.

A bed has one method of each name; it is called with the fault when the fault begins, and a lasting fault's once more
when it ends.
"""

from simulators.harness.faults.kinds import (
    Apnoea,
    BrokerGone,
    BytesCorrupted,
    BytesDelayed,
    BytesDuplicated,
    BytesLost,
    BytesSplit,
    ClockJump,
    CommandForged,
    CommandRetained,
    CommandsDoubled,
    CommandsLate,
    CounterLost,
    CuffFails,
    DaemonKilled,
    Desaturation,
    DiskFull,
    DiskStalled,
    Fault,
    FsyncFails,
    HalfDuplexDropsStp,
    HeartRateChange,
    IgnoresStp,
    JournalTorn,
    KeyPressed,
    KeyRate,
    LineUnplugged,
    Occlusion,
    PressureSurge,
    ProbeOff,
    PumpReset,
    PumpStall,
    ReplyLostAfterExecution,
    SensorFrozen,
    SensorLying,
    SettingWrong,
)

HOOKS: dict[type[Fault], str] = {
    BytesLost: "spoil_line",
    BytesSplit: "spoil_line",
    BytesDelayed: "spoil_line",
    BytesCorrupted: "spoil_line",
    BytesDuplicated: "spoil_line",
    LineUnplugged: "unplug",
    ReplyLostAfterExecution: "spoil_pump",
    PumpStall: "spoil_pump",
    Occlusion: "spoil_pump",
    IgnoresStp: "spoil_pump",
    HalfDuplexDropsStp: "spoil_pump",
    SettingWrong: "spoil_pump",
    CounterLost: "spoil_pump",
    PumpReset: "cut_pump_power",
    KeyPressed: "press_key",
    KeyRate: "press_key",
    ProbeOff: "spoil_oximeter",
    SensorFrozen: "spoil_oximeter",
    SensorLying: "spoil_oximeter",
    CuffFails: "spoil_cuff",
    ClockJump: "set_wall_clock",
    BrokerGone: "stop_broker",
    CommandsLate: "spoil_commands",
    CommandsDoubled: "spoil_commands",
    CommandRetained: "plant_command",
    CommandForged: "plant_command",
    DiskFull: "spoil_disk",
    FsyncFails: "spoil_disk",
    DiskStalled: "spoil_disk",
    JournalTorn: "kill_daemon",
    DaemonKilled: "kill_daemon",
    Desaturation: "change_patient",
    Apnoea: "change_patient",
    PressureSurge: "change_patient",
    HeartRateChange: "change_patient",
}
"""The hook of each kind."""


def hook(fault: Fault) -> str:
    """Return the name of the hook that applies a fault."""
    return HOOKS[type(fault)]
