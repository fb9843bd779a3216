"""A recording with what was found in it drawn: boxes, ids, zones, lines, and what happened (`analyze --annotate`)."""
