"""Deliberate bugs, put in place in memory for one run: a simulation that does not find them proves nothing."""
