"""Whether an address can be reached from this machine alone."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """`localhost`, or an address of the loopback interface."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
