"""Where objects are: zones they are in, lines they cross, masks that hide them. Pure."""
