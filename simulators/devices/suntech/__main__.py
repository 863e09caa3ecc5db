"""`python -m simulators.devices.suntech`: a simulated cuff module on a pseudo-terminal."""

import sys
from collections.abc import Sequence

from simulators.devices.device import HostClock
from simulators.devices.line import NS_PER_S
from simulators.devices.serve import parser_for, run
from simulators.devices.suntech.control import ControlledSunTech
from simulators.devices.suntech.module import PLAIN_CYCLE_NS


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve a simulated cuff module; return the exit code."""
    parser = parser_for("python -m simulators.devices.suntech", "Simulated SunTech Advantage cuff module.")
    parser.add_argument("--sbp", type=int, default=118, help="systolic pressure in mmHg")
    parser.add_argument("--dbp", type=int, default=76, help="diastolic pressure in mmHg")
    parser.add_argument("--hr", type=int, default=72, help="pulse rate in 1/min")
    parser.add_argument("--cycle-s", type=int, default=PLAIN_CYCLE_NS // NS_PER_S, help="length of a cycle in seconds")
    options = parser.parse_args(arguments)
    if not 0 <= options.dbp < options.sbp:
        parser.error(f"--sbp is {options.sbp} and --dbp {options.dbp} mmHg; the first must be the higher one")
    if options.hr < 0:
        parser.error(f"--hr is {options.hr}/min; it must not be below 0/min")
    if options.cycle_s <= 0:
        parser.error(f"--cycle-s is {options.cycle_s} s; it must be above 0 s")

    def build(_clock: HostClock) -> ControlledSunTech:
        return ControlledSunTech(
            sbp_mmhg=options.sbp, dbp_mmhg=options.dbp, hr_bpm=options.hr, cycle_ns=options.cycle_s * NS_PER_S
        )

    return run(parser, options, build)


if __name__ == "__main__":
    sys.exit(main())
