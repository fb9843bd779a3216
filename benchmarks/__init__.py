"""Benchmarks: each is a module with `run(quick) -> Result`, run by `make bench`. Nothing here is asserted in a test.

`python -m benchmarks.batcher` is apart: the batcher alone, against a thread pool, with sessions that sleep.
"""
