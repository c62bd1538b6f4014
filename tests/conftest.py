"""What holds for all tests."""

from hypothesis import settings

# The machines that run tests are shared: how long an example takes says nothing about the code.
settings.register_profile("wallarood", deadline=None)
settings.load_profile("wallarood")
