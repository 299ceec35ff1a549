"""`printfabric completion bash`: what a shell needs to complete commands, printers and job numbers."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from printfabric_client.command.options import Session, command


@command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(session: Session, shell: str) -> None:
    r"""Print the completion script for a shell.

    \b
    bash: printfabric completion bash > ~/.local/share/bash-completion/completions/printfabric
    zsh:  printfabric completion zsh > "${fpath[1]}/_printfabric"
    fish: printfabric completion fish > ~/.config/fish/completions/printfabric.fish
    """
    found = get_completion_class(shell)
    assert found is not None
    root = click.get_current_context().find_root().command
    # Not `source()`, which starts the shell to look at its version; the script is wanted, whichever runs here.
    completion = found(root, {}, "printfabric", "_PRINTFABRIC_COMPLETE")
    script = completion.source_template % completion.source_vars()
    if session.json:
        session.output.value({"shell": shell, "script": script})
    else:
        session.output.line(script)
