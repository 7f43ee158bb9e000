"""``make bench``: what an accepted webhook costs, beside a bare Flask route and the tutorial's way."""
