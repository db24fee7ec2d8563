"""The changes of administrators, by ManageDB or over HTTP: who may make them, and what was changed."""
