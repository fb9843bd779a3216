"""An RTSP server that is not ours: GStreamer's, run by the system's Python. Prints its port when it listens.

Usage: gstreamer_rtsp_server.py VIDEO h264|h265 [USER PASSWORD] [--udp]
"""
# mypy: ignore-errors
# ruff: noqa

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer

PARSERS = {"h264": ("h264parse", "rtph264pay"), "h265": ("h265parse", "rtph265pay")}


def main(video, codec, *rest):
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    parser, payloader = PARSERS[codec]
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f'( filesrc location="{video}" ! qtdemux ! {parser} config-interval=-1 ! {payloader} name=pay0 pt=96 )'
    )
    factory.set_shared(False)
    factory.set_protocols(GstRtsp.RTSPLowerTrans.UDP if "--udp" in rest else GstRtsp.RTSPLowerTrans.TCP)
    credentials = [word for word in rest if not word.startswith("--")]
    if credentials:
        authentication = GstRtspServer.RTSPAuth()
        authentication.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "user")
        authentication.add_digest(credentials[0], credentials[1], token)
        server.set_auth(authentication)
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("user", "media.factory.access", True)
        permissions.add_permission_for_role("user", "media.factory.construct", True)
        factory.set_permissions(permissions)
    server.get_mount_points().add_factory("/camera", factory)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


main(*sys.argv[1:])
