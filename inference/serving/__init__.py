"""How clients reach the model: HTTP (`http.py`) and gRPC, on the one data plane that the streams use too.

A service is an object with `routes`; `inference/app.py` makes it and hands it to `serve_http`.
"""
