import sys

ALLOWED = [["--mode", "daily"], ["--mode", "backfill", "--days", "30"]]

if __name__ == "__main__":
    sys.exit(0 if sys.argv[1:] in ALLOWED else f"unexpected arguments {sys.argv[1:]}")
