"""How the gateways of a site share its cameras: by capacity, without anybody who is in charge.

Each gateway says in its heartbeats what room it has, which cameras it owns, which it wants and which it refuses
(`stand`). From what all say each one works out, by the same rules, what it is to want and what to let go (`plan`). No
decision rests on their agreement: whoever wants a camera runs it only once it has the camera's lease.
"""
