"""Tests of the resource daemon."""
