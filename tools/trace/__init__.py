"""The trace: which hazard is controlled by which requirement, and which test shows it. Knows nothing of pumpd."""
