import sys

ALLOWED = [["--mode", "daily"], ["--mode", "backfill", "--days", "30"], ["--mode", "backfill", "--start-date", "2024-01-01", "--end-date", "2024-03-31"]]

if __name__ == "__main__":
    sys.exit(0 if sys.argv[1:] in ALLOWED else f"unexpected arguments {sys.argv[1:]}")
