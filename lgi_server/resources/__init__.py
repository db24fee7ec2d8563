"""The calls of resources: one endpoint per URL below /resources."""
