"""Where models come from: cards, versions, digests."""
