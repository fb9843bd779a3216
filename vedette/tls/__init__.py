"""TLS of servers and of the connection to the bus, with certificates that are read again when their files change."""
