"""Drivers by name. A driver is imported when it is asked for, so that a daemon loads only what it uses."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from pumpd.core.ports import CuffDriver, MonitorDriver, PumpDriver


def pump(name: str, *, lease_s: int = 5, address: int = 0) -> PumpDriver:
    """Return a new driver of the pump `name` with its lease in seconds and its address on the line."""
    return _factory("pump", _PUMPS, name)(lease_s, address)


def oximeter(name: str, *, source: str = "oximeter") -> MonitorDriver:
    """Return a new driver of the pulse oximeter `name`, whose samples carry `source`."""
    return _factory("oximeter", _OXIMETERS, name)(source)


def cuff(name: str, *, source: str = "cuff") -> CuffDriver:
    """Return a new driver of the blood-pressure cuff `name`, whose readings carry `source`."""
    return _factory("cuff", _CUFFS, name)(source)


_Factory = TypeVar("_Factory")


def _factory(what: str, known: Mapping[str, _Factory], name: str) -> _Factory:
    if name not in known:
        raise ValueError(f"there is no {what} driver {name!r}; known are: {', '.join(sorted(known))}")
    return known[name]


def _ne1000(lease_s: int, address: int) -> PumpDriver:
    from drivers.ne1000.driver import Ne1000

    return Ne1000(lease_s=lease_s, address=address)


def _nonin(source: str) -> MonitorDriver:
    from drivers.nonin.driver import NoninDf2

    return NoninDf2(source)


def _suntech(source: str) -> CuffDriver:
    from drivers.suntech.driver import SunTechAdvantage

    return SunTechAdvantage(source)


_PUMPS: Mapping[str, Callable[[int, int], PumpDriver]] = {"ne1000": _ne1000}
_OXIMETERS: Mapping[str, Callable[[str], MonitorDriver]] = {"nonin": _nonin}
_CUFFS: Mapping[str, Callable[[str], CuffDriver]] = {"suntech": _suntech}
