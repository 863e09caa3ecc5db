"""What the manuals leave open, one named switch each: a finding on a real pump changes one default here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """The choices made where the New Era manuals are silent. Each line says what is chosen and how sure that is.

    bad_packet_answered: a damaged packet draws `?COM`; the code is in the error table, its use in Safe mode is a guess.
    bad_packet_feeds_watchdog: no; the manual says "valid" packets.
    safe_mode_takes_basic_text: no; the manual gives a Safe packet as the only way back to Basic mode.
    other_address_feeds_watchdog: no; unknown, and the choice that keeps a chain of pumps safe.
    stp_while_stopped_is_na: no, plain status; one public simulator does so.
    run_while_running_is_na: yes; one public simulator does so.
    watchdog_leaves_paused: no, stopped with the program reset; a pump that stays P could be resumed by RUN.
    stop_clears_dispensed: no; not read anywhere.
    power_loss_clears_dispensed: yes; believed, not read.
    dispensed_rolls_over: yes, above 9999; from memory. Otherwise the display stays at 9999.
    same_diameter_clears: yes; DIA set again to its present value clears DIS and derives the units.
    lock_blocks_start_and_stop_keys: no, LOC keeps only settings from the keypad; the manual's words were not read.
    power_failure_mode_restarts: yes, PF 1 begins the program again although A?R waits; believed, and the unsafe guess.
    phase_reply_digits: a query of PHN is answered `01`; width not read.
    """

    bad_packet_answered: bool = True
    bad_packet_feeds_watchdog: bool = False
    safe_mode_takes_basic_text: bool = False
    other_address_feeds_watchdog: bool = False
    stp_while_stopped_is_na: bool = False
    run_while_running_is_na: bool = True
    watchdog_leaves_paused: bool = False
    stop_clears_dispensed: bool = False
    power_loss_clears_dispensed: bool = True
    dispensed_rolls_over: bool = True
    same_diameter_clears: bool = True
    lock_blocks_start_and_stop_keys: bool = False
    power_failure_mode_restarts: bool = True
    phase_reply_digits: int = 2
