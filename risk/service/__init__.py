"""The service: requests and responses, security, what is live, the server and its page."""
