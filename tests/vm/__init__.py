"""Tests in virtual machines: a kernel and a systemd of their own."""
