"""Values: frozen, without behaviour that needs a clock, a socket or a file. They know nobody."""
