"""Who uses the gateway: accounts with roles, sessions of browsers, and how often somebody may try to sign in."""
