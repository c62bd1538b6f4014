"""States of user classes as bytes and back, also when the classes have changed meanwhile."""
