"""Functions as computations: what the decorators take, check and make."""
