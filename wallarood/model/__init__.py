"""Values: frozen, without behaviour that needs a clock, a socket or a file.

They import nothing else of the package.
"""
