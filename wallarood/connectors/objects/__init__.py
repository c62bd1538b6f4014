"""Files or objects that come whole and stay as they are: read one after the other, each once."""
