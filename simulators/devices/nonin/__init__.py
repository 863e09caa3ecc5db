"""A simulated Nonin oximeter that speaks serial Data Format 2, written from a protocol reference. Not for patients."""

from simulators.devices.nonin.faults import Fault, Probe
from simulators.devices.nonin.frames import Perfusion
from simulators.devices.nonin.oximeter import Nonin, Pacing

__all__ = ["Fault", "Nonin", "Pacing", "Perfusion", "Probe"]
