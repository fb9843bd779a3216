"""The best picture of each object: chosen from its sightings, cut out, stored, and named in its events."""
