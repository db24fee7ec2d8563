"""How scripts are run: sandbox, processes, limits, clean-up of a uid."""
