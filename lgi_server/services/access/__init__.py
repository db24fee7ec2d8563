"""The rules for principals: who calls, with which rights and sessions."""
