"""Every kind of camera and file behind one interface: open it, probe it, read its packets, say why it fails."""
