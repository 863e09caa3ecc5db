"""A simulated New Era NE-1000 syringe pump, written from the New Era manuals. Not for use on patients."""

from simulators.devices.ne1000.behaviour import Behaviour
from simulators.devices.ne1000.faults import Fault
from simulators.devices.ne1000.pump import Ne1000
from simulators.devices.ne1000.values import Alarm, Settings, Status

__all__ = ["Alarm", "Behaviour", "Fault", "Ne1000", "Settings", "Status"]
