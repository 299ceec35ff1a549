"""`python -m printfabric_client.command`."""

from printfabric_client.command import main

main()
