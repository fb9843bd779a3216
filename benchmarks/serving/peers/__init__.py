"""What runs in the peers' own environments: each server's entry, and the work that all of them do alike.

Nothing here imports Vedette or the rest of the benchmark: those are not installed there.
"""
