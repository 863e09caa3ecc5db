"""SunTech Advantage blood-pressure modules: cuff pressures on request."""

from drivers.suntech.driver import SunTechAdvantage

__all__ = ["SunTechAdvantage"]
