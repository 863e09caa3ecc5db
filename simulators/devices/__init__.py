"""Simulated pumps, monitors and patient, from the protocol references; stdlib and `pumpd.core.quantities` only."""
