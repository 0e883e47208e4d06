"""Trials: something is done again and again, in rounds, until it is seen to settle or to leave something each time."""
