"""A picture of a camera's main stream, asked for after the fact: a request on `vedette.still.<site>.<camera>`.

The answer is a JPEG, or no bytes where there is no such picture. Nobody listens there for a camera that doesn't give
any, so that who asks knows at once. Pictures are private: neither question nor answer leaves the site.
"""

from vedette.messages import Message, Moment

ANSWER_WITHIN_S = 5.0


class StillWanted(Message):
    """The request."""

    arrived_at: Moment
    """When the wanted picture reached the gateway."""
