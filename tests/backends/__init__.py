"""Back-ends that are too large to install for every test run: ``make test-backends``."""
