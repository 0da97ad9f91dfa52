-- Natural keys and no row ids: equal inputs leave an equal dump, however often the chain runs.

CREATE TABLE IF NOT EXISTS market (
    date TEXT PRIMARY KEY,
    open REAL NOT NULL,
    high REAL NOT NULL,
    low REAL NOT NULL,
    close REAL NOT NULL,
    adjclose REAL NOT NULL,
    volume INTEGER NOT NULL
) WITHOUT ROWID;

-- One row per quarter, dated by the last day of the quarter.
CREATE TABLE IF NOT EXISTS macro (
    date TEXT PRIMARY KEY,
    realgdp REAL NOT NULL,
    realcons REAL NOT NULL,
    realinv REAL NOT NULL,
    realgovt REAL NOT NULL,
    realdpi REAL NOT NULL,
    cpi REAL NOT NULL,
    m1 REAL NOT NULL,
    tbilrate REAL NOT NULL,
    unemp REAL NOT NULL,
    pop REAL NOT NULL,
    infl REAL NOT NULL,
    realint REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS scenario (
    name TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    description TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS scenario_price (
    scenario TEXT NOT NULL,
    date TEXT NOT NULL,
    close REAL NOT NULL,
    PRIMARY KEY (scenario, date)
) WITHOUT ROWID;

-- The SHA-256 of the inputs from which a scenario's metrics were computed.
CREATE TABLE IF NOT EXISTS metric_input (
    scenario TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS metric (
    scenario TEXT PRIMARY KEY,
    total_return REAL NOT NULL,
    annualised_return REAL NOT NULL,
    annualised_volatility REAL NOT NULL,
    sharpe REAL NOT NULL,
    max_drawdown REAL NOT NULL
) WITHOUT ROWID;

-- A value is NULL until its window is full.
CREATE TABLE IF NOT EXISTS metric_series (
    scenario TEXT NOT NULL,
    date TEXT NOT NULL,
    daily_return REAL,
    volatility_21 REAL,
    drawdown REAL NOT NULL,
    sma_20 REAL,
    sma_50 REAL,
    sma_200 REAL,
    rsi_14 REAL,
    PRIMARY KEY (scenario, date)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS metric_correlation (
    scenario TEXT NOT NULL,
    series TEXT NOT NULL,
    quarters INTEGER NOT NULL,
    correlation REAL NOT NULL,
    PRIMARY KEY (scenario, series)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS assessment (
    scenario TEXT NOT NULL,
    strategy TEXT NOT NULL,
    total_return REAL NOT NULL,
    annualised_return REAL NOT NULL,
    annualised_volatility REAL NOT NULL,
    sharpe REAL NOT NULL,
    max_drawdown REAL NOT NULL,
    PRIMARY KEY (scenario, strategy)
) WITHOUT ROWID;

-- The strategies of each scenario by Sharpe ratio, then total return; equals share a rank.
CREATE VIEW IF NOT EXISTS ranking AS
SELECT *, RANK() OVER (PARTITION BY scenario ORDER BY sharpe DESC, total_return DESC) AS rank
FROM assessment;
