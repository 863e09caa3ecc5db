"""`pumpd demo --dashboard` whose dashboard is `python WORDS`: `python -m tests.processes.open_ward WORDS`."""

import sys
from functools import partial

from simulators.harness import ward
from simulators.harness.demo import show
from simulators.harness.scenario import Scenario
from simulators.harness.site import CLINIC

if __name__ == "__main__":
    perform = partial(ward.perform, Scenario.NORMAL, ward.FASTEST, dashboard=sys.argv[1:])
    sys.exit(show(perform, ward.BEDS, clinic=CLINIC))
