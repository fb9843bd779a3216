"""Two streams of one camera: the small one is looked at, the main one read when something happens."""
