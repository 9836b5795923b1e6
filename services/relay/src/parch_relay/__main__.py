"""`parch-relay`: runs the relay, or manages its table of hosts."""

from .commands import main

if __name__ == "__main__":
    main()
