"""What a class says of itself, read as `type` itself reads it: asking the class may run code of its metaclass."""

_MODULE, _QUALNAME = (type.__dict__[f"__{name}__"] for name in ("module", "qualname"))


def type_name(kind: type) -> str:
    """Return `module.qualname` of a class; the bare name of a built-in one."""
    module, name = _MODULE.__get__(kind), _QUALNAME.__get__(kind)
    if not isinstance(module, str) or module == "builtins":
        return str(name)
    return f"{module}.{name}"


def module_of(kind: type) -> str:
    """Return the name of the module a class says it is from, or an empty string."""
    module = _MODULE.__get__(kind)
    return module if isinstance(module, str) else ""
