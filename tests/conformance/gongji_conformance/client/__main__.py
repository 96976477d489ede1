"""`python -m gongji_conformance.client -- COMMAND…`."""

from gongji_conformance.client.command import client_command

if __name__ == "__main__":
    client_command(prog_name="python -m gongji_conformance.client")
