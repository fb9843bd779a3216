"""The messages of the protocol over gRPC, generated from `open_inference.proto`."""
