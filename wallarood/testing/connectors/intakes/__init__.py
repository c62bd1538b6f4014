"""Does a source that journals what it is sent keep what it has acknowledged?"""
