"""The man pages that come with the package, and a plain rendering of them."""
