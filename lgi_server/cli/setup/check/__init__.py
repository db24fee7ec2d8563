"""LGI_setup check: what is wrong with a project server, and how to mend it; one module a topic."""
