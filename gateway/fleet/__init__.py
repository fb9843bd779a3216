"""The cameras of one gateway: their supervisors, their status, their rates, and what they publish."""
