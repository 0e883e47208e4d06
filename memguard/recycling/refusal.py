"""Why a worker is not replaced at all, however far it is over its ceiling: what an operator can change."""

from memguard.recycling import surroundings
from memguard.recycling.ceiling import Brake
from memguard.recycling.servers import Server
from memguard.settings import Settings


def refusal(settings: Settings, server: Server, trouble: str) -> Brake | None:
    """Return the reason, None where the worker can be replaced.

    Args:
        settings: What is wished.
        server: What runs this process.
        trouble: Why the workers of the service cannot agree, empty where they can.
    """
    if settings.recycle == "report":
        return Brake("setting", "the setting `recycle` is `report`")
    if trouble:
        return Brake("place", trouble)
    if words := surroundings.refusal():
        return Brake("surroundings", words)
    if callable(settings.recycle):
        return None
    if words := server.refusal(supervised=settings.supervised):
        return Brake("server", words)
    if (server.workers is None or server.workers <= 1) and not server.keeps_listening:
        words = "no other worker is known that would serve meanwhile, and new connections would be refused"
        return Brake("alone", words)
    return None
