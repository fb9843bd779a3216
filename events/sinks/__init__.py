"""Events to those that don't read NATS: at least once, in the order of each camera, never in the way of the rest."""
