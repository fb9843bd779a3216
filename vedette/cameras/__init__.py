"""The desired cameras of a site: as the configuration has them, and as they lie in the KV bucket `vedette-cameras`."""
