"""Call lists: whom to call today and why, the lists as they were, and what came of the clients on them."""
