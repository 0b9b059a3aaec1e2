"""To see the calls of a framework's function without a frame of our own in every traceback.

The function stays the object that it is. Its code is exchanged for the same code with calls of ours at its
start and at its returns, compiled from its own source with its own line numbers. So tracebacks, signatures,
pickles and `is` are what they are without us. Where that cannot be done a wrapper is put in its place.
"""

import ast
import functools
import itertools
import types

from . import patches

_FUTURE = 0xFF << 17
"""Flags of `from __future__ import ...` in a code object (Include/cpython/code.h), up to Python 3.15."""
_GENERATORS = 0x20 | 0x80 | 0x200
"""CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR."""
_numbers = itertools.count()
hooks = []
"""Functions of ours that were put into others."""


def around(owner, name, before=None, after=None, last=None, returning=None):
    """Have a function call `before(*arguments)` first and `after(result, *arguments)` where it returns.

    last: called with its arguments at its end, also where it raises. returning: called with them before the
    value of a `return` is worked out, where no wrapper is needed. owner: a module or a class. What these
    return is ignored. They must not raise, and must return at once
    while torch traces the function for its compiler. Where it raises, `after` is not called. Returns whether
    it could be done without a wrapper.
    """
    plain = owner.__dict__[name] if isinstance(owner, type) else getattr(owner, name)
    hooks.extend(hook for hook in (before, after, last, returning) if hook is not None)
    inner = plain
    while hasattr(inner, "__wrapped__"):
        inner = inner.__wrapped__
    if _weave(inner, before=before, after=after, last=last, returning=returning):
        return True
    patches.put(owner, name, _wrapper(plain, before, after, last))
    return False


def changed(owner, name, parameter, change):
    """Have a function work with `change(value)` in place of what it is given for one parameter."""
    return _weave(getattr(owner, name), parameter=parameter, change=change)


def _wrapper(plain, before, after, last):
    import inspect

    from . import frames

    try:
        signature = inspect.signature(plain)
    except (TypeError, ValueError):
        signature = None

    def call(*args, **kwargs):
        given, named = args, kwargs
        if signature is not None:
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError:  # the function itself will say so
                return plain(*args, **kwargs)
            bound.apply_defaults()
            given, named = bound.args, bound.kwargs
        if before is not None:
            before(*given, **named)
        try:
            out = plain(*args, **kwargs)
            if after is not None:
                after(out, *given, **named)
            return out
        finally:
            if last is not None:
                last(*given, **named)

    functools.update_wrapper(call, plain)
    frames.OURS.add(call.__code__)
    return call


def _weave(function, parameter=None, **given):
    """Put calls of hooks into a function; False where that cannot be done."""
    code = getattr(function, "__code__", None)
    if not isinstance(function, types.FunctionType) or code.co_flags & _GENERATORS:
        return False
    try:
        tree = _exact(function)
    except (SyntaxError, ValueError, OSError):
        return False
    if tree is None:
        return False
    names = {use: "_envkit_{}".format(next(_numbers)) for use, hook in given.items() if hook is not None}
    _insert(_definition(tree, code), parameter, **names)
    new = _compiled(tree, code)
    if new is None or new.co_freevars != code.co_freevars:
        return False
    if hasattr(code, "co_qualname"):
        new = new.replace(co_qualname=code.co_qualname)
    named = {names[use]: given[use] for use in names}
    function.__globals__.update(named)
    function.__code__ = new
    patches.later(lambda: _unweave(function, code, named))
    return True


def _unweave(function, code, given):
    function.__code__ = code
    for name in given:
        function.__globals__.pop(name, None)


def _exact(function):
    """The syntax tree of the very code that runs, or None: what stands in the file may be another."""
    source, code = _source(function), function.__code__
    if source is None:
        return None
    # A call of what a module imported is compiled in another way than that of a method.
    used = [name for name in code.co_names if name.isidentifier() and name in function.__globals__]
    modules = [name for name in used if isinstance(function.__globals__[name], types.ModuleType)]
    for names in (lambda: modules, lambda: used, lambda: _imported(code.co_filename)):
        tree = ast.parse(source + "".join("\nimport {}".format(name) for name in names()))
        if _compiled(tree, code) == code:
            return tree
    return None


def _imported(path):
    """Names that the module of a file imports. Read only where the guesses were wrong: it is long."""
    with open(path, encoding="utf-8") as file:
        waiting, found = list(ast.parse(file.read()).body), []
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found += [one.asname or one.name.partition(".")[0] for one in node.names if one.name != "*"]
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            waiting += ast.iter_child_nodes(node)
    return found


