"""Property tests are bounded by their number of examples, never by a clock."""

from hypothesis import settings

settings.register_profile("protocol", deadline=None, max_examples=200)
settings.load_profile("protocol")
