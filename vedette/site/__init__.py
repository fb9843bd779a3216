"""From many sites to one hub.

A site's nats-server is a leaf node of the hub's, with a JetStream domain of its own that has the site's name. The hub's
streams `DETECTIONS` and `EVENTS` source those of every site: a link that is cut delays them, and loses nothing that the
site still holds when it is back. `vedette hub` keeps the sources, and says what was lost beyond that.
"""
