"""The best pictures of objects, as they lie in the object store `vedette-snapshots`."""
