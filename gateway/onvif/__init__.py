"""ONVIF, as far as a gateway needs it: which cameras there are on the network, what streams they have, restarting one.

Discovery is WS-Discovery over UDP multicast; everything else is SOAP 1.2 over HTTP with a WS-Security user name token.
Only a few requests are known, so this is a client of its own over aiohttp: the SOAP libraries bring more than they
save. What comes from the network is read with bounds and without DTDs or entities.
"""

from gateway.onvif.device import DeviceInfo, OnvifDevice, Profile
from gateway.onvif.discovery import Found, discover
from gateway.onvif.envelope import OnvifError

__all__ = ["DeviceInfo", "Found", "OnvifDevice", "OnvifError", "Profile", "discover"]
