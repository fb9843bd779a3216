"""Enrolled people, as they lie in the KV bucket `vedette-identities`."""
