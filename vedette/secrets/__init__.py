"""What must not be shown: in text, in files, in the KV buckets."""
