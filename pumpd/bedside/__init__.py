"""The shell: one event loop per pump. It owns ports, clock, journal and bus, and carries out what the core decides."""
