"""The pages of administrators; each function checks that its caller is one."""
