"""The model at work: sessions in threads, and the dynamic batcher in front of them. Knows no transport."""
