"""typer's commands and groups, made to start fast: pages of help without a Markdown parser, values without pydantic.

typer converts every value with pydantic, whose import takes longer than most commands. Texts, defaults and
absent values are already what a command expects; anything else takes typer's own way.
"""

import os
import shutil
import sys
from typing import Any

from typer.core import TyperCommand, TyperGroup

from ..output import coloured
from .help import page


class QuickCommand(TyperCommand):
    def get_params(self, ctx: Any) -> list[Any]:
        return [_quickened(parameter) for parameter in super().get_params(ctx)]

    def get_help(self, ctx: Any) -> str:
        return _help(self, ctx)


class QuickGroup(TyperGroup):
    def get_params(self, ctx: Any) -> list[Any]:
        return [_quickened(parameter) for parameter in super().get_params(ctx)]

    def get_help(self, ctx: Any) -> str:
        return _help(self, ctx)


def _help(command: Any, context: Any) -> str:
    return page(command, context, shutil.get_terminal_size().columns, coloured(sys.stdout, os.environ))


def _quickened(parameter: Any) -> Any:
    slowly = type(parameter).process_value

    def process_value(ctx: Any, value: Any) -> Any:
        if not _needs_no_conversion(parameter, value):
            return slowly(parameter, ctx, value)
        return parameter.callback(ctx, parameter, value) if parameter.callback else value

    parameter.process_value = process_value
    return parameter


def _needs_no_conversion(parameter: Any, value: Any) -> bool:
    if parameter.multiple or parameter.nargs != 1:
        return False
    if value is None or value == parameter.default:
        return not (value is None and parameter.required)
    return isinstance(value, str) and parameter.type_descriptor.annotation is str
