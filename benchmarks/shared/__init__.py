"""What the benchmarks share: terminals, processes, a bed to measure, figures."""
