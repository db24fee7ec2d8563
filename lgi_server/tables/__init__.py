"""The SQL of the server and nothing else, one file per table. Values are always passed as parameters."""
