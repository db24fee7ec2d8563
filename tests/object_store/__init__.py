"""Tests with an object store of S3 that others have written."""
