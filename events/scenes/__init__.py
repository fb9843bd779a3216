"""The scenes of a partition: fed in order, saved, and taken over."""
