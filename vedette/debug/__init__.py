"""Where the time and the memory of a running process go: `/debug` of its HTTP port, and `vedette profile`."""
