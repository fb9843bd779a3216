"""Decode processes: which camera runs where, and the wire between them and the gateway."""
