"""One simulated bed: pump, oximeter, cuff, and a patient who feels what the plunger truly gave. Runs alone as well.

`python -m simulators.harness.bed --dir DIR` makes the links DIR/pump, DIR/oximeter and DIR/cuff.
"""

import argparse
import asyncio
import json
import select
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import TextIO

from simulators.devices.device import HostClock
from simulators.devices.host import MonotonicClock, PtyHost
from simulators.devices.ne1000.__main__ import FlowLog
from simulators.devices.ne1000.control import ControlledNe1000
from simulators.devices.nonin import Pacing
from simulators.devices.nonin.control import ControlledNonin
from simulators.devices.overlays import PressureSurge, overlaid
from simulators.devices.patient import Patient, PatientParameters
from simulators.devices.serve import ControlError, ControlLines, OneSentenceParser, ServedDevice, obey
from simulators.devices.suntech import SunTech
from simulators.devices.suntech.control import ControlledSunTech
from simulators.devices.vitals import TrueVitals, VitalsSource
from simulators.harness.site import CUFF, OXIMETER, PUMP

NS_PER_S = 1_000_000_000
CONCENTRATION_MG_ML = Fraction(2)
"""What the scripted nurses draw up; mg/mL is ng/nL."""
CYCLE_S = 25
"""The quick end of what such cuffs take."""
SURGE_RAMP_S = 60
PATIENT = "patient"
PATIENT_COMMANDS = "patient surge SBP_MMHG DBP_MMHG SECONDS, patient calm, patient probe-off, patient probe-on"


class _PatientsCuff(ControlledSunTech):
    """A cuff on the simulated patient: it obeys control lines, but its numbers are the patient's, without noise.

    A scenario must end the same way each time, and a reading that strays over a limit would end it differently.
    """

    def __init__(self, vitals: VitalsSource, *, cycle_ns: int) -> None:
        SunTech.__init__(self, vitals, cycle_ns=cycle_ns)
        self._set_numbers = {}


class _HeardPump(ControlledNe1000):
    """A pump that keeps what it hears in a log: the wire as the far end saw it."""

    heard_log: TextIO | None = None

    def receive(self, data: bytes, now_ns: int) -> None:
        if self.heard_log is not None:
            print(json.dumps({"monotonic_ns": now_ns, "heard": data.hex()}), file=self.heard_log, flush=True)
        super().receive(data, now_ns)


class _WatchedHost(PtyHost):
    """A host that knows whether bytes are under way on its line."""

    def has_unread(self) -> bool:
        """Tell whether bytes wait at either end; asking makes the kernel deliver first what it still carries."""
        if self._master is None or self._slave is None:
            return False
        ends = select.poll()
        for descriptor in (self._master, self._slave):
            ends.register(descriptor, select.POLLIN)
        return bool(ends.poll(0))


