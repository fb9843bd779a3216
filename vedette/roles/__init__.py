"""Roles on the bus: what each process may do there, the users of a server, and how credentials are renewed."""
