"""A small certificate authority for one project: its servers, resources and users."""
