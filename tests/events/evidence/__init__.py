"""The bundled video: what is in it, by hand, and what the detector found. How: README.md."""
