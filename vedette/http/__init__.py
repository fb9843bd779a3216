"""Requests over HTTP that commands and webhooks send: bounded, and silent about the URLs."""
