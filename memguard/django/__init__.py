"""Django: `MIDDLEWARE = ["memguard.django.MemGuardMiddleware", ...]`, settings in the `MEMGUARD` dict.

With `"memguard.django"` in `INSTALLED_APPS`, `manage.py check` also looks over how memguard is set up.
"""

from memguard.django.middleware import MemGuardMiddleware

__all__ = ["MemGuardMiddleware"]
