"""A process's connection to NATS, what is read and written through it, and the server that `vedette up` starts."""
