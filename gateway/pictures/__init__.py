"""Pure arithmetic on pictures: scaling, colour, orientation, privacy, and the JPEG."""
