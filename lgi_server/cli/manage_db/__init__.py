"""ManageDB: one file for each kind of data that it manages, and what they share."""
