"""``python -m simulator --port N``."""

from simulator.app import main

raise SystemExit(main())
