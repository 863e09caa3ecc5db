"""Simulated devices and the harness that runs them. pumpd and drivers never import this."""
