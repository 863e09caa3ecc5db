"""Drivers of serial devices, one folder per family. They see the core's ports and quantities only."""
