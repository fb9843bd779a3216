"""Who a face is: alignment, the galleries of enrolled people, and how people get into them. See docs/identities.md."""
