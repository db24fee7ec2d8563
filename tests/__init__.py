"""The project's tests: rooms of their own for each package, and acceptance tests over all of them."""