def _source(function):
    """The text of a function where it stands in its file, so that line numbers are its own; None without."""
    code = function.__code__
    try:
        with open(code.co_filename, encoding="utf-8") as file:
            block = _block(itertools.islice(file, code.co_firstlineno - 1, None))
    except (OSError, ValueError):
        return None
    if not block[:1].isspace():
        return "\n" * (code.co_firstlineno - 1) + block
    owner = function.__qualname__.split(".")[-2:-1]  # its class: names like __x are spelt with it
    if code.co_firstlineno < 2 or not owner or not owner[0].isidentifier():
        return None
    return "\n" * (code.co_firstlineno - 2) + "class {}:\n".format(owner[0]) + block


def _block(lines):
    """The lines up to one that is indented no more than the first, decorators and closing brackets apart."""
    found, body = [], False
    for line in lines:
        text = line.lstrip()
        depth = len(line) - len(text)
        if body and text and text[0] not in "#)" and depth <= len(found[0]) - len(found[0].lstrip()):
            break
        body = body or text.startswith("def ")
        found.append(line)
    return "".join(found)


def _compiled(tree, code):
    """The code of that function in a tree, or None."""
    flags = code.co_flags & _FUTURE
    waiting = [compile(tree, code.co_filename, "exec", flags=flags, dont_inherit=True)]
    while waiting:
        one = waiting.pop()
        if one.co_name == code.co_name and one.co_firstlineno == code.co_firstlineno:
            return one
        waiting += [inner for inner in one.co_consts if isinstance(inner, types.CodeType)]
    return None


def _definition(tree, code):
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            return node
    raise LookupError(code.co_name)


def _insert(definition, parameter, before=None, after=None, last=None, returning=None, change=None):
    """Put calls of global names into a function."""
    if after or returning:
        _Returns(definition.args, after, returning).visit_body(definition)
    body = definition.body
    first = 1 if ast.get_docstring(definition, clean=False) is not None and len(body) > 1 else 0
    place = body[first]
    if after and not isinstance(body[-1], (ast.Return, ast.Raise)):
        none = ast.copy_location(ast.Constant(value=None), body[-1])
        body.append(_at(body[-1], ast.Expr(value=_call(after, definition.args, [none]))))
    if last:
        end = [_at(place, ast.Expr(value=_call(last, definition.args, [])))]
        body[first:] = [_at(place, ast.Try(body=body[first:], handlers=[], orelse=[], finalbody=end))]
    if before:
        body.insert(first, _at(place, ast.Expr(value=_call(before, definition.args, []))))
    if change:
        value = ast.Call(func=_name(change), args=[_name(parameter)], keywords=[])
        target = ast.Name(id=parameter, ctx=ast.Store())
        body.insert(first, _at(place, ast.Assign(targets=[target], value=value)))


def _at(place, node):
    return ast.fix_missing_locations(ast.copy_location(node, place))


def _call(name, arguments, first):
    """A call of `name` with `first` and then what the function was given."""
    args = first + [_name(one.arg) for one in (*getattr(arguments, "posonlyargs", ()), *arguments.args)]
    if arguments.vararg is not None:
        args.append(ast.Starred(value=_name(arguments.vararg.arg), ctx=ast.Load()))
    named = [ast.keyword(arg=one.arg, value=_name(one.arg)) for one in arguments.kwonlyargs]
    if arguments.kwarg is not None:
        named.append(ast.keyword(arg=None, value=_name(arguments.kwarg.arg)))
    return ast.Call(func=_name(name), args=args, keywords=named)


def _name(name):
    return ast.Name(id=name, ctx=ast.Load())


class _Returns(ast.NodeTransformer):
    """Before each `return`: its value is worked out, told, and then returned."""

    def __init__(self, arguments, told, first):
        self._arguments = arguments
        self._told = told
        self._first = first

    def visit_body(self, definition):
        """All returns of a function, not those of functions within it."""
        definition.body = [self._each(one) for one in definition.body]
        definition.body = [one for each in definition.body for one in each]

    def _each(self, node):
        found = self.visit(node)
        return found if isinstance(found, list) else [found]

    def visit_FunctionDef(self, node):
        return node

    visit_AsyncFunctionDef = visit_Lambda = visit_ClassDef = visit_FunctionDef

    def visit_Return(self, node):
        kept = "_envkit_result"
        value = node.value or ast.copy_location(ast.Constant(value=None), node)
        found = [_at(node, ast.Assign(targets=[ast.Name(id=kept, ctx=ast.Store())], value=value))]
        if self._first:
            found.insert(0, _at(node, ast.Expr(value=_call(self._first, self._arguments, []))))
        if self._told:
            found.append(_at(node, ast.Expr(value=_call(self._told, self._arguments, [_name(kept)]))))
        return [*found, _at(node, ast.Return(value=_name(kept)))]
