"""SQL and nothing else, one file per table. Names, owners and targets arrive as parameters, always."""
