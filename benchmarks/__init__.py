"""Benchmarks: each is a module with `run(quick) -> Result`, run by `make bench`. Nothing here is asserted in a test."""
