"""Nonin pulse oximeters (OEM III and Xpod families) that speak serial Data Format 2."""

from drivers.nonin.driver import NoninDf2

__all__ = ["NoninDf2"]
