"""A simulated SunTech Advantage cuff module, written from a protocol reference. Not for use on patients."""

from simulators.devices.suntech.cuff import Deflation
from simulators.devices.suntech.faults import ErrorCode, Fault, Phase
from simulators.devices.suntech.module import SunTech
from simulators.devices.suntech.wire import Answer, Reading, Variant

__all__ = ["Answer", "Deflation", "ErrorCode", "Fault", "Phase", "Reading", "SunTech", "Variant"]
