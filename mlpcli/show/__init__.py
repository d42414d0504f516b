"""All that a person looks at."""

import logging

# matplotlib logs where it keeps its cache if the home folder is read-only
logging.getLogger("matplotlib").setLevel(logging.ERROR)
