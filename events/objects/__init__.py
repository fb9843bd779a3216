"""The life of an object: confirmed, changed, ended. Pure."""
