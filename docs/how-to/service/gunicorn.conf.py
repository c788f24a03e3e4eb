"""gunicorn in place of app.py: gunicorn --chdir /opt/risk --config docs/how-to/service/gunicorn.conf.py wsgi:app.

RISK_CONFIG names the settings; server.access_log in them the access log (gunicorn's own would hold clients' names).
"""

bind = "127.0.0.1:8000"
workers = 2  # each loads the model for itself and counts for itself
worker_class = "gthread"
threads = 8
timeout = 60
graceful_timeout = 20
keepalive = 5
accesslog = None
control_socket_disable = True
