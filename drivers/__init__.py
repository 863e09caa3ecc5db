"""Drivers of serial devices, one folder per family: a sans-IO codec and a driver. They see the core's ports and quantities only."""
