"""What is served without a certificate: documents and metrics."""
