"""The audit log: who changed what, when and from where, and with which outcome."""
