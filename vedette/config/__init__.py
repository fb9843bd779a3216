"""The configuration: one YAML file for every service. `file.py` reads it into the frozen classes of `config.py`."""
