"""Drivers by name, loaded only when asked for."""

import subprocess
import sys

import pytest

from drivers import registry
from drivers.ne1000 import Ne1000
from drivers.nonin import NoninDf2
from drivers.suntech import SunTechAdvantage
from pumpd.core.ports import NibpFailed


def test_known_names() -> None:
    assert isinstance(registry.pump("ne1000", lease_s=5, address=0), Ne1000)
    assert isinstance(registry.oximeter("nonin"), NoninDf2)
    assert isinstance(registry.cuff("suntech"), SunTechAdvantage)


@pytest.mark.parametrize(("setting", "value"), [("lease_s", 21), ("address", 100)])
def test_settings_reach_the_pump_driver(setting: str, value: int) -> None:
    with pytest.raises(ValueError, match=str(value)):
        registry.pump("ne1000", **{setting: value})


def test_the_source_reaches_the_driver() -> None:
    cuff = registry.cuff("suntech", source="left arm")
    cuff.measure(0)
    (failed,) = cuff.take_events()
    assert isinstance(failed, NibpFailed)
    assert failed.source == "left arm"


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no pump driver 'nonin'; known are: ne1000"):
        registry.pump("nonin")
    with pytest.raises(ValueError, match="no oximeter driver ''; known are: nonin"):
        registry.oximeter("")
    with pytest.raises(ValueError, match="no cuff driver 'x'; known are: suntech"):
        registry.cuff("x")


def test_only_what_is_asked_for_is_loaded() -> None:
    code = (
        "import sys; from drivers import registry; registry.oximeter('nonin'); "
        "print(sorted(name for name in sys.modules if name.startswith('drivers.') and name.count('.') == 1))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "['drivers.nonin', 'drivers.registry']"
