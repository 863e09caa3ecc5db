"""Simulated pumps, monitors and patient, written from the protocol references; stdlib and `pumpd.core.quantities` only."""
