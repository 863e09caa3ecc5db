"""`python -m simulators.devices.nonin`: a simulated oximeter on a pseudo-terminal."""

import sys
from collections.abc import Sequence

from simulators.devices.device import HostClock
from simulators.devices.nonin.averaging import HIGHEST_PR_BPM, LOWEST_PR_BPM
from simulators.devices.nonin.control import ControlledNonin
from simulators.devices.nonin.oximeter import Pacing
from simulators.devices.serve import parser_for, run
from simulators.devices.vitals import constant


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve a simulated oximeter; return the exit code."""
    parser = parser_for("python -m simulators.devices.nonin", "Simulated Nonin oximeter, serial Data Format 2.")
    parser.add_argument("--hr", type=int, default=72, help="pulse rate in 1/min")
    parser.add_argument("--spo2", type=int, default=97, help="saturation in percent")
    parser.add_argument("--pacing", choices=[pacing.value for pacing in Pacing], default=Pacing.FRAME.value)
    options = parser.parse_args(arguments)
    if not LOWEST_PR_BPM <= options.hr <= HIGHEST_PR_BPM:
        parser.error(f"--hr is {options.hr}/min; the device measures {LOWEST_PR_BPM} to {HIGHEST_PR_BPM}/min")
    if not 0 <= options.spo2 <= 100:
        parser.error(f"--spo2 is {options.spo2} %; it must be 0 to 100 %")

    def build(clock: HostClock) -> ControlledNonin:
        truth = constant(hr_bpm=options.hr, spo2_percent=options.spo2)
        return ControlledNonin(truth, start_ns=clock.now_ns(), pacing=Pacing(options.pacing))

    return run(parser, options, build)


if __name__ == "__main__":
    sys.exit(main())
