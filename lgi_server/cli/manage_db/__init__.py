"""ManageDB: the command, one file for each thing that is managed, and what all of them share."""
