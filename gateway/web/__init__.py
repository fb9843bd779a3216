"""The one HTTP server of the gateway, and the form of its errors."""
