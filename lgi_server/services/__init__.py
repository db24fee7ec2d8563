"""The rules of LGI, independent of Flask and SQL."""
