"""`python -m printfabric_sim` is the command `printfabric-sim`."""

from printfabric_sim.command import main

main(prog_name="printfabric-sim")
