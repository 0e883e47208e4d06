"""The brokers that the load runs over, on loopback and with nothing kept; whoever starts one ends it."""

import shutil
from pathlib import Path

from example_apps import commands
from example_apps.servers import Servers, environment, free_port

SECONDS_TO_START = 60.0
RABBITMQ = "rabbitmq-server"


def redis(servers: Servers, directory: Path) -> str:
    """Start a redis-server and return its URL without a database."""
    port = free_port()
    server = servers.start("redis", commands.redis(port, directory), environ={}, log=directory / "redis.log")
    server.wait_until(lambda: commands.redis_answers(port), seconds=SECONDS_TO_START)
    return f"redis://127.0.0.1:{port}"


def rabbitmq(servers: Servers, directory: Path) -> str:
    """Start a RabbitMQ, with a node name and all its files of its own, and return its URL.

    Raises:
        FileNotFoundError: It is not installed.
    """
    # Debian's command on the path changes to a user of its own, who may not write here.
    debian = Path("/usr/lib/rabbitmq/bin", RABBITMQ)
    program = str(debian) if debian.exists() else shutil.which(RABBITMQ)
    if program is None:
        raise FileNotFoundError(f"{RABBITMQ} is not installed")
    port, nodes, names = free_port(), free_port(), free_port()
    home = directory / "rabbitmq"
    home.mkdir()
    (home / "enabled_plugins").write_text("[].")
    environ = environment(
        HOME=str(home), RABBITMQ_NODENAME=f"recycle{port}@localhost", RABBITMQ_NODE_IP_ADDRESS="127.0.0.1",
        RABBITMQ_NODE_PORT=str(port), RABBITMQ_DIST_PORT=str(nodes), ERL_EPMD_ADDRESS="127.0.0.1",
        ERL_EPMD_PORT=str(names), RABBITMQ_MNESIA_BASE=str(home), RABBITMQ_LOG_BASE=str(home), RABBITMQ_LOGS="-",
        RABBITMQ_ENABLED_PLUGINS_FILE=str(home / "enabled_plugins"), RABBITMQ_PID_FILE=str(home / "pid"),
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}",
    )  # fmt: skip
    # Erlang would start it by itself, as a daemon that outlives everybody.
    servers.start("epmd", ["epmd"], environ=environ, log=directory / "epmd.log")
    server = servers.start("rabbitmq", [program], environ=environ, log=directory / "rabbitmq.log")
    server.wait_until(
        lambda: "Server startup complete" in server.log.read_text(errors="replace"), seconds=SECONDS_TO_START
    )
    return f"amqp://guest:guest@127.0.0.1:{port}//"
