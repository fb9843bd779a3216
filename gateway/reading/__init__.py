"""One camera read in one thread: packets, decoding by a strategy or behind the gate, sampled frames out."""
