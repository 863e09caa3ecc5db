"""What the error code of a cuff cycle means and what to do about it. Codes as read in public implementations."""

from dataclasses import dataclass

GOOD = 0x00


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleError:
    """Why a cycle gave no reading, and what to do.

    `retry` says that the cause permits one repeat, `module_fault` that the module must not be used.
    """

    text: str
    retry: bool = False
    module_fault: bool = False


_ERRORS = {
    0x01: CycleError(text="weak or no signal: check that the cuff fits and lies over the artery", retry=True),
    0x02: CycleError(text="artefact or erratic signal: keep the arm still", retry=True),
    0x03: CycleError(text="pressure out of range: it may be truly extreme, look at the patient and measure by hand"),
    0x04: CycleError(text="measurement time exceeded: keep the arm still, check the cuff", retry=True),
    0x55: CycleError(text="pneumatic blockage: check the hose"),
    0x56: CycleError(text="ended by the user at the module: measure again when ready"),
    0x57: CycleError(text="inflation took too long, leak or loose cuff: check cuff and hose"),
    0x58: CycleError(text="safety time-out of the module: check the cuff, measure by hand"),
    0x59: CycleError(text="cuff over-pressure: take the cuff off the arm, do not use it again before it was checked"),
    0x5A: CycleError(text="supply or hardware failure: use another module", module_fault=True),
    0x5B: CycleError(text="safety override or auto-zero out of range: use another module", module_fault=True),
    0x61: CycleError(text="transducer out of range: use another module", module_fault=True),
    0x63: CycleError(text="memory or calibration data damaged: use another module", module_fault=True),
}


def error_of(code: int) -> CycleError:
    """Return what `code` means; it must not be `GOOD`. A code that nobody knows is a fault of the module."""
    known = _ERRORS.get(code)
    if known is None:
        return CycleError(text=f"unknown error code {code:02x}h: use another module", module_fault=True)
    return known
