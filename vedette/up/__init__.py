"""`vedette up`: everything on one machine."""
