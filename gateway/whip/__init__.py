"""WebRTC ingest: a browser, OBS, GStreamer or ffmpeg publishes to `/whip/<camera>` (WHIP, RFC 9725).

The encoded pictures are put together out of RTP here and decoded elsewhere: a camera's reader opens them as one more
live source, so that a publisher's frames take the way that all frames take. `endpoint.py` is the HTTP of it,
`ingest.py` a camera's place for a publisher, `session.py` a publisher, `outlet.py` what a reader connects to.
Nothing here decodes; what imports aiortc is imported when the first camera with `url: whip` begins.
"""
