"""`python -m simulators.devices.ne1000`: a simulated pump on a pseudo-terminal, with a log of its true flow."""

import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO

from simulators.devices.device import HostClock
from simulators.devices.ne1000.control import ControlledNe1000
from simulators.devices.plunger import Plunger
from simulators.devices.serve import ControlError, parser_for, run


class FlowLog:
    """Writes one JSON line for each change of true flow, flushed at once."""

    def __init__(self, plunger: Plunger, clock: HostClock, out: TextIO) -> None:
        self._plunger = plunger
        self._clock = clock
        self._out = out

    def write(self, at_ns: int) -> None:
        """Write the flow that began at `at_ns` and what had been delivered by then."""
        age_ns = self._clock.now_ns() - at_ns
        line = {
            "wall_utc": (datetime.now(UTC) - timedelta(microseconds=age_ns // 1000)).isoformat(),
            "monotonic_ns": at_ns,
            "rate_nl_h": self._plunger.flow_nl_h(at_ns),
            "delivered_nl": self._plunger.delivered_nl(at_ns),
        }
        print(json.dumps(line), file=self._out, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve a simulated pump; return the exit code."""
    parser = parser_for("python -m simulators.devices.ne1000", "Simulated New Era NE-1000 syringe pump.")
    parser.add_argument("--log", type=Path, help="file for one JSON line per change of true flow; appended to")
    parser.add_argument("--fault", action="append", default=[], metavar="NAME[=VALUE]", help="fault from the start on")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        try:
            for written in options.fault:
                ControlledNe1000().begin_fault_written(written, 0)
            out = stack.enter_context(options.log.open("a", encoding="utf-8")) if options.log else None
        except ControlError as error:
            parser.error(str(error))
        except OSError as error:
            parser.error(f"cannot write the log {options.log}: {error}")

        def build(clock: HostClock) -> ControlledNe1000:
            now_ns = clock.now_ns()
            pump = ControlledNe1000(now_ns=now_ns)
            if out is not None:
                log = FlowLog(pump.plunger, clock, out)
                pump.plunger.on_change = log.write
                log.write(now_ns)
            for written in options.fault:
                pump.begin_fault_written(written, now_ns)
            return pump

        return run(parser, options, build)


if __name__ == "__main__":
    sys.exit(main())
