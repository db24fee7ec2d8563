"""Files of jobs in an object store of their user, which the operator of the project cannot read."""
