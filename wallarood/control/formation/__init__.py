"""How a cluster comes to be: joining, founding, refusing, starting again."""
