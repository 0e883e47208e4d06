"""waitress on a descriptor that was passed: `python -m tests.recycle.waitress_main FD`."""

import socket
import sys

from waitress import serve

from tests.recycle.wsgi_app import application

serve(application, sockets=[socket.socket(fileno=int(sys.argv[1]))], threads=8)
