"""What all commands share: options, start and end of a program, output, terminal."""
