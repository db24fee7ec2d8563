"""LGI_pilot: submits daemons to a batch system while jobs wait for them."""
