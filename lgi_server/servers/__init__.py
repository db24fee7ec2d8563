"""The calls of project servers: one endpoint per URL below /servers."""
