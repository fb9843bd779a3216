"""The AsyncAPI 3.0 document of the bus and of what leaves it, generated from the classes of the messages."""