class Bed:
    """Three devices on pseudo-terminals in `folder`, and their patient; made inside a running loop."""

    def __init__(
        self,
        folder: Path,
        clock: HostClock,
        *,
        seed: int,
        cycle_s: int = CYCLE_S,
        pacing: Pacing = Pacing.FRAME,
        log: TextIO | None = None,
        wire_log: TextIO | None = None,
    ) -> None:
        self._clock = clock
        now_ns = clock.now_ns()
        self.pump = _HeardPump(now_ns=now_ns)
        self.pump.heard_log = wire_log
        if log is not None:
            flow_log = FlowLog(self.pump.plunger, clock, log)
            self.pump.plunger.on_change = flow_log.write
            flow_log.write(now_ns)
        self.patient = Patient(PatientParameters(), self.pump.plunger, CONCENTRATION_MG_ML, now_ns)
        self._surges: list[PressureSurge] = []
        self._probe_on = True
        noise = Random(seed)  # noqa: S311 - a simulation, to be repeated
        self.oximeter = ControlledNonin(self._vitals, start_ns=now_ns, rng=noise, pacing=pacing)
        self.cuff = _PatientsCuff(self._vitals, cycle_ns=cycle_s * NS_PER_S)
        self._devices: dict[str, ServedDevice] = {PUMP: self.pump, OXIMETER: self.oximeter, CUFF: self.cuff}
        self._hosts: dict[str, _WatchedHost] = {}
        try:
            for name, device in self._devices.items():
                self._hosts[name] = _WatchedHost(device, folder / name, clock)
        except BaseException:
            self.close()
            raise

    def control(self, line: str) -> None:
        """Carry out a control line: a device's name and what that device takes; raise `ControlError` otherwise."""
        name, *words = line.split()
        if name == PATIENT:
            self._control_patient(words)
        elif name in self._devices:
            obey(words, self._hosts[name], self._devices[name], self._clock)
        else:
            raise ControlError(f"unknown device {name!r}; known are: {', '.join(self._devices)}, {PATIENT_COMMANDS}")

    def has_unread(self) -> bool:
        """Tell whether bytes are under way on any line."""
        return any(host.has_unread() for host in self._hosts.values())

    def close(self) -> None:
        """Unplug everything and stop the devices' time."""
        for host in self._hosts.values():
            host.close()

    def _control_patient(self, words: Sequence[str]) -> None:
        match words:
            case ["surge", sbp, dbp, seconds] if all(each.isdecimal() for each in (sbp, dbp, seconds)):
                from_ns = self._clock.now_ns()
                try:
                    surge = PressureSurge(
                        from_ns=from_ns,
                        to_ns=from_ns + int(seconds) * NS_PER_S,
                        ramp_ns=SURGE_RAMP_S * NS_PER_S,
                        sbp_mmhg=int(sbp),
                        dbp_mmhg=int(dbp),
                    )
                except ValueError as error:
                    raise ControlError(f"not done: {error}") from None
                self._surges.append(surge)
            case ["calm"]:
                self._surges.clear()
            case ["probe-off"]:
                self._probe_on = False
            case ["probe-on"]:
                self._probe_on = True
            case _:
                raise ControlError(f"unknown command {' '.join(words)!r}; known are: {PATIENT_COMMANDS}")

    def _vitals(self, at_ns: int) -> TrueVitals:
        truth = self.patient.vitals(at_ns)
        for surge in self._surges:
            truth = overlaid(truth, surge, at_ns)
        return replace(truth, probe_on=self._probe_on)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve one bed in real time until SIGTERM or SIGINT; return the exit code."""
    parser = OneSentenceParser(prog="python -m simulators.harness.bed", description="One simulated bed.")
    parser.add_argument("--dir", type=Path, required=True, help="where the links of the devices are made")
    parser.add_argument("--log", type=Path, help="file for one JSON line per change of true flow")
    parser.add_argument("--wire-log", type=Path, help="file for one JSON line per piece of what the pump hears")
    parser.add_argument("--cycle-s", type=int, default=CYCLE_S, help="length of a cuff cycle in seconds")
    parser.add_argument("--seed", type=int, default=1, help="seed of the oximeter's noise")
    parser.add_argument(
        "--control", action="store_true", help="read control lines, DEVICE COMMAND, from standard input"
    )
    options = parser.parse_args(arguments)
    try:
        asyncio.run(_serve(options))
    except OSError as error:
        parser.error(f"cannot serve in {options.dir}: {error}")
    return 0


async def _serve(options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with ExitStack() as stack:
        logs = [
            None if path is None else stack.enter_context(path.open("a", encoding="utf-8"))
            for path in (options.log, options.wire_log)
        ]
        bed = Bed(
            options.dir, MonotonicClock(), seed=options.seed, cycle_s=options.cycle_s, log=logs[0], wire_log=logs[1]
        )
        stack.callback(bed.close)
        if options.control:
            lines = ControlLines(lambda words: bed.control(" ".join(words)))
            lines.open(sys.stdin.fileno())
            stack.callback(lines.close)
        print("bed ready", flush=True)
        await stop.wait()


if __name__ == "__main__":
    sys.exit(main())
