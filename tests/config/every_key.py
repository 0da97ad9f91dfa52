"""A native file in which every key that there is stands at least once."""

TEXT = """\
version: 1
project: shop
title: A shop's figures
timezone: Europe/Berlin
state: sqlite:///state/tetra.db
python: python3
pythonpath: [src]
plugins: [shop_types, {upload: "shop.upload:Upload"}]
env:
  inherit: base
  pass: [LD_LIBRARY_PATH]
  set: {REGION: eu, LEVEL: 3}
secrets:
  API_KEY: {file: keys/api}
  DB_PASSWORD: {command: [echo, hidden]}
include: [more/*.yaml]
logs:
  dir: logs
  file: logs/all.log
  format: json
  level: warning
  redact: true
  redact_patterns: ["[0-9]{4}-[0-9]{4}", token=.+]
  keep: {runs: 50, days: 90, bytes: 5GB}
host: {cpu: 7.5, memory: 16GB, gpu: 1, max_parallel: 4, timeout: 90s}
timers: {sandbox: strict, at_once: 2, spread: 5m}
pools: {warehouse: 2, api: {size: 5, scope: host}}
runner: local
runners:
  big:
    type: slurm
    partition: long
    account: lab
    qos: high
    options: [--constraint=ssd]
    max_jobs: 500
    poll: 1.5s
    lease: 1m
sessions:
  etl: {threads: 2, python: python3}
params:
  days: 5
  region: {type: str, default: eu}
  rate: {type: float, default: 0.5}
  until: {type: str}
defaults:
  task:
    timeout: 2h
    wall_timeout: 1d
    kill_grace: 10s
    retry: {max_attempts: 2}
    resources: {cpu: 1}
    log_limit: 1GB
  run: {timeout: 6h, stop_after: 3, max_parallel: 4, max_retries: 10, barriers: true}
pipelines:
  extract:
    command: [sh, -c, "echo {params.days}"]
    args: [--region, "{params.region}"]
    description: Fetch what was sold
    provides: [raw]
    max_data_age: 1d12h
    timeout: 90
    wall_timeout: 3m
    log_limit: 100MB
    kill_grace: 0
    retry:
      max_attempts: 5
      delay: 1.5s
      backoff: 2
      max_delay: 5m
      jitter: 0.1
      on_exit_codes: [1, 75]
      on_output: [timed.out]
      on_errors: [timeout, connection_error]
      not_on_errors: [schema_error]
    resources: {cpu: 0.5, memory: 64KB, gpu: 1, disk: 1.5GB, processes: 10, open_files: 100, workers: 2, grow: 1.5}
    continue_on: {failure: false, exit_codes: [3], output: some rows were left out}
    enabled: true
    env: {API_KEY: "${API_KEY}"}
    cwd: src
    python: python3
    pool: {warehouse: 2}
    priority: -5
    outputs: {rows: int, files: list}
    output_limit: 64KB
    expected: 10m
    tags: {team: sales}
    tenant: acme
    runner: big
    cache: {inputs: ["data/{params.region}/*.csv", src], max_age: 24h}
    idempotent: true
    on_lost: resume
    background: false
    survive: true
    on_failure:
      notify: [email]
      fallback: use_cached_data
      escalate: chief
      escalate_after: {failures: 3, time: 1h}
      partial: true
      checkpoint: true
    data:
      files: {file: "data/*.csv", max_age: 25h, moves: false}
      table:
        sql: select max(ts) from sales
        url: sqlite:///data/sales.db
        due: "0 6 * * *"
        timezone: local
        grace: 30m
      rows: {sql: select count(*) from sales, url: sqlite:///data/sales.db, counts: true}
      feed: {http: "https://example.com/feed.csv"}
    hooks: {on_failure: [tell, the team], timeout: 30s}
  spare:
    on_failure: {fallback: {module: shop.spare, args: [--all]}}
    shell: echo nothing
  server:
    on_failure: {fallback: {command: [serve, --spare]}}
    module: shop.server
    until: stopped
    ready_when: listening on [0-9]+
  report:
    on_failure: {fallback: {use: check}}
    requires: [raw]
    depends_on: [extract, {server: ready}]
    tasks:
      clean:
        function: shop.clean.run
        config: {strict: true, limits: [1, 2.5, null], deep: {no: matter}}
        reads: [raw]
        writes: [clean]
        session: etl
        pool: [warehouse, api]
      write:
        type: upload
        depends_on: [clean: finished]
        pool: api
      check:
        shell: echo checked
  announce:
    on_failure: {fallback: {shell: echo spare}}
    shell: echo "$REGION"
    run_if: {extract: {states: [succeeded, partial], exit_codes: [0, 3], output: done}}
default_mode: daily
modes:
  daily: [extract, {announce: [--short]}]
  backfill:
    pipelines: [{extract: [--start-date, "{partition.start}", --days, 30]}, {report: {check: [--all]}}]
    partition: range
    params: {days: 30, until: today}
    run: {timeout: 3h, stop_after: 1, max_parallel: 1, max_retries: 0, barriers: false}
    description: Everything again
schedules:
  nightly:
    mode: daily
    cron: "0 2 * * *"
    timezone: local
    enabled: true
    catch_up: {policy: all, window: 3d, count: 5}
    overlap: queue
    dst: {gap: skip, fold: both}
    jitter: 30s
    max_concurrent_runs: 2
    priority: 5
    on_startup: true
    tags: {kind: nightly}
    heartbeat: https://example.com/ping/1
  often: {pipelines: [extract], every: 6h, catch_up: latest}
  once: {mode: daily, at: "2030-12-01T02:00"}
tenants:
  acme: {concurrency: 1, env: {REGION: eu}, secrets: {ACME_KEY: {file: keys/api}}}
notifications: {on_success: [], on_failure: [email]}
hooks:
  on_start: [hook, start]
  on_success: [hook]
  on_partial: [hook]
  on_failure: [hook]
  on_late: [hook]
  on_recovered: [hook]
  on_exit: [hook, --all]
  timeout: 90s
alerting:
  channels:
    email:
      recipients: [ops@example.com, "The team <team@example.com>"]
      smtp_server: smtp.example.com
      smtp_port: 587
      security: starttls
      sender: tetra@example.com
      username: tetra
      password: "${DB_PASSWORD}"
      resolved: false
    chief: {type: sms, command: [send-sms], recipients: ["+491700000000"]}
    slack: {webhook_url: "https://hooks.example.com/1", channel: "#pipelines", enabled: false}
    pagerduty: {api_key: "${API_KEY}", service_id: P1}
    hook: {type: webhook, url: "https://example.com/told", headers: {X-Token: abc}}
    any: {type: apprise, url: "ntfy://topic"}
  rules:
    - {name: Many errors, condition: error_rate > 0.1, severity: high, channels: [email], pipelines: [extract], for: 5m}
  findings: {channels: [email], ignore: [cpu_high]}
  maintenance:
    - {name: Sunday, cron: "0 2 * * 0", length: 4h, timezone: Europe/Paris}
    - {name: Move, from: 2030-12-01T02:00, to: 2030-12-01T06:00, pipelines: [extract]}
  resolve_after: 15m
  remind: 4h
  rate: 10
monitor:
  enabled: true
  interval: 5m
  slow_task: 300s
  log_age: 25h
  error_window: 20
  endpoints: ["https://example.com/health", "tcp://db.example.com:5432"]
  disk_free: 0.1
  memory_free: 0.05
  cpu_load: 1.5
  open_files: 0.8
  textfile: metrics/tetra.prom
  heartbeat: https://example.com/ping/2
"""
