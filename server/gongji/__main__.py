"""`python -m gongji` is the `gongji` command."""

from gongji.cli import main

if __name__ == "__main__":
    main()
