"""Which processes of a site live, and how they share its cameras and partitions."""
