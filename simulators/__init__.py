"""Simulated devices, the oracle that judges them and the harness that runs them. Nothing in pumpd or drivers imports this."""
