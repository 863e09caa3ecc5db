"""Simulated time: the daemon's own code with simulated devices, links, bus and journal on one loop that never waits."""
