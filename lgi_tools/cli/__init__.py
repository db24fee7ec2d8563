"""The basis of all commands: options, start and end of a program, output, terminal."""
