"""The calls of user interfaces: one endpoint per URL below /interfaces."""
