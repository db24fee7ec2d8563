"""The resource daemon: fetches jobs from servers, runs them by their scripts, reports what came of it."""
