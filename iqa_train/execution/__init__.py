"""The module names of before: schedulers and runners that were started before an upgrade start others by them."""
