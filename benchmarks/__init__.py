"""Benchmarks. Each top-level module is one program: `make bench ARGS=stop_latency`."""
