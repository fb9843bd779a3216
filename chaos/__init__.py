"""Everything that can fail, made to fail on a real system: `make chaos`, `make soak`; docs/chaos.md says what is tried.

`system.py` is the system under test, each file of `faults/` breaks something in it, `trial.py` runs one fault beside a
recording and judges what became of it, `campaign.py` runs them all, and `soak.py` watches a busy system for an hour.
"""
